//! One program, captured by us and by heaptrack: who tells first what it allocated.

use crate::bench::capture::{Program, Workload};
use crate::bench::generated::folder;
use crate::build;
use crate::shell::{root, run};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 3;
/// What a second start may take until it has answered, in seconds.
const SECOND_START: f64 = 0.15;

/// Seconds, the least of some runs.
pub(super) struct Beside {
    heaptrack_print: f64,
    /// From a capture to an answer, with the index built on the way.
    first_start: f64,
    second_start: f64,
}

pub(super) fn measure() -> Result<Beside> {
    let folder = folder()?.join("beside");
    // What an interrupted run left.
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder)?;
    let program = Workload::Shallow.prepare(&folder)?;
    let ours = captured(&program, &folder)?;
    let heaptrack = captured_by_heaptrack(&program, &folder)?;
    let script = folder.join("script.rhai");
    std::fs::write(&script, "println(allocations().only_leaked().group_by_backtrace().len());")?;
    let mut least = Beside { heaptrack_print: f64::MAX, first_start: f64::MAX, second_start: f64::MAX };
    // In turn, so that a slow minute of the machine falls on all.
    for _ in 0..RUNS {
        let print = || Ok(Command::new("heaptrack_print").arg(&heaptrack).output()?.status.success());
        least.heaptrack_print = least.heaptrack_print.min(seconds("heaptrack_print", print)?);
        let data = folder.join("data");
        drop(std::fs::remove_dir_all(&data));
        let answer = || {
            let mut command = Command::new(build::executable());
            command.arg("script").arg("--data-dir").arg(&data).arg("--data").arg(&ours).arg(&script);
            Ok(command.stdout(Stdio::null()).status()?.success())
        };
        least.first_start = least.first_start.min(seconds("the first start", answer)?);
        least.second_start = least.second_start.min(seconds("the second start", answer)?);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(least)
}

fn captured(program: &Program, folder: &Path) -> Result<PathBuf> {
    let capture = folder.join("capture.dat");
    let mut command = Command::new(program.words.first().context("there is no program")?);
    command.env("LD_PRELOAD", root().join("target/release/libbytehound.so"));
    run(command.env("MEMORY_PROFILER_OUTPUT", &capture).stdout(Stdio::null()))?;
    Ok(capture)
}

fn captured_by_heaptrack(program: &Program, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("heaptrack");
    command.arg("-o").arg(folder.join("heaptrack")).args(&program.words);
    run(command.stdout(Stdio::null()))?;
    let entries = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut captures = entries
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("heaptrack.")));
    captures.next().context("heaptrack left no capture")
}

fn seconds(what: &str, work: impl FnOnce() -> Result<bool>) -> Result<f64> {
    let start = Instant::now();
    ensure!(work()?, "{what} failed");
    Ok(start.elapsed().as_secs_f64())
}

impl Beside {
    pub(super) fn missed(&self) -> Vec<String> {
        let slower = (self.first_start > self.heaptrack_print).then(|| {
            format!(
                "{:.2} s to the first answer, heaptrack_print {:.2} s",
                self.first_start, self.heaptrack_print
            )
        });
        let late = (self.second_start > SECOND_START)
            .then(|| format!("a second start takes {:.3} s, at most {SECOND_START}", self.second_start));
        slower.into_iter().chain(late).collect()
    }

    pub(super) fn print(&self) {
        println!("\n10 million pairs of malloc and free of one program, from its capture to an answer:");
        println!("  heaptrack_print            {:>7.2} s", self.heaptrack_print);
        println!("  bytehound, first start     {:>7.2} s", self.first_start);
        println!("  bytehound, second start    {:>7.3} s, at most {SECOND_START}", self.second_start);
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "heaptrack_print_seconds": self.heaptrack_print,
            "first_start_seconds": self.first_start,
            "second_start_seconds": self.second_start,
            "missed": self.missed(),
        })
    }
}
