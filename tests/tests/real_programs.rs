//! Programs that people run behave under capture as they do without it, and their captures load.

use anyhow::Result;
use bytehound_tests::{Capture, allocations_of, run};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// Runs a program with and without capture: same output, same exit code; returns the allocations captured.
fn same_as_without_us(folder: &Path, words: &[&str]) -> Result<u64> {
    let mut plain = Command::new(words[0]);
    let plain = run(plain.args(&words[1..]).current_dir(folder))?;
    let capture = Capture::of(folder, "program", words)?;
    assert_eq!((capture.ended.code, &capture.ended.stdout), (plain.code, &plain.stdout), "{words:?}");
    allocations_of(&capture.path)
}

#[test]
fn python() -> Result<()> {
    let folder = tempdir()?;
    let work = "import json; [json.dumps({'a': list(range(100))}) for _ in range(1000)]; print('done')";
    let allocations = same_as_without_us(folder.path(), &["/usr/bin/python3", "-c", work])?;
    assert!(allocations >= 10_000, "only {allocations}");
    Ok(())
}

#[test]
fn gcc() -> Result<()> {
    let folder = tempdir()?;
    std::fs::write(folder.path().join("main.c"), "int main(void) { return 0; }\n")?;
    assert!(same_as_without_us(folder.path(), &["gcc", "-c", "main.c", "-o", "main.o"])? > 0);
    assert!(folder.path().join("main.o").exists());
    Ok(())
}

#[test]
fn sqlite() -> Result<()> {
    let folder = tempdir()?;
    assert!(same_as_without_us(folder.path(), &["sqlite3", ":memory:", "select 1"])? > 0);
    Ok(())
}

#[test]
fn a_shell_that_fails() -> Result<()> {
    let folder = tempdir()?;
    assert!(same_as_without_us(folder.path(), &["bash", "-c", "echo said; (exit 3); exit 7"])? > 0);
    Ok(())
}

#[test]
fn node() -> Result<()> {
    let folder = tempdir()?;
    let work = "console.log([1,2,3].map(x => x * 2).join())";
    assert!(same_as_without_us(folder.path(), &["node", "-e", work])? > 0);
    Ok(())
}

#[test]
fn a_program_that_a_signal_ends() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of(folder.path(), "killed", &["bash", "-c", "kill -TERM $$"])?;
    // As a shell sees it: `bytehound run` dies of the signal that its program died of.
    assert_eq!(capture.ended.code, None);
    Ok(())
}
