//! The programs that are measured. Those of our own say how many events they make: `events=… stacks=… threads=…`.

use super::measure::Variant;
use crate::shell::{self, root, run};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::bench) enum Workload {
    /// 10 million pairs of malloc and free of random sizes, with a live set, from a shallow stack.
    Shallow,
    /// 3 million pairs at a stack depth of 50 to 100, where the upper half changes all the time.
    Deep,
    /// 8 million pairs by four threads that free each other's blocks.
    Threads,
    /// JSON and dictionaries in python3, with every object a block of its own.
    Python,
    /// Inserts, joins and JSON in sqlite3, in memory.
    Sqlite,
    /// The C++ compiler on a file full of templates.
    Compiler,
    /// C++ exceptions, `std::map` and `std::string`.
    Exceptions,
}

/// A program, ready to be run.
pub(in crate::bench) struct Program {
    pub(in crate::bench) words: Vec<OsString>,
    pub(super) environment: Option<(&'static str, &'static str)>,
    pub(super) input: Option<PathBuf>,
}

impl Workload {
    /// Whether a variant gets through the workload at all.
    pub(super) fn stands(self, variant: Variant) -> bool {
        variant != Variant::Heaptrack || self.why_without_heaptrack().is_none()
    }

    /// Why heaptrack is measured with `--raw` alone here.
    pub(super) fn why_without_heaptrack(self) -> Option<&'static str> {
        let grows = "its interpreter grows to 18 GB on so many stacks, and dies after a minute";
        matches!(self, Self::Deep | Self::Compiler).then_some(grows)
    }

    /// Compiles what there is to compile.
    pub(in crate::bench) fn prepare(self, folder: &Path) -> Result<Program> {
        let ours = |source: &str, flags: &str| Ok(Program::of([compile(source, flags, folder)?.into()]));
        match self {
            Self::Shallow => ours("shallow.c", "-O2 -g"),
            Self::Deep => ours("deep.c", "-O2 -g"),
            Self::Threads => ours("threads.c", "-O2 -g -pthread"),
            Self::Exceptions => ours("exceptions.cpp", "-O2 -g"),
            Self::Python => {
                let python = Program::of(["/usr/bin/python3".into(), source("work.py").into()]);
                Ok(Program { environment: Some(("PYTHONMALLOC", "malloc")), ..python })
            }
            Self::Sqlite => {
                let sqlite = Program::of(["sqlite3".into(), ":memory:".into()]);
                Ok(Program { input: Some(source("work.sql")), ..sqlite })
            }
            Self::Compiler => compiler(folder),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Program {
    fn of(words: impl Into<Vec<OsString>>) -> Self {
        Self { words: words.into(), environment: None, input: None }
    }

    /// The standard input that it gets.
    pub(super) fn input(&self) -> Result<Stdio> {
        let Some(path) = &self.input else { return Ok(Stdio::null()) };
        let file = std::fs::File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
        Ok(file.into())
    }
}

fn source(name: &str) -> PathBuf {
    root().join("tests/programs/bench").join(name)
}

fn compile(name: &str, flags: &str, folder: &Path) -> Result<PathBuf> {
    let (stem, language) = name.split_once('.').unwrap_or((name, "c"));
    let binary = folder.join(stem);
    let compiler = if language == "cpp" { "g++" } else { "gcc" };
    run(shell::program(&format!("{compiler} {flags} -o")).arg(&binary).arg(source(name)))?;
    Ok(binary)
}

/// The compiler proper, on preprocessed text: what `g++` starts would not be seen.
fn compiler(folder: &Path) -> Result<Program> {
    let text = folder.join("templates.ii");
    run(shell::program("g++ -std=c++17 -E -o").arg(&text).arg(source("templates.cpp")))?;
    let found = Command::new("g++").arg("-print-prog-name=cc1plus").output().context("cannot start `g++`")?;
    let path = String::from_utf8(found.stdout)?.trim().to_owned();
    let flags = ["-fpreprocessed", "-quiet", "-std=c++17", "-O2", "-o", "/dev/null"];
    let words = std::iter::once(path.into()).chain(flags.map(OsString::from)).chain([text.into()]);
    Ok(Program::of(words.collect::<Vec<_>>()))
}
