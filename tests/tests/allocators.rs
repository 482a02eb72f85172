//! Programs that bring an allocator along, inside them or as a library: it goes on to serve them, and every block of it
//! is captured.

use anyhow::{Context, Result, ensure};
use bytehound_format::{Event, Reader, alloc_flags};
use bytehound_tests::{
    Capture, Run, check, compile_as, index, library, program_with_allocator, run, sites_in,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// Compiles `brought.cpp`, linked so.
fn compile_brought(folder: &Path, flags: &[&str]) -> Result<PathBuf> {
    compile_as("brought.cpp", &folder.join("brought"), &[&["-fno-builtin"], flags].concat())
}

/// The program runs as it does without us, and its capture is exact.
fn check_brought(flags: &[&str]) -> Result<Run> {
    let folder = tempdir()?;
    let program = compile_brought(folder.path(), flags)?;
    let run = Run::of_program(folder, &program, &[])?;
    check(&run)?;
    Ok(run)
}

/// All that this program allocated came from jemalloc, or none of it did.
fn is_from_jemalloc(run: &Run) -> Result<bool> {
    let (mut from_jemalloc, mut others) = (0, 0);
    let mut reader = Reader::new(std::fs::File::open(&run.capture.path)?)?;
    while let Some(event) = reader.next_event()? {
        if let Event::AllocEx { allocation, .. } | Event::ReallocEx { allocation, .. } = event {
            *if allocation.flags & alloc_flags::JEMALLOC != 0 { &mut from_jemalloc } else { &mut others } +=
                1;
        }
    }
    let told: u64 = run.told.values().map(|site| site.allocated).sum();
    ensure!(
        from_jemalloc == 0 || from_jemalloc >= told,
        "{from_jemalloc} of {told} blocks, and {others} others"
    );
    Ok(from_jemalloc != 0)
}

const STATIC_JEMALLOC: &[&str] =
    &["-DJEMALLOC", "-Wl,--whole-archive", "-l:libjemalloc_pic.a", "-Wl,--no-whole-archive", "-lm"];
const STATIC_TCMALLOC: &[&str] =
    &["-Wl,--whole-archive", "-l:libtcmalloc_minimal.a", "-Wl,--no-whole-archive"];

#[test]
fn jemalloc_in_a_program_of_cpp_is_captured() -> Result<()> {
    assert!(is_from_jemalloc(&check_brought(STATIC_JEMALLOC)?)?);
    Ok(())
}

#[test]
fn jemalloc_in_a_program_at_fixed_addresses_is_captured() -> Result<()> {
    assert!(is_from_jemalloc(&check_brought(&[&["-no-pie"], STATIC_JEMALLOC].concat())?)?);
    Ok(())
}

#[test]
fn jemalloc_as_a_library_is_captured_with_the_functions_that_only_it_has() -> Result<()> {
    check_brought(&["-DJEMALLOC", "-Wl,--no-as-needed", "-ljemalloc"])?;
    Ok(())
}

#[test]
fn tcmalloc_in_a_program_or_as_a_library_is_captured() -> Result<()> {
    check_brought(STATIC_TCMALLOC)?;
    check_brought(&["-Wl,--no-as-needed", "-ltcmalloc_minimal"])?;
    Ok(())
}

#[test]
fn mimalloc_as_a_library_is_captured() -> Result<()> {
    check_brought(&["-Wl,--no-as-needed", "-lmimalloc"])?;
    Ok(())
}

/// The exceptions themselves are blocks that are made within the call, and of that only the call itself is recorded.
#[test]
fn recording_goes_on_after_exceptions_of_operator_new() -> Result<()> {
    for flags in [STATIC_JEMALLOC, STATIC_TCMALLOC] {
        let folder = tempdir()?;
        let program = compile_brought(folder.path(), &[&["-DTHROWS"], flags].concat())?;
        let run = Run::of_program(folder, &program, &[])?;
        assert_eq!(run.capture.ended.said("thrown"), Some(100));
        assert_eq!(sites_in(&*run.profile()?, &run.told), run.told, "{flags:?}");
    }
    Ok(())
}

/// A Rust program that brings an allocator along.
fn check_rust(name: &str) -> Result<Run> {
    let run = Run::of_program(tempdir()?, &program_with_allocator(name), &[])?;
    check(&run)?;
    Ok(run)
}

#[test]
fn jemalloc_of_a_rust_program_is_captured_beside_the_allocator_of_the_c_library() -> Result<()> {
    let profile = check_rust("with_jemalloc")?.profile()?;
    assert!(profile.maps().any(|map| map.is_jemalloc() && map.call.is_some() && map.peak_rss > 0));
    Ok(())
}

#[test]
fn jemalloc_of_a_rust_program_under_the_names_of_the_c_library_is_captured() -> Result<()> {
    assert!(is_from_jemalloc(&check_rust("with_unprefixed_jemalloc")?)?);
    Ok(())
}

#[test]
fn mimalloc_of_a_rust_program_is_captured() -> Result<()> {
    check_rust("with_mimalloc")?;
    Ok(())
}

/// What a program allocates is captured whichever of two preloaded libraries comes first.
fn check_beside(other: &str) -> Result<()> {
    let folder = tempdir()?;
    let program = compile_brought(folder.path(), &[])?;
    let ours = library();
    let ours = ours.to_str().context("the path is no text")?;
    let plain = run(Command::new(&program).env("LD_PRELOAD", other))?;
    for preload in [format!("{ours}:{other}"), format!("{other}:{ours}")] {
        let path = folder.path().join("program.dat");
        let mut command = Command::new(&program);
        command.env("LD_PRELOAD", &preload).env("MEMORY_PROFILER_OUTPUT", &path);
        assert_eq!(run(&mut command)?, plain, "{preload}");
        let profile = index(&path)?;
        assert_eq!(sites_in(&profile, &plain.sites()), plain.sites(), "{preload}");
        assert_eq!(profile.manifest().defects, [""; 0], "{preload}");
    }
    Ok(())
}

#[test]
fn an_allocator_that_is_preloaded_too_is_captured_whichever_comes_first() -> Result<()> {
    for other in ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"] {
        check_beside(other)?;
    }
    Ok(())
}

