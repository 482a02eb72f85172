//! Libraries that come and go, that are busy before `main`, and that bring allocators of their own.

use anyhow::Result;
use bytehound_tests::{Run, Sites, check, compile, compile_as, sites_in};
use std::path::Path;
use tempfile::tempdir;

/// Compiles `plugin.c` into a folder, with its one function named so.
fn plugin(folder: &Path, name: &str, flags: &[&str]) -> Result<()> {
    let define = format!("-DPLUGIN={name}");
    library(folder, "plugin.c", name, &[&[define.as_str()], flags].concat())
}

fn library(folder: &Path, source: &str, name: &str, flags: &[&str]) -> Result<()> {
    let flags = [&["-shared", "-fPIC"], flags].concat();
    compile_as(source, &folder.join(format!("{name}.so")), &flags)?;
    Ok(())
}

#[test]
fn libraries_loaded_in_turn_at_the_same_address_are_told_apart() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("plugins.c", folder.path())?;
    plugin(folder.path(), "first_plugin", &[])?;
    plugin(folder.path(), "second_plugin", &["-DPADDED"])?;
    check(&Run::of_program(folder, &program, &["./first_plugin.so", "./second_plugin.so"])?)?;
    Ok(())
}

#[test]
fn threads_load_and_unload_libraries_all_at_once() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("dl_threads.c", folder.path())?;
    plugin(folder.path(), "first_plugin", &[])?;
    plugin(folder.path(), "second_plugin", &["-DPADDED"])?;
    check(&Run::of_program(folder, &program, &["./first_plugin.so", "./second_plugin.so"])?)?;
    Ok(())
}

#[test]
fn a_constructor_that_allocates_a_million_times_is_captured_in_full() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("loads_busy.c", folder.path())?;
    library(folder.path(), "busy_constructor.c", "busy", &[])?;
    check(&Run::of_program(folder, &program, &["./busy.so"])?)?;
    Ok(())
}

#[test]
fn thread_local_objects_allocate_at_both_ends_of_a_thread() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("thread_locals.cpp", folder.path())?;
    library(folder.path(), "thread_local_plugin.cpp", "plugin", &[])?;
    check(&Run::of_program(folder, &program, &["./plugin.so"])?)?;
    Ok(())
}

#[test]
fn blocks_that_were_made_or_freed_behind_our_back_do_no_harm() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("deepbind.c", folder.path())?;
    library(folder.path(), "deepbound.c", "deepbound", &[])?;
    let run = Run::of_program(folder, &program, &["./deepbound.so"])?;
    // Who made a block is known of those that were made by way of us; not all of their ends are.
    let births = |sites: &Sites| -> Vec<_> {
        sites.iter().map(|(name, site)| (name.clone(), site.allocated, site.bytes)).collect()
    };
    assert_eq!(births(&sites_in(&*run.profile()?, &run.told)), births(&run.told));
    Ok(())
}

#[test]
fn an_allocator_that_maps_memory_under_its_lock_serves_its_program_as_before() -> Result<()> {
    let folder = tempdir()?;
    let flags = ["-shared", "-fPIC", "-fno-builtin", "-DLOCKED"];
    compile_as("own_allocator.c", &folder.path().join("libown.so"), &flags)?;
    let search = format!("-L{}", folder.path().display());
    let flags = ["-Wl,--no-as-needed", &search, "-lown", "-Wl,-rpath,$ORIGIN"];
    let program = compile_as("threads.c", &folder.path().join("threads"), &flags)?;
    check(&Run::of_program(folder, &program, &[])?)?;
    Ok(())
}
