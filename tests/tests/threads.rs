//! Threads and processes by the thousand: nothing is lost with them, and nobody waits for ever.

use anyhow::Result;
use bytehound_tests::{Run, check, compile_as};
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
