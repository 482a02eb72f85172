//! `cargo xtask bench NAME`: one thing, side by side with its peers, in turn, medians of several runs.
//!
//! The machines are noisy: what counts are the ratios within one run.

use crate::build;
use crate::shell::{cargo, program, root, run};
use crate::tools;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure.
    name: Name,
    /// Runs of each.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// What the capture library adds to a shallow malloc/free loop, against heaptrack.
    Capture,
    /// Loading and indexing a capture of 10 million pairs: events a second, anonymous memory.
    Ingest,
}

/// Pairs of malloc and free in the loop.
const PAIRS: u32 = 10_000_000;

pub(crate) fn start(options: &Options) -> Result<()> {
    match options.name {
        Name::Capture => capture(options.runs),
        Name::Ingest => ingest(),
    }
}

fn ingest() -> Result<()> {
    run(&mut cargo("build --release --locked -p bytehound-index --example ingest"))?;
    let file = root().join("target/bench/ten-million-pairs.dat");
    std::fs::create_dir_all(root().join("target/bench"))?;
    let example = root().join("target/release/examples/ingest");
    if !file.exists() {
        run(Command::new(&example).args(["generate", &PAIRS.to_string()]).arg(&file))?;
    }
    run(Command::new(&example).arg("ingest").arg(&file))
}

fn capture(runs: usize) -> Result<()> {
    tools::install(tools::FOR_BENCHES)?;
    build::everything()?;
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let program = compile(&folder)?;
    let variants = [Variant::Native, Variant::Bytehound, Variant::HeaptrackRaw, Variant::Heaptrack];
    let mut times = vec![Vec::new(); variants.len()];
    // In turn, so that a slow minute of the machine falls on all of them.
    for turn in 0..runs {
        for (variant, times) in variants.iter().zip(&mut times) {
            times.push(variant.measure(&program, &folder, turn)?);
        }
    }
    report(&variants, &mut times);
    Ok(())
}

fn compile(folder: &Path) -> Result<PathBuf> {
    let binary = folder.join("shallow_loop");
    run(program("gcc -O2 -g tests/programs/c/shallow_loop.c -o").arg(&binary))?;
    Ok(binary)
}

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Native,
    Bytehound,
    HeaptrackRaw,
    Heaptrack,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Bytehound => "bytehound",
            Self::HeaptrackRaw => "heaptrack --raw",
            Self::Heaptrack => "heaptrack",
        }
    }

    fn measure(self, program: &Path, folder: &Path, turn: usize) -> Result<Duration> {
        let output = folder.join(format!("{}-{turn}", self.name().replace(' ', "")));
        let mut command = match self {
            Self::Native => Command::new(program),
            Self::Bytehound => {
                let mut command = Command::new(program);
                command.env("LD_PRELOAD", root().join("target/release/libbytehound.so"));
                command.env("MEMORY_PROFILER_OUTPUT", &output);
                command
            }
            Self::HeaptrackRaw | Self::Heaptrack => {
                let mut command = Command::new("heaptrack");
                command
                    .args((self == Self::HeaptrackRaw).then_some("--raw"))
                    .arg("-o")
                    .arg(&output)
                    .arg(program);
                command
            }
        };
        let start = Instant::now();
        let status = command.arg(PAIRS.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let elapsed = start.elapsed();
        let status = status.with_context(|| format!("cannot run {}", self.name()))?;
        ensure!(status.success(), "{} failed: {status}", self.name());
        for entry in std::fs::read_dir(folder)?.flatten() {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(&*output.file_name().unwrap_or_default().to_string_lossy())
            {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(elapsed)
    }
}

fn report(variants: &[Variant], times: &mut [Vec<Duration>]) {
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let events = 2.0 * f64::from(PAIRS);
    println!("{:<16} {:>9} {:>9} {:>12}", "", "wall s", "added s", "ns an event");
    for (variant, median) in variants.iter().zip(&medians) {
        let added = median - medians[0];
        println!("{:<16} {median:>9.2} {added:>9.2} {:>12.0}", variant.name(), added * 1e9 / events);
    }
    let ratio = |of: usize, to: usize| (medians[of] - medians[0]) / (medians[to] - medians[0]);
    println!("added by bytehound / added by heaptrack --raw: {:.2}", ratio(1, 2));
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}
