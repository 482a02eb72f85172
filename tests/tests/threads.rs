//! Threads and processes by the thousand: nothing is lost with them, and nobody waits for ever.

use anyhow::Result;
use bytehound_format::{Event, Reader};
use bytehound_tests::{Run, check, compile, compile_as, preloaded};
use std::collections::BTreeMap;
use std::fs;
use tempfile::tempdir;

#[test]
fn ten_thousand_short_threads_come_and_go() -> Result<()> {
    check(&Run::of("short_threads.c", &[])?)?;
    Ok(())
}

#[test]
fn openmp_teams_loops_and_tasks_share_their_blocks() -> Result<()> {
    let folder = tempdir()?;
    let program = compile_as("openmp.c", &folder.path().join("openmp"), &["-fopenmp"])?;
    check(&Run::of_program(folder, &program, &[])?)?;
    Ok(())
}

#[test]
fn several_threads_fork_at_once_while_others_allocate() -> Result<()> {
    check(&Run::of("fork_storm.c", &[])?)?;
    Ok(())
}

#[test]
fn locks_of_the_c_library_that_a_thread_holds_stop_no_other() -> Result<()> {
    check(&Run::of("locked_output.c", &[])?)?;
    Ok(())
}

#[test]
fn threads_have_the_names_that_they_give_themselves() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("named_threads.c", folder.path())?;
    let ended = preloaded(folder.path(), &[&program.to_string_lossy()], &[("FORMAT", "2")])?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut reader = Reader::new(fs::File::open(folder.path().join("program.dat"))?)?;
    let mut names = BTreeMap::new();
    while let Some(event) = reader.next_event()? {
        if let Event::ThreadName { thread, name, .. } = event {
            names.insert(thread, name.into_owned());
        }
    }
    let of_how_many = |wanted: &str| names.values().filter(|name| *name == wanted).count();
    assert_eq!((of_how_many("named_threads"), of_how_many("renamed worker")), (1, 3), "{names:?}");
    Ok(())
}
