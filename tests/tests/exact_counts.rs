//! Programs that count what they allocate at each call site: under capture they do what they do without it, and the
//! capture has exactly what they counted.

use anyhow::{Context, Result};
use bytehound_format::{Event, Reader};
use bytehound_tests::{Ended, Run, allocations_at, check, functions_of, index, sites_in};
use std::path::{Path, PathBuf};

#[test]
fn every_member_of_the_malloc_family_is_captured_when_it_works_and_only_then() -> Result<()> {
    check(&Run::of("malloc_family.c", &[])?)?;
    Ok(())
}

#[test]
fn parameters_of_the_allocator_are_captured_with_what_became_of_them() -> Result<()> {
    let run = Run::of("malloc_family.c", &[])?;
    let mut reader = Reader::new(std::fs::File::open(&run.capture.path)?)?;
    let mut told = Vec::new();
    while let Some(event) = reader.next_event()? {
        if let Event::Mallopt { param, value, result, .. } = event {
            told.push((param, value, result));
        }
    }
    assert_eq!(told, [(libc::M_TOP_PAD, 128 * 1024, 1), (libc::M_MXFAST, 1 << 20, 0)]);
    Ok(())
}

#[test]
fn allocations_are_told_apart_by_their_callers() -> Result<()> {
    check(&Run::of("call_sites.c", &[])?)?;
    Ok(())
}

#[test]
fn every_free_has_the_stack_of_who_freed() -> Result<()> {
    let run = Run::of("call_sites.c", &[])?;
    let profile = run.profile()?;
    for (site, block) in allocations_at(&profile, &run.told).filter(|(_, block)| !block.is_leaked()) {
        let end =
            block.death_backtrace.with_context(|| format!("no stack of who freed a block of {site}"))?;
        let innermost: Vec<_> = functions_of(&profile, end).take(2).collect();
        assert_eq!(innermost, ["free", "release"], "a block of {site}");
    }
    Ok(())
}

#[test]
fn a_block_freed_by_another_thread_is_freed_and_its_address_is_used_again() -> Result<()> {
    let run = Run::of("threads.c", &[])?;
    let profile = check(&run)?;
    let mut produced = allocations_at(&profile, &run.told).filter(|(site, _)| *site == "produce");
    assert!(produced.all(|(_, block)| block.death_thread != Some(block.thread)));
    Ok(())
}

#[test]
fn what_threads_allocate_while_they_end_is_captured() -> Result<()> {
    check(&Run::of("thread_ends.c", &[])?)?;
    Ok(())
}

#[test]
fn children_that_do_not_exec_work_and_leave_the_capture_to_their_parent() -> Result<()> {
    let run = Run::of("forks.c", &[])?;
    check(&run)?;
    assert_eq!(captures_in(run.folder.path())?, [run.capture.path]);
    Ok(())
}

fn captures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let paths: Vec<_> = entries.collect::<Result<_>>()?;
    Ok(paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .collect())
}

#[test]
fn children_by_vfork_and_an_exec_that_fails_change_nothing() -> Result<()> {
    check(&Run::of("execs.c", &["0"])?)?;
    Ok(())
}

#[test]
fn a_program_that_executes_itself_at_once_has_a_complete_capture_of_every_time() -> Result<()> {
    let run = Run::of("execs.c", &["3"])?;
    check_executed(&run, &["program.dat", "program-1.dat", "program-2.dat", "program-3.dat"])
}

#[test]
fn every_function_that_executes_a_program_passes_its_arguments_on_and_is_followed() -> Result<()> {
    let ways = ["execl", "execlp", "execle", "execv", "execvp", "execve", "execvpe", "fexecve", "execveat"];
    let ways: Vec<_> = ways.into_iter().chain(["execle_none"]).collect();
    let run = Run::of("exec_family.c", &ways)?;
    let numbered = (1..=ways.len()).map(|number| format!("program-{number}.dat"));
    let names: Vec<_> = std::iter::once("program.dat".to_owned()).chain(numbered).collect();
    check_executed(&run, &names)
}

/// These are the captures of the run, and each has exactly what the program counted that time.
fn check_executed(run: &Run, names: &[impl AsRef<str>]) -> Result<()> {
    let told: Vec<_> = run.capture.ended.stdout.lines().filter(|line| line.starts_with("site=")).collect();
    assert_eq!((told.len(), captures_in(run.folder.path())?.len()), (names.len(), names.len()));
    for (name, told) in names.iter().map(AsRef::as_ref).zip(told) {
        let told = Ended { code: None, stdout: told.to_owned(), stderr: String::new() }.sites();
        assert_eq!(sites_in(&*index(&run.folder.path().join(name))?, &told), told, "{name}");
    }
    Ok(())
}

#[test]
fn the_capture_is_complete_however_a_process_ends_itself() -> Result<()> {
    for how in ["return", "exit", "_exit", "_Exit", "quick_exit", "thread", "main_leaves_first"] {
        check(&Run::of("exits.c", &[how])?)?;
    }
    Ok(())
}

#[test]
fn a_program_that_a_signal_ends_leaves_all_but_its_last_second() -> Result<()> {
    for how in ["abort", "segv", "kill"] {
        let run = Run::of("killed.c", &[how])?;
        assert_eq!(run.capture.ended.code, None, "{how}");
        assert_eq!(sites_in(&*run.profile()?, &run.told), run.told, "{how}");
    }
    Ok(())
}

#[test]
fn a_program_that_closes_all_descriptors_is_captured_to_its_end() -> Result<()> {
    check(&Run::of("close_all.c", &[])?)?;
    Ok(())
}

#[test]
fn jumps_signal_handlers_and_other_stacks_are_followed() -> Result<()> {
    let run = Run::of("jumps.c", &[])?;
    let profile = check(&run)?;
    // The handler runs on a stack of its own; what it interrupted is seen all the same.
    let mut handled = allocations_at(&profile, &run.told).filter(|(site, _)| *site == "in_a_handler");
    assert!(handled.all(|(_, block)| functions_of(&profile, block.backtrace).any(|name| name == "main")));
    Ok(())
}

#[test]
fn new_and_delete_exceptions_and_containers_of_cpp_are_captured() -> Result<()> {
    check(&Run::of("cxx.cpp", &[])?)?;
    Ok(())
}
