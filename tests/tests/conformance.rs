//! Every hooked function does what that of the C library does: for every kind of argument, at every moment of a process.

use anyhow::Result;
use bytehound_tests::{Capture, compile_as, run};
use std::process::Command;
use tempfile::tempdir;

/// Compares what a program says of its calls, line by line; gives what it says.
fn says_the_same(source: &str) -> Result<String> {
    let folder = tempdir()?;
    // What the compiler knows of these functions is not asked.
    let program = compile_as(source, &folder.path().join("program"), &["-fno-builtin"])?;
    let plain = run(&mut Command::new(&program))?;
    let ended = Capture::of(folder.path(), "program", &[&program])?.ended;
    for (number, (plain, ours)) in plain.stdout.lines().zip(ended.stdout.lines()).enumerate() {
        assert_eq!(ours, plain, "line {number} of `{source}`");
    }
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), plain.stdout.len()), "`{source}`");
    Ok(plain.stdout)
}

#[test]
fn every_function_of_the_malloc_family_does_what_it_does_without_us() -> Result<()> {
    let said = says_the_same("conformance.c")?;
    let moments = [
        "before all constructors",
        "in a constructor",
        "in main",
        "in a thread",
        "at exit",
        "in a destructor",
        "without memory",
    ];
    for moment in moments {
        assert!(said.lines().any(|line| line.starts_with(moment)), "nothing was called {moment}");
    }
    Ok(())
}

#[test]
fn every_function_around_the_kernel_does_what_it_does_without_us() -> Result<()> {
    let said = says_the_same("conformance_calls.c")?;
    for call in ["mmap(", "mmap64(", "munmap(", "mremap(", "prctl", "syscall", "dlclose", "fork"] {
        assert!(said.lines().any(|line| line.starts_with(call)), "`{call}` was not called");
    }
    Ok(())
}
