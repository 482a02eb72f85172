//! One run of a program: alone, under the capture library, or under heaptrack.

use super::workload::Program;
use crate::shell::root;
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Native,
    Ours,
    HeaptrackRaw,
    Heaptrack,
}

/// What one run took.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) wall: Duration,
    /// Of all its processes and threads.
    pub(super) cpu: Duration,
    /// Of its largest process.
    pub(super) peak_kib: u64,
    pub(super) capture_bytes: u64,
    /// What the program said.
    pub(super) said: String,
}

impl Variant {
    pub(super) const ALL: [Self; 4] = [Self::Native, Self::Ours, Self::HeaptrackRaw, Self::Heaptrack];

    pub(super) fn measure(self, program: &Program, folder: &Path) -> Result<Run> {
        let captures = folder.join("captures");
        // What an interrupted run left.
        drop(std::fs::remove_dir_all(&captures));
        std::fs::create_dir_all(&captures)?;
        let usage = folder.join("usage");
        let mut command = self.command(program, &captures, &usage);
        command.stdin(program.input()?).stderr(Stdio::null());
        let start = Instant::now();
        let output = command.output().with_context(|| format!("cannot run {self}"))?;
        let wall = start.elapsed();
        ensure!(output.status.success(), "{self} failed: {}", output.status);
        let (cpu, peak_kib) = used(&std::fs::read_to_string(&usage)?)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let capture_bytes = size_of_files(&captures)?;
        std::fs::remove_dir_all(&captures)?;
        ensure!(self == Self::Native || capture_bytes > 0, "{self} left no capture");
        Ok(Run { wall, cpu, peak_kib, capture_bytes, said })
    }

    /// `time` and `env` replace themselves by what they start: they cost each variant the same thousandth of a second.
    fn command(self, program: &Program, captures: &Path, usage: &Path) -> Command {
        let mut command = Command::new("time");
        command.args(["--format", "%U %S %M", "--output"]).arg(usage);
        command.envs(program.environment);
        match self {
            Self::Native => command.arg("env"),
            Self::Ours => {
                let library = root().join("target/release/libbytehound.so");
                let output = captures.join("capture.dat");
                command
                    .arg("env")
                    .arg(format!("MEMORY_PROFILER_OUTPUT={}", output.display()))
                    .arg(format!("LD_PRELOAD={}", library.display()))
            }
            Self::HeaptrackRaw => command.args(["heaptrack", "--raw", "-o"]).arg(captures.join("capture")),
            Self::Heaptrack => command.args(["heaptrack", "-o"]).arg(captures.join("capture")),
        };
        command.args(&program.words);
        command
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Ours => "bytehound",
            Self::HeaptrackRaw => "heaptrack --raw",
            Self::Heaptrack => "heaptrack",
        })
    }
}

/// User and system time together, and the peak in KiB, as `time` wrote them.
fn used(line: &str) -> Result<(Duration, u64)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [user, system, peak] = words[..] else { anyhow::bail!("`time` wrote `{line}`") };
    Ok((Duration::from_secs_f64(user.parse::<f64>()? + system.parse::<f64>()?), peak.parse()?))
}

fn size_of_files(folder: &Path) -> Result<u64> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
    entries.sum()
}
