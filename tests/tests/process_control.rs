//! Programs that steer their own capture.

use anyhow::{Context, Result, bail};
use bytehound_format::{Event, Reader};
use bytehound_tests::{Ended, compile_as, functions_of, index, library, root, run, sites_in};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::{TempDir, tempdir};

const WAYS: [(&str, &[&str]); 3] =
    [("control.c", &[]), ("control.c", &["-no-pie", "-fno-pic"]), ("control_cxx.cpp", &[])];

/// The program of a source file, and what it does with the library preloaded.
struct Steered {
    folder: TempDir,
    program: PathBuf,
}

impl Steered {
    fn new(source: &str, flags: &[&str]) -> Result<Self> {
        let folder = tempdir()?;
        let include = format!("-I{}", root().join("preload/include").display());
        let flags: Vec<_> = [&["-Wall", "-Wextra", "-Werror", include.as_str()], flags].concat();
        let program = compile_as(source, &folder.path().join("program"), &flags)?;
        Ok(Self { folder, program })
    }

    fn command(&self, how: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(how).current_dir(self.folder.path());
        command.env("LD_PRELOAD", library()).env("MEMORY_PROFILER_OUTPUT", "program.dat");
        command
    }

    fn capture(&self) -> PathBuf {
        self.folder.path().join("program.dat")
    }
}

#[test]
fn only_what_a_program_wants_recorded_is_recorded() -> Result<()> {
    for (source, flags) in WAYS {
        let steered = Steered::new(source, flags)?;
        let ended = run(steered.command("plain").env("MEMORY_PROFILER_DISABLE_BY_DEFAULT", "1"))?;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(4), "here=1\n"), "{source} {flags:?}");
        let profile = index(&steered.capture())?;
        let told = ended.sites();
        assert_eq!(sites_in(&profile, &told), told);
        // Blocks that were allocated meanwhile are freed without having been seen; nothing else is odd.
        let [odd] = &profile.manifest().defects[..] else { bail!("{:?}", profile.manifest().defects) };
        assert!(odd.contains("frees of blocks that were never seen allocated"), "{odd}");
        let backtraces = (0..profile.backtrace_count()).map(bytehound_index::BacktraceId);
        let passes = |function: &str| {
            backtraces.clone().any(|id| functions_of(&profile, id).any(|name| name == function))
        };
        assert!(passes("while_recording") && !passes("while_stopped"));
    }
    Ok(())
}

#[test]
fn a_program_that_was_not_told_to_record_makes_no_file() -> Result<()> {
    let folder = tempdir()?;
    let mut command = Command::new("ls");
    command.current_dir(folder.path()).env("LD_PRELOAD", library());
    let ended = run(command.env("MEMORY_PROFILER_DISABLE_BY_DEFAULT", "1"))?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    Ok(())
}

#[test]
fn a_program_that_steers_its_capture_works_without_one() -> Result<()> {
    for (source, flags) in WAYS {
        let steered = Steered::new(source, flags)?;
        let ended = run(steered.command("plain").env_remove("LD_PRELOAD"))?;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(4), "here=0\n"), "{source} {flags:?}");
    }
    Ok(())
}

#[test]
fn after_a_sync_all_is_in_the_file() -> Result<()> {
    let steered = Steered::new("control.c", &[])?;
    let output = steered.command("killed").output()?;
    assert_eq!(output.status.signal(), Some(libc::SIGKILL));
    let told = Ended::from(output).sites();
    assert_eq!(sites_in(&*index(&steered.capture())?, &told), told);
    Ok(())
}

#[test]
fn markers_and_times_are_those_that_the_program_sets() -> Result<()> {
    let steered = Steered::new("control.c", &[])?;
    run(&mut steered.command("plain"))?;
    assert_eq!(marker_of(&steered.capture(), 40)?, 7);
    assert_eq!(marker_of(&steered.capture(), 50)?, 0);
    assert_eq!(time_of(&steered.capture(), 50)?, 123_456_789);
    Ok(())
}

/// The marker at the only allocation of this size.
fn marker_of(capture: &Path, size: u64) -> Result<u32> {
    let mut marker = 0;
    find(capture, |event| match event {
        Event::Marker { value } => {
            marker = *value;
            None
        }
        Event::AllocEx { allocation, .. } if allocation.size == size => Some(marker),
        _ => None,
    })
}

/// The time, in µs, of the only allocation of this size.
fn time_of(capture: &Path, size: u64) -> Result<u64> {
    find(capture, |event| match event {
        Event::AllocEx { timestamp, allocation, .. } if allocation.size == size => Some(timestamp.0),
        _ => None,
    })
}

fn find<T>(capture: &Path, mut of: impl FnMut(&Event<'_>) -> Option<T>) -> Result<T> {
    let mut reader = Reader::new(File::open(capture)?)?;
    let mut found = None;
    while let Some(event) = reader.next_event()? {
        found = of(&event).or(found);
    }
    found.context("no such event")
}
