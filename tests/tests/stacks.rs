//! Stacks of every shape: programs go on as they do without us, and every allocation is found at its call site.

use anyhow::Result;
use bytehound_tests::{
    Run, allocations_at, check, compile_as, compile_with_own_allocator, functions_of, sites_in,
};
use tempfile::tempdir;

#[test]
fn a_storm_of_exceptions_runs_every_destructor() -> Result<()> {
    check(&Run::of("exception_storm.cpp", &[])?)?;
    Ok(())
}

#[test]
fn fibers_are_resumed_by_other_threads_than_those_that_started_them() -> Result<()> {
    check(&Run::of("fibers.c", &[])?)?;
    Ok(())
}

#[test]
fn frames_without_tables_and_with_useless_frame_pointers_do_no_harm() -> Result<()> {
    check(&Run::of("odd_frames.c", &[])?)?;
    Ok(())
}

#[test]
fn calls_with_a_stack_that_is_not_aligned_do_no_harm() -> Result<()> {
    check(&Run::of("odd_alignment.c", &[])?)?;
    Ok(())
}

#[test]
fn a_call_that_ends_its_function_belongs_to_that_function() -> Result<()> {
    let run = Run::of("odd_frames.c", &[])?;
    let profile = run.profile()?;
    let mut jumping = allocations_at(&profile, &run.told).filter(|(site, _)| *site == "before_it_jumps");
    let (_, block) = jumping.next().expect("it was captured");
    let functions: Vec<_> = functions_of(&profile, block.backtrace).collect();
    assert!(
        functions.contains(&"calls_at_its_end") && !functions.contains(&"comes_after_it"),
        "{functions:?}"
    );
    Ok(())
}

#[test]
fn a_recursion_of_a_hundred_thousand_calls_is_followed_as_deep_as_the_limit() -> Result<()> {
    let run = Run::of("deep.c", &[])?;
    let profile = check(&run)?;
    let depths = allocations_at(&profile, &run.told)
        .map(|(_, block)| functions_of(&profile, block.backtrace).filter(|name| *name == "descend").count());
    let deepest = depths.max().expect("it was captured");
    assert!(deepest > 900, "only {deepest} calls of the recursion are there");
    Ok(())
}

#[test]
fn stacks_that_are_small_and_nearly_used_up_are_enough() -> Result<()> {
    check(&Run::of("small_stacks.c", &[])?)?;
    Ok(())
}

#[test]
fn jumps_and_handlers_with_marks_for_indirect_branches_are_followed() -> Result<()> {
    let folder = tempdir()?;
    let program = compile_as("jumps.c", &folder.path().join("jumps"), &["-fcf-protection=full"])?;
    check(&Run::of_program(folder, &program, &[])?)?;
    Ok(())
}

#[test]
fn call_sites_are_told_apart_however_the_program_was_compiled() -> Result<()> {
    let ways: [&[&str]; 8] = [
        &["-O0"],
        &["-O3", "-march=native"],
        &["-Os", "-fomit-frame-pointer"],
        &["-fcf-protection=full"],
        &["-no-pie", "-fno-pie"],
        &["-fuse-ld=gold"],
        // Without tables there are only the frame pointers to go by.
        &["-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-omit-frame-pointer"],
        &["-static-libgcc", "-Wl,-z,now", "-Wl,--hash-style=sysv"],
    ];
    for way in ways {
        let folder = tempdir()?;
        let program = compile_as("call_sites.c", &folder.path().join("call_sites"), way)?;
        check(&Run::of_program(folder, &program, &[])?)?;
    }
    Ok(())
}

#[test]
fn a_handler_that_allocates_may_interrupt_us_anywhere() -> Result<()> {
    let run = run_with_own_allocator("alarms.c")?;
    // What it allocates while it interrupts one of our functions is not recorded, and nothing is recorded twice.
    let sites = sites_in(&*run.profile()?, &run.told);
    assert!(sites["in_the_handler"].allocated <= run.told["in_the_handler"].allocated, "{sites:?}");
    Ok(())
}

#[test]
fn after_a_handler_that_jumps_out_of_us_everything_is_recorded() -> Result<()> {
    check(&run_with_own_allocator("jumps_out.c")?)?;
    Ok(())
}

/// Runs a program with an allocator that may be interrupted, and left, anywhere.
fn run_with_own_allocator(source: &str) -> Result<Run> {
    let folder = tempdir()?;
    let program = compile_with_own_allocator(source, folder.path(), &[])?;
    Run::of_program(folder, &program, &[])
}
