//! Running a program to its end, and compiling one to run.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How a program ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// The value that the program printed as `key=value`.
    pub fn said(&self, key: &str) -> Option<u64> {
        let words = self.stdout.split_whitespace();
        let mut pairs = words.filter_map(|word| word.split_once('='));
        pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse().ok())
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Result<Ended> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    Ok(output.into())
}

/// Compiles one of `tests/programs/c` into a folder.
pub fn compile(source: &str, into: &Path) -> Result<PathBuf> {
    let name = source.split_once('.').map_or(source, |(stem, _)| stem);
    compile_as(source, &into.join(name), &[])
}

/// Compiles one of `tests/programs/c` to a file, with flags of its own.
pub fn compile_as(source: &str, binary: &Path, flags: &[&str]) -> Result<PathBuf> {
    let path = super::root().join("tests/programs/c").join(source);
    let compiler = if source.ends_with(".cpp") { "g++" } else { "gcc" };
    let mut command = Command::new(compiler);
    command.args(["-O2", "-g", "-pthread"]).args(flags).arg("-o").arg(binary).arg(&path).arg("-ldl");
    let ended = run(&mut command)?;
    ensure!(ended.code == Some(0), "cannot compile `{source}`: {}", ended.stderr);
    Ok(binary.to_path_buf())
}

/// Compiles one of `tests/programs/c` into a folder, with `own_allocator.c` in place of the C library's allocator.
pub fn compile_with_own_allocator(source: &str, into: &Path, flags: &[&str]) -> Result<PathBuf> {
    let flags = [&["-shared", "-fPIC", "-fno-builtin"], flags].concat();
    compile_as("own_allocator.c", &into.join("libown.so"), &flags)?;
    let search = format!("-L{}", into.display());
    let flags = ["-Wl,--no-as-needed", &search, "-lown", "-Wl,-rpath,$ORIGIN"];
    compile_as(source, &into.join("program"), &flags)
}
