//! Programs under `bytehound run` that end without a chance to write anything: nothing of theirs is lost.

use anyhow::{Context, Result, ensure};
use bytehound_format::{EndCause, Event, Reader};
use bytehound_index::Row;
use bytehound_tests::{Ended, bytehound, compile_as, index, root, run, sites_in};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::{TempDir, tempdir};

/// A program of `tests/programs/c` under `bytehound run`, capturing to `program.dat`.
fn captured(folder: &TempDir, source: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(bytehound());
    command.args(["run", "--output", "program.dat", "--"]).arg(program(folder, source)?).args(arguments);
    command.current_dir(folder.path()).env("MEMORY_PROFILER_FORMAT", "2");
    Ok(command)
}

fn program(folder: &TempDir, source: &str) -> Result<PathBuf> {
    let include = format!("-I{}", root().join("preload/include").display());
    compile_as(source, &folder.path().join("program"), &[&include])
}

/// How a capture says that it ends.
fn end_of(capture: &Path) -> Result<EndCause> {
    let mut reader = Reader::new(File::open(capture)?)?;
    let mut end = None;
    while let Some(event) = reader.next_event()? {
        if let Event::End { cause, .. } = event {
            end = Some(cause);
        }
    }
    end.context("the capture has no end")
}

#[test]
fn whatever_ends_a_program_all_that_it_allocated_is_captured() -> Result<()> {
    for (how, cause) in [
        ("kill", EndCause::Killed { signal: libc::SIGKILL }),
        ("term", EndCause::Killed { signal: libc::SIGTERM }),
        ("segv", EndCause::Killed { signal: libc::SIGSEGV }),
        ("abort", EndCause::Killed { signal: libc::SIGABRT }),
        ("exit_group", EndCause::Exit { status: 3 }),
        ("exec", EndCause::Exit { status: 4 }),
    ] {
        let folder = tempdir()?;
        let ended = run(&mut captured(&folder, "unnoticed.c", &[how])?)?;
        let expected = if let EndCause::Exit { status } = cause { Some(status) } else { None };
        assert_eq!(ended.code, expected, "{how}: {}", ended.stderr);
        assert!(ended.stderr.contains("were added to"), "{how}: {}", ended.stderr);
        let capture = folder.path().join("program.dat");
        let told = ended.sites();
        assert_eq!(sites_in(&*index(&capture)?, &told), told, "{how}");
        assert_eq!(end_of(&capture)?, cause, "{how}");
    }
    Ok(())
}

#[test]
fn a_program_that_another_one_has_become_is_captured_to_the_last_too() -> Result<()> {
    let folder = tempdir()?;
    let mut command = Command::new(bytehound());
    command.args(["run", "--output", "program.dat", "--", "env", "nice"]);
    command.arg(program(&folder, "unnoticed.c")?).arg("kill");
    let ended = run(command.current_dir(folder.path()).env("MEMORY_PROFILER_FORMAT", "2"))?;
    let told = ended.sites();
    assert_eq!(sites_in(&*index(&folder.path().join("program-2.dat"))?, &told), told);
    let name = |number| if number == 0 { "program.dat".into() } else { format!("program-{number}.dat") };
    let ends: Vec<_> =
        (0..3).map(|number| end_of(&folder.path().join(name(number)))).collect::<Result<_>>()?;
    assert_eq!(ends, [EndCause::Exec, EndCause::Exec, EndCause::Killed { signal: libc::SIGKILL }]);
    Ok(())
}

#[test]
fn forks_in_signal_handlers_that_interrupt_hooks_leave_parent_and_children_unharmed() -> Result<()> {
    let folder = tempdir()?;
    let ended = run(&mut captured(&folder, "forks_inside.c", &[])?)?;
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let told = ended.sites();
    let profile = index(&folder.path().join("program.dat"))?;
    assert_eq!(sites_in(&profile, &told), told);
    assert_eq!(profile.manifest().defects, [""; 0]);
    Ok(())
}

/// Threads of `counted.c`.
const THREADS: u64 = 3;
/// Bytes of a line of its numbers.
const LINE: u64 = 64;

/// What the program counts in a file that it maps.
struct Counters(File);

impl Counters {
    fn number(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        // Until the program has made the file as long as it will be, nothing is counted.
        self.0.read_exact_at(&mut bytes, offset).map_or(0, |()| u64::from_le_bytes(bytes))
    }

    fn process(&self) -> u64 {
        self.number(0)
    }

    /// Allocations that have begun, or that have come back.
    fn sum(&self, back: bool) -> u64 {
        (0..THREADS).map(|thread| self.number(8 + thread * LINE + u64::from(back) * 8)).sum()
    }
}

#[test]
fn a_program_that_is_killed_at_any_moment_loses_no_allocation_that_had_come_back() -> Result<()> {
    let rounds = if std::env::var_os("BYTEHOUND_TEST_LONG").is_some() { 200 } else { 12 };
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        kill_after(random % (1 << (8 + round % 12))).with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

/// Kills the program once it has made so many allocations, and compares what it counted with what was captured.
fn kill_after(allocations: u64) -> Result<()> {
    let folder = tempdir()?;
    let counters = folder.path().join("counters");
    let counters = Counters(File::options().read(true).write(true).create_new(true).open(&counters)?);
    let mut command = captured(&folder, "counted.c", &["counters"])?;
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    wait_for(&mut child, || counters.process() != 0 && counters.sum(true) >= allocations)?;
    // The program, not `bytehound run`.
    let killed = run(Command::new("kill").arg("-KILL").arg(counters.process().to_string()))?;
    ensure!(killed.code == Some(0), "{}", killed.stderr);
    let output = child.wait_with_output()?;
    assert_eq!(output.status.signal(), Some(libc::SIGKILL));
    let said = Ended::from(output).stderr;
    let capture = folder.path().join("program.dat");
    assert_eq!(end_of(&capture)?, EndCause::Killed { signal: libc::SIGKILL }, "{said}");
    let captured = allocations_at_the_site(&capture)?;
    let (back, begun) = (counters.sum(true), counters.sum(false));
    assert!(
        (back..=begun).contains(&captured),
        "{captured} captured, of {back} that came back and {begun} begun"
    );
    Ok(())
}

fn wait_for(child: &mut Child, mut is_there: impl FnMut() -> bool) -> Result<()> {
    while !is_there() {
        ensure!(child.try_wait()?.is_none(), "the program has ended by itself");
        std::thread::yield_now();
    }
    Ok(())
}

/// Told by their size, which only these have: a program that is killed at its very beginning has not copied the binaries
/// yet that its functions have their names from.
fn allocations_at_the_site(capture: &Path) -> Result<u64> {
    let profile = index(capture)?;
    let sizes = (0..profile.row_count()).map(|row| profile.allocation(Row(row)).size);
    Ok(sizes.filter(|size| (5000..5008).contains(size)).count() as u64)
}
