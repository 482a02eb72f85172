//! The check mode: stacks that are found with the help of the last ones are those that a whole walk finds.

use anyhow::{Context, Result};
use bytehound_format::{Event, Reader};
use bytehound_tests::{compile, compile_as, compile_with_own_allocator, preloaded, tokio_echo};
use std::path::Path;
use tempfile::tempdir;

/// What the capture says of the check: how many stacks were compared, and how many differed.
fn checks_in(capture: &Path) -> Result<(u64, u64)> {
    let mut reader = Reader::new(std::fs::File::open(capture)?)?;
    let mut said = None;
    while let Some(event) = reader.next_event()? {
        if let Event::File64 { path, contents, .. } = event
            && &*path == "bytehound/checked-backtraces"
        {
            said = Some(String::from_utf8(contents.to_vec())?);
        }
    }
    let said = said.with_context(|| format!("`{}` says nothing", capture.display()))?;
    let value = |key: &str| {
        let pair = said.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        pair.with_context(|| format!("no `{key}` in `{said}`"))
    };
    Ok((value("checked")?.parse()?, value("mismatched")?.parse()?))
}

/// Runs a program in the check mode: none of at least so many stacks differs, in each of its processes.
fn checks(folder: &Path, words: &[&str], at_least: u64) -> Result<()> {
    for format in ["2", "0.11"] {
        let output = format!("{format}-%e-%p.dat");
        let settings = [
            ("CHECK_BACKTRACES", "1"),
            ("FORMAT", format),
            ("TRACK_CHILD_PROCESSES", "1"),
            ("OUTPUT", &output),
        ];
        let ended = preloaded(folder, words, &settings)?;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        let mut all = 0;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&format!("{format}-")) {
                let (checked, mismatched) = checks_in(&entry.path())?;
                assert_eq!(mismatched, 0, "of {checked} in {:?}", entry.path());
                all += checked;
            }
        }
        assert!(all >= at_least, "only {all} stacks of {words:?} in {format}");
    }
    Ok(())
}

fn checks_program(source: &str, flags: &[&str], at_least: u64) -> Result<()> {
    let folder = tempdir()?;
    let program = compile_as(source, &folder.path().join("program"), flags)?;
    checks(folder.path(), &[program.to_str().context("a path that is no text")?], at_least)
}

#[test]
fn stacks_that_exceptions_and_jumps_have_left_are_found_whole() -> Result<()> {
    checks_program("exception_storm.cpp", &[], 100_000)?;
    checks_program("cxx.cpp", &[], 10_000)?;
    checks_program("jumps.c", &[], 1000)?;
    checks_program("jumps.c", &["-O0", "-fcf-protection=full"], 1000)
}

#[test]
fn stacks_of_threads_and_fibers_are_found_whole() -> Result<()> {
    checks_program("threads.c", &[], 10_000)?;
    checks_program("fibers.c", &[], 10_000)?;
    checks_program("small_stacks.c", &[], 1000)?;
    checks_program("openmp.c", &["-fopenmp"], 1000)
}

#[test]
fn stacks_of_every_shape_are_found_whole() -> Result<()> {
    checks_program("deep.c", &[], 1000)?;
    checks_program("odd_frames.c", &[], 1000)?;
    checks_program("generated.c", &[], 1000)?;
    for way in [&["-O0"][..], &["-O3"], &["-Os", "-fomit-frame-pointer"], &["-fno-omit-frame-pointer"]] {
        checks_program("call_sites.c", way, 1000)?;
    }
    checks_program("call_sites.c", &["-fno-asynchronous-unwind-tables", "-fno-omit-frame-pointer"], 1000)
}

#[test]
fn stacks_through_libraries_that_come_and_go_are_found_whole() -> Result<()> {
    let folder = tempdir()?;
    for (name, padding) in [("first_plugin", "-DNOT_PADDED"), ("second_plugin", "-DPADDED")] {
        let flags = ["-shared", "-fPIC", padding, &format!("-DPLUGIN={name}")];
        compile_as("plugin.c", &folder.path().join(format!("{name}.so")), &flags)?;
    }
    for source in ["plugins.c", "dl_threads.c"] {
        let program = compile(source, folder.path())?;
        let program = program.to_str().context("a path that is no text")?;
        checks(folder.path(), &[program, "./first_plugin.so", "./second_plugin.so"], 1000)?;
    }
    Ok(())
}

#[test]
fn stacks_of_signal_handlers_that_interrupt_anything_are_found_whole() -> Result<()> {
    let folder = tempdir()?;
    for source in ["alarms.c", "jumps_out.c"] {
        let program = compile_with_own_allocator(source, folder.path(), &[])?;
        checks(folder.path(), &[program.to_str().context("a path that is no text")?], 10_000)?;
    }
    Ok(())
}

#[test]
fn stacks_of_programs_that_people_run_are_found_whole() -> Result<()> {
    let folder = tempdir()?;
    let work = "import json; [json.dumps({'a': list(range(100))}) for _ in range(1000)]";
    checks(folder.path(), &["/usr/bin/python3", "-c", work], 10_000)?;
    let source = "#include <map>\n#include <string>\n
        int main() { std::map<std::string, int> m{{\"a\", 1}}; return m.size() - 1; }\n";
    let folder = tempdir()?;
    std::fs::write(folder.path().join("main.cpp"), source)?;
    checks(folder.path(), &["g++", "-O1", "main.cpp", "-o", "main"], 100_000)?;
    let folder = tempdir()?;
    let tokio = tokio_echo();
    checks(folder.path(), &[tokio.to_str().context("a path that is no text")?], 1000)
}
