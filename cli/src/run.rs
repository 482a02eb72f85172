//! `bytehound run`: runs a program under the capture library, and is as invisible as it can be: the program's input,
//! output, signals and exit status are its own.

mod captures;
mod rescue;
mod signals;

use crate::arguments::RunArguments;
use crate::live::{Live, Sent};
use anyhow::{Context, Result, ensure};
use bytehound_settings::Settings;
use captures::{Pattern, Processes};
use rescue::{Rescued, Shared};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::SystemTime;

/// Runs the program; its exit code is ours. If a signal ends it, the same one ends us.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8> {
    let library = library(arguments.library.as_deref())?;
    let pattern = output_pattern(arguments.output.clone())?;
    let (program, rest) = arguments.program.split_first().context("no program given")?;
    let mut command = Command::new(program);
    command.args(rest).env("LD_PRELOAD", preload(&library)).env("MEMORY_PROFILER_OUTPUT", &pattern);
    if !arguments.labels.is_empty() {
        command.env("MEMORY_PROFILER_LABELS", label_lines(&arguments.labels));
    }
    let settings = settings(&command);
    let shared = Shared::with(&mut command);
    let started = SystemTime::now();
    let captures = |pid| {
        let processes = if settings.track_child_processes { Processes::All } else { Processes::One(pid) };
        Pattern::new(&pattern, processes)
    };
    let mut live = None;
    let begin = |pid| {
        let captures = captures(pid);
        let find = move || captures.find_since(started).into_iter().map(|(path, _)| path).collect();
        live = Live::begin_if_wanted(&arguments.live, find);
    };
    let (pid, status) = signals::run(&mut command, begin)
        .with_context(|| format!("cannot run `{}`", program.to_string_lossy()))?;
    complete(&shared, status);
    if !pattern.as_os_str().is_empty() {
        report(&captures(pid), started);
    }
    live.map(Live::end).into_iter().flatten().for_each(report_sent);
    signals::end_like(status)
}

/// The capture library: as told, else beside this program.
fn library(told: Option<&Path>) -> Result<PathBuf> {
    let path = match told {
        Some(path) => path.to_path_buf(),
        None => std::env::current_exe()?.with_file_name("libbytehound.so"),
    };
    ensure!(
        path.exists(),
        "the capture library is not at `{}`; put `libbytehound.so` there, or say where it is with `--library`",
        path.display()
    );
    let path = path.canonicalize()?;
    let separates = |byte: &u8| matches!(byte, b' ' | b':');
    ensure!(
        !path.as_os_str().as_encoded_bytes().iter().any(separates),
        "the path `{}` has a space or a colon, which LD_PRELOAD takes for a separator; move the library",
        path.display()
    );
    Ok(path)
}

/// Absolute, since the program may go elsewhere before it opens its capture.
fn output_pattern(told: Option<PathBuf>) -> Result<PathBuf> {
    let told = told.or_else(|| std::env::var_os("MEMORY_PROFILER_OUTPUT").map(PathBuf::from));
    let default = || OsString::from_vec(Settings::default().output).into();
    let told = told.unwrap_or_else(default);
    // No file is wanted then, and surely not one in the place of this folder.
    Ok(if told.as_os_str().is_empty() { told } else { std::env::current_dir()?.join(told) })
}

/// The settings that the program will find; says what is doubtful about them.
fn settings(command: &Command) -> Settings {
    let changed: BTreeMap<_, _> = command.get_envs().collect();
    let inherited = std::env::vars_os().filter(|(name, _)| !changed.contains_key(name.as_os_str()));
    let set = changed.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
    let entries: Vec<_> =
        inherited.chain(set).map(|(name, value)| [name, value].join(OsStr::new("="))).collect();
    let entries = || entries.iter().map(|entry| entry.as_encoded_bytes());
    for warning in bytehound_settings::warnings(entries()) {
        eprintln!("bytehound: warning: {warning}");
    }
    let mut settings = Settings::default();
    entries().for_each(|entry| settings.apply(entry));
    settings
}

/// Our library first, then whatever was to be preloaded anyway.
fn preload(library: &Path) -> OsString {
    let mut preload = library.as_os_str().to_owned();
    if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    preload
}

fn label_lines(labels: &[(String, String)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

/// Adds to the capture what the program did not get to write, and says so.
fn complete(shared: &Result<Shared>, status: ExitStatus) {
    match shared.as_ref().map(|shared| shared.rescue(status)) {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(Rescued { path, finished }))) => eprintln!(
            "bytehound: the program did not end its capture itself: {} events that it had in memory were added to `{}`",
            finished.events,
            path.display()
        ),
        Ok(Err(error)) => eprintln!("bytehound: warning: {error:#}"),
        Err(error) if status.signal().is_some() => {
            eprintln!("bytehound: warning: up to a second is missing at the end of the capture: {error:#}");
        }
        Err(_) => {}
    }
}

fn report(pattern: &Pattern, started: SystemTime) {
    let found = pattern.find_since(started);
    for (path, size) in &found {
        eprintln!("bytehound: the capture is in `{}` ({})", path.display(), size_text(*size));
    }
    if found.is_empty() {
        eprintln!(
            "bytehound: nothing was captured. Is the program linked statically, set-uid, or for another architecture? \
             Then it cannot be preloaded. MEMORY_PROFILER_LOG=info says more."
        );
    }
}

fn report_sent((path, sent): Sent) {
    match sent {
        Ok(id) => eprintln!("bytehound: `{}` is the profile {id}", path.display()),
        Err(error) => eprintln!("bytehound: warning: `{}` could not be sent: {error:#}", path.display()),
    }
}

fn size_text(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The parts of a path that a pattern is made of.
fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
