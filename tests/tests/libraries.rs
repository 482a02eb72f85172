//! Libraries that come and go, that are busy before `main`, and that bring allocators of their own.

use anyhow::{Context, Result, ensure};
use bytehound_tests::{
    Ended, Run, Sites, check, compile, compile_as, compile_with_own_allocator, index,
    library as capture_library, preloaded, run, sites_in,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::{TempDir, tempdir};

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

/// The two libraries that lie at the same addresses, as arguments.
const PLUGINS: [&str; 2] = ["./first_plugin.so", "./second_plugin.so"];

/// Compiles a program and [`PLUGINS`] into a folder.
fn with_plugins(source: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempdir()?;
    let program = compile(source, folder.path())?;
    plugin(folder.path(), "first_plugin", &[])?;
    plugin(folder.path(), "second_plugin", &["-DPADDED"])?;
    Ok((folder, program))
}

#[test]
fn libraries_loaded_in_turn_at_the_same_address_are_told_apart() -> Result<()> {
    let (folder, program) = with_plugins("plugins.c")?;
    check(&Run::of_program(folder, &program, &PLUGINS)?)?;
    Ok(())
}

#[test]
fn libraries_that_come_and_go_while_mappings_are_looked_at_are_told_apart() -> Result<()> {
    let (folder, program) = with_plugins("plugins_watched.c")?;
    check(&Run::of_program(folder, &program, &PLUGINS)?)?;
    Ok(())
}

#[test]
fn libraries_that_were_unloaded_before_the_writer_came_are_told_apart() -> Result<()> {
    for format in ["2", "0.11"] {
        let (folder, program) = with_plugins("plugins.c")?;
        // Opening a pipe that nobody reads holds the writer up.
        let pipe = folder.path().join("pipe");
        ensure!(run(Command::new("mkfifo").arg(&pipe))?.code == Some(0), "cannot make a pipe");
        let mut command = Command::new(&program);
        command.args(PLUGINS).current_dir(folder.path());
        command.env("LD_PRELOAD", capture_library()).env("MEMORY_PROFILER_FORMAT", format);
        let mut child = command.env("MEMORY_PROFILER_OUTPUT", &pipe).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.as_mut().context("no output")?);
        let told = output.lines().take(3).collect::<Result<Vec<_>, _>>()?.join("\n");
        let told = Ended { code: None, stdout: told, stderr: String::new() }.sites();
        assert_eq!(told.len(), 2, "{told:?}");

        let capture = folder.path().join("program.dat");
        std::io::copy(&mut File::open(&pipe)?, &mut File::create(&capture)?)?;
        assert_eq!(child.wait()?.code(), Some(0));
        assert_eq!(sites_in(&*index(&capture)?, &told), told, "format {format}");
    }
    Ok(())
}

#[test]
fn threads_load_and_unload_libraries_all_at_once() -> Result<()> {
    let (folder, program) = with_plugins("dl_threads.c")?;
    check(&Run::of_program(folder, &program, &PLUGINS)?)?;
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
    let program = compile_with_own_allocator("threads.c", folder.path(), &["-DLOCKED"])?;
    check(&Run::of_program(folder, &program, &[])?)?;
    Ok(())
}

#[test]
fn as_many_libraries_with_static_thread_storage_load_as_without_us() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("static_storage.c", folder.path())?;
    let names: Vec<_> = (0..40).map(|number| format!("storage{number}")).collect();
    library(folder.path(), "static_storage_plugin.c", &names[0], &[])?;
    for name in &names[1..] {
        std::fs::copy(folder.path().join("storage0.so"), folder.path().join(format!("{name}.so")))?;
    }
    let paths: Vec<_> = names.iter().map(|name| format!("./{name}.so")).collect();
    let plain = run(Command::new(&program).args(&paths).current_dir(folder.path()))?;
    let loaded = plain.said("loaded").context("it says how many")?;
    assert!(loaded > 0 && loaded < 40, "the room is not used up: {loaded}");
    let program = program.to_str().context("the path is no text")?;
    let words: Vec<_> = std::iter::once(program).chain(paths.iter().map(String::as_str)).collect();
    assert_eq!(preloaded(folder.path(), &words, &[])?, plain);
    Ok(())
}

#[test]
fn the_loader_as_a_program_and_its_list_of_libraries_work() -> Result<()> {
    let folder = tempdir()?;
    let loader = "/lib64/ld-linux-x86-64.so.2";
    for words in [&[loader, "/bin/echo", "said"][..], &[loader, "--verify", "/bin/echo"]] {
        let plain = run(Command::new(words[0]).args(&words[1..]))?;
        assert_eq!(preloaded(folder.path(), words, &[])?, plain, "{words:?}");
    }
    let listed = preloaded(folder.path(), &["ldd", "/bin/bash"], &[])?;
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    assert!(listed.stdout.contains("libc.so"), "{}", listed.stdout);
    Ok(())
}

/// The names of the library's table of symbols, without versions.
fn symbols(which: &str) -> Result<BTreeSet<String>> {
    let listed = run(Command::new("nm").args(["-D", which]).arg(capture_library()))?;
    let names = listed.stdout.lines().filter_map(|line| line.split_whitespace().last());
    Ok(names.map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect())
}

#[test]
fn the_library_calls_no_allocator_no_stream_and_no_lock_of_the_c_library() -> Result<()> {
    let used = symbols("--undefined-only")?;
    assert!(used.contains("dlsym"), "nothing was listed: {used:?}");
    let forbidden = [
        "alloc",
        "free",
        "printf",
        "fopen",
        "fwrite",
        "fputs",
        "mutex",
        "rwlock",
        "cond_",
        "strdup",
        "pthread_create",
    ];
    for name in &used {
        assert!(!forbidden.iter().any(|part| name.contains(part)), "the library uses `{name}`");
    }
    Ok(())
}

#[test]
fn the_library_offers_every_allocating_function_of_the_c_library() -> Result<()> {
    let offered = symbols("--defined-only")?;
    let family =
        "malloc calloc realloc reallocarray free posix_memalign memalign aligned_alloc valloc pvalloc
        malloc_usable_size mallopt free_sized free_aligned_sized
        memory_profiler_start memory_profiler_stop memory_profiler_sync memory_profiler_set_marker
        memory_profiler_override_next_timestamp";
    for name in family.split_whitespace() {
        assert!(offered.contains(name), "`{name}` is missing");
    }
    // Nothing of the language it is written in, which programs may have in another version.
    assert!(
        !offered
            .iter()
            .any(|name| name.starts_with("_R") || name.starts_with("_ZN") || name.starts_with("rust"))
    );
    Ok(())
}
