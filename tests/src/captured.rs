//! A program run under `bytehound run`, and what its capture holds.

use crate::{Ended, bytehound, run};
use anyhow::Result;
use bytehound_format::{Event, Reader};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A captured run.
pub struct Capture {
    /// Where the capture is.
    pub path: PathBuf,
    /// How the program ended.
    pub ended: Ended,
}

impl Capture {
    /// Runs a program under `bytehound run`; its capture goes to `folder/name.dat`.
    pub fn of<S: AsRef<OsStr>>(folder: &Path, name: &str, words: &[S]) -> Result<Self> {
        let path = folder.join(format!("{name}.dat"));
        let mut command = Command::new(bytehound());
        command.arg("run").arg("--output").arg(&path).arg("--").args(words).current_dir(folder);
        let ended = run(&mut command)?;
        Ok(Self { path, ended })
    }

    /// Runs the simulation for so many seconds.
    pub fn of_simulation(folder: &Path, name: &str, seconds: f64, extra: &[&str]) -> Result<Self> {
        let seconds = seconds.to_string();
        let program = crate::simulation();
        let mut words = vec![program.as_os_str(), OsStr::new("--seconds"), OsStr::new(&seconds)];
        words.extend(extra.iter().map(OsStr::new));
        let capture = Self::of(folder, name, &words)?;
        anyhow::ensure!(capture.ended.code == Some(0), "the simulation failed: {}", capture.ended.stderr);
        Ok(capture)
    }

    /// What the simulation said of one of its patterns: (allocated, leaked, leaked bytes).
    pub fn pattern(&self, name: &str) -> Option<(u64, u64, u64)> {
        let line = self.ended.stdout.lines().find(|line| line.starts_with(&format!("pattern={name} ")))?;
        let value = |key: &str| {
            let words = line.split_whitespace().filter_map(|word| word.split_once('='));
            words.filter(|(name, _)| *name == key).find_map(|(_, value)| value.parse().ok())
        };
        Some((value("allocated")?, value("leaked")?, value("leaked_bytes")?))
    }
}

/// Blocks that a capture says were allocated, reallocs included.
pub fn allocations_of(path: &Path) -> Result<u64> {
    let mut reader = Reader::new(std::fs::File::open(path)?)?;
    let mut count = 0;
    while let Some(event) = reader.next_event()? {
        count += u64::from(matches!(
            event,
            Event::Alloc { .. } | Event::AllocEx { .. } | Event::Realloc { .. } | Event::ReallocEx { .. }
        ));
    }
    Ok(count)
}
