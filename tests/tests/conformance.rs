//! Every hooked function does what that of the C library does: for every kind of argument, at every moment of a process.

use anyhow::Result;
use bytehound_tests::{Capture, compile_as, run};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn every_function_of_the_malloc_family_does_what_it_does_without_us() -> Result<()> {
    let folder = tempdir()?;
    // What the compiler knows of these functions is not asked.
    let program = compile_as("conformance.c", &folder.path().join("conformance"), &["-fno-builtin"])?;
    let plain = run(&mut Command::new(&program))?;
    let capture = Capture::of(folder.path(), "conformance", &[&program])?;
    for (number, (plain, ours)) in plain.stdout.lines().zip(capture.ended.stdout.lines()).enumerate() {
        assert_eq!(ours, plain, "line {number}");
    }
    assert_eq!((capture.ended.code, capture.ended.stdout.len()), (Some(0), plain.stdout.len()));
    let moments = [
        "before all constructors",
        "in a constructor",
        "in main",
        "in a thread",
        "at exit",
        "in a destructor",
    ];
    for moment in moments {
        assert!(plain.stdout.lines().any(|line| line.starts_with(moment)), "nothing was called {moment}");
    }
    Ok(())
}
