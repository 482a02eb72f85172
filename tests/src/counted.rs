//! Programs that count what they allocate, under capture.

use crate::{Capture, Ended, Sites, compile, index, run, sites_in};
use anyhow::{Context, Result, ensure};
use bytehound_index::Profile;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};

/// A program's run under capture, which went as it goes without.
pub struct Run {
    /// The command.
    pub what: String,
    /// Where it ran, with the program and its captures.
    pub folder: TempDir,
    /// Its capture.
    pub capture: Capture,
    /// What it said of its call sites.
    pub told: Sites,
}

impl Run {
    /// Compiles one of `tests/programs/c` and runs it.
    pub fn of(source: &str, arguments: &[&str]) -> Result<Self> {
        let folder = tempdir()?;
        let program = compile(source, folder.path())?;
        Self::of_program(folder, &program, arguments)
    }

    /// Runs a program in a folder.
    pub fn of_program(folder: TempDir, program: &Path, arguments: &[&str]) -> Result<Self> {
        let plain = run(Command::new(program).args(arguments).current_dir(folder.path()))?;
        let program = program.to_str().context("the path is no text")?;
        let words: Vec<_> = std::iter::once(program).chain(arguments.iter().copied()).collect();
        let capture = Capture::of(folder.path(), "program", &words)?;
        let what = words.join(" ");
        assert_eq!(without_our_words(&capture.ended), plain, "{what}");
        let told = plain.sites();
        ensure!(!told.is_empty(), "`{what}` told of no call site: {}", plain.stdout);
        Ok(Self { what, folder, capture, told })
    }

    /// Its capture, indexed.
    pub fn profile(&self) -> Result<Arc<Profile>> {
        index(&self.capture.path)
    }
}

/// What the program itself said, without what `bytehound run` adds to its standard error.
fn without_our_words(ended: &Ended) -> Ended {
    let lines = ended.stderr.lines().filter(|line| !line.starts_with("bytehound: "));
    Ended {
        code: ended.code,
        stdout: ended.stdout.clone(),
        stderr: lines.map(|line| format!("{line}\n")).collect(),
    }
}

/// Nothing is missing, nothing is too much, and nothing contradicts itself.
pub fn check(run: &Run) -> Result<Arc<Profile>> {
    let profile = run.profile()?;
    assert_eq!(sites_in(&profile, &run.told), run.told, "{}", run.what);
    assert_eq!(profile.manifest().defects, [""; 0], "{}", run.what);
    Ok(profile)
}
