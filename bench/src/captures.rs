//! Captures as files, each with its answers beside it.

use anyhow::{Context, Result, ensure};
use bytehound_bench::{Answers, Shape, generate};
use clap::Args;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct GenDat {
    #[command(flatten)]
    shape: Shape,
    /// The capture; its answers get the same name with `.json`.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Makes a capture and its answers. They get their names when they are complete.
pub(crate) fn make(options: &GenDat) -> Result<()> {
    let path = &options.output;
    let (beside, partial) = (answers_path(path), path.with_extension("partial"));
    ensure!(
        *path != beside && *path != partial,
        "`{}` is the name of something else: end it in `.dat`",
        path.display()
    );
    let file = File::create(&partial).with_context(|| format!("cannot create `{}`", partial.display()))?;
    let answers = generate(&options.shape, BufWriter::new(file))?;
    let mut json = BufWriter::new(File::create(&beside)?);
    serde_json::to_writer(&mut json, &answers)?;
    json.flush()?;
    std::fs::rename(&partial, path)?;
    let bytes = path.metadata()?.len();
    println!(
        "{} events, {} allocations from {} stacks, {} leaked, at most {} bytes alive: {bytes} bytes in `{}`",
        answers.events,
        answers.allocations,
        answers.groups.len(),
        answers.leaked_count,
        answers.peak_bytes,
        path.display()
    );
    Ok(())
}

/// What is known of a capture.
pub(crate) fn answers(path: &Path) -> Result<Answers> {
    let beside = answers_path(path);
    let file = File::open(&beside).with_context(|| format!("cannot open `{}`", beside.display()))?;
    Ok(serde_json::from_reader(BufReader::new(file))?)
}

fn answers_path(path: &Path) -> PathBuf {
    path.with_extension("json")
}