/// What a capture says is odd about it.
fn warnings(capture: &Path) -> Result<String> {
    let mut reader = Reader::new(std::fs::File::open(capture)?)?;
    while let Some(event) = reader.next_event()? {
        if let Event::File64 { path, contents, .. } = event
            && path == "bytehound/warnings"
        {
            return Ok(String::from_utf8_lossy(&contents).into_owned());
        }
    }
    Ok(String::new())
}

#[test]
fn an_allocator_that_cannot_be_found_in_a_stripped_program_is_told_of() -> Result<()> {
    let folder = tempdir()?;
    let program = folder.path().join("stripped");
    let whole = program_with_allocator("with_jemalloc");
    run(Command::new("strip").arg("-o").arg(&program).arg(&whole))?;
    let plain = run(&mut Command::new(&program))?;
    let capture = Capture::of(folder.path(), "program", &[&program])?;
    assert_eq!(capture.ended.stdout, plain.stdout);
    assert_eq!(
        warnings(&capture.path)?,
        "the program's jemalloc is not recorded: the program was stripped of its symbols"
    );
    let run = Run::of_program(tempdir()?, &whole, &[])?;
    assert_eq!(warnings(&run.capture.path)?, "");
    Ok(())
}

#[test]
fn a_program_that_loads_no_library_runs_and_is_said_to_leave_no_capture() -> Result<()> {
    let folder = tempdir()?;
    let program = compile_as("exits.c", &folder.path().join("exits"), &["-static"])?;
    let words = [program.as_os_str(), OsStr::new("exit")];
    let plain = run(Command::new(words[0]).arg(words[1]))?;
    let capture = Capture::of(folder.path(), "program", &words)?;
    assert_eq!((capture.ended.code, &capture.ended.stdout), (plain.code, &plain.stdout));
    assert!(capture.ended.stderr.contains("nothing was captured"), "{}", capture.ended.stderr);
    assert!(!capture.path.exists());
    Ok(())
}
