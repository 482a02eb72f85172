//! What a program does to its surroundings, and they to it: sandboxes, signals, folders, disks that are full.

use anyhow::{Context, Result};
use bytehound_format::{Event, Reader};
use bytehound_tests::{Run, bytehound, check, compile, index, preloaded, run, sites_in};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn signals_that_switch_recording_lose_no_free_of_what_was_recorded() -> Result<()> {
    let run = Run::of("toggles.c", &[])?;
    assert_eq!(sites_in(&*run.profile()?, &run.told), run.told);
    Ok(())
}

#[test]
fn a_program_in_a_sandbox_that_it_can_live_in_is_captured_to_its_end() -> Result<()> {
    for how in ["error", "kill", "thread"] {
        check(&Run::of("seccomp.c", &[how])?)?;
    }
    Ok(())
}

#[test]
fn signals_reach_the_program_that_waits_for_them() -> Result<()> {
    check(&Run::of("signals.c", &[])?)?;
    Ok(())
}

#[test]
fn a_program_that_leaves_its_folder_and_its_root_is_captured_where_it_began() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("elsewhere.c", folder.path())?;
    let plain = run(Command::new(&program).arg("plainly").current_dir(folder.path()))?;
    let program = program.to_str().context("the path is no text")?;
    assert_eq!(preloaded(folder.path(), &[program, "captured"], &[])?, plain);
    let told = plain.sites();
    assert_eq!(sites_in(&*index(&folder.path().join("program.dat"))?, &told), told);
    Ok(())
}

#[test]
fn a_disk_that_is_full_ends_the_recording_and_not_the_program() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("threads.c", folder.path())?;
    let plain = run(&mut Command::new(&program))?;
    let program = program.to_str().context("the path is no text")?;
    for output in ["/dev/full", "/nowhere/program.dat", "/", ""] {
        assert_eq!(preloaded(folder.path(), &[program], &[("OUTPUT", output)])?, plain, "{output}");
    }
    let ended = preloaded(folder.path(), &[program], &[("OUTPUT", "/dev/full"), ("LOG", "error")])?;
    assert_eq!((ended.code, &ended.stdout), (plain.code, &plain.stdout));
    assert!(ended.stderr.contains("no space is left"), "nothing is said of the disk: {}", ended.stderr);
    Ok(())
}

#[test]
fn a_limit_to_the_size_of_files_ends_the_recording_and_not_the_program() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("threads.c", folder.path())?;
    let plain = run(&mut Command::new(&program))?;
    let limited = format!("ulimit -f 2000; LD_PRELOAD=$LIBRARY exec {}", program.display());
    let mut command = Command::new("bash");
    command.args(["-c", &limited]).current_dir(folder.path()).env("LIBRARY", bytehound_tests::library());
    assert_eq!(run(command.env("MEMORY_PROFILER_OUTPUT", "program.dat"))?, plain);
    // What fitted is there, and is read as the beginning that it is.
    assert!(folder.path().join("program.dat").metadata()?.len() <= 2000 * 1024);
    assert!(!index(&folder.path().join("program.dat"))?.manifest().defects.is_empty());
    Ok(())
}

#[test]
fn many_threads_and_no_memory_to_spare_leave_the_program_as_it_was() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("short_threads.c", folder.path())?;
    let plain = run(&mut Command::new(&program))?;
    // The program itself needs this much for the stacks of its threads.
    let limited = format!("ulimit -v 1000000; LD_PRELOAD=$LIBRARY exec {}", program.display());
    let mut command = Command::new("bash");
    command.args(["-c", &limited]).current_dir(folder.path()).env("LIBRARY", bytehound_tests::library());
    assert_eq!(run(command.env("MEMORY_PROFILER_OUTPUT", "program.dat"))?, plain);
    Ok(())
}

#[test]
fn children_find_no_descriptor_of_ours() -> Result<()> {
    let folder = tempdir()?;
    let words =
        ["bash", "-c", "ls /proc/self/fd | wc -l; exec ls -l /proc/self/fd | grep -c memory-profiling"];
    let plain = run(Command::new(words[0]).args(&words[1..]))?;
    assert_eq!(preloaded(folder.path(), &words, &[("TRACK_CHILD_PROCESSES", "0")])?, plain);
    Ok(())
}

#[test]
fn our_own_programs_run_under_it_as_well() -> Result<()> {
    let folder = tempdir()?;
    let program = bytehound();
    let program = program.to_str().context("the path is no text")?;
    let plain = run(Command::new(program).arg("--version"))?;
    assert_eq!(preloaded(folder.path(), &[program, "--version"], &[])?, plain);
    Ok(())
}

#[test]
fn the_environment_of_the_program_is_not_in_its_capture() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("elsewhere.c", folder.path())?;
    let program = program.to_str().context("the path is no text")?;
    let words = ["env", "SECRET=told-to-nobody", program, "captured"];
    assert_eq!(preloaded(folder.path(), &words, &[])?.code, Some(0));
    for name in ["program.dat", "program-1.dat"] {
        let mut reader = Reader::new(std::fs::File::open(folder.path().join(name))?)?;
        let mut events = 0;
        while let Some(event) = reader.next_event()? {
            assert!(!matches!(event, Event::Environ { .. }), "{name}: {event:?}");
            events += 1;
        }
        assert!(events > 0, "{name} is empty");
    }
    Ok(())
}
