//! Two runs, one with a leak that the other has not: every way to compare names it first, with the same numbers.

use anyhow::{Context, Result};
use bytehound_tests::{Capture, Server, bytehound, run};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::tempdir;

const LEAKING: &str = "allocate_extra_leak";

#[test]
fn cli_http_and_scripts_name_the_same_leak_with_the_same_numbers() -> Result<()> {
    let folder = tempdir()?;
    let base = Capture::of_simulation(folder.path(), "base", 1.0, &[])?;
    let new = Capture::of_simulation(folder.path(), "new", 1.0, &["--extra-leak"])?;
    let (_, leaked, bytes) = new.pattern("extra_leak").context("the simulation says what it did")?;

    let mut command = Command::new(bytehound());
    command.arg("compare").arg(&base.path).arg(&new.path).arg("--json");
    command.arg("--data-dir").arg(folder.path().join("cli"));
    let printed = run(&mut command)?;
    assert_eq!(printed.code, Some(1), "two runs that differ: {}", printed.stderr);
    check(&serde_json::from_str(&printed.stdout)?, leaked, bytes)?;

    let server = Server::start(&folder.path().join("data"), &[])?;
    let (base, new) = (server.upload(&base.path)?, server.upload(&new.path)?);
    let sides = json!({"base": {"profiles": [base]}, "new": {"profiles": [new]}});
    check(&server.post_json("/v1/comparisons", &sides)?.json()?["data"], leaked, bytes)?;

    let script = r#"
        let found = compare(profiles()[0], profiles()[1]).sort_by_delta("leaked_bytes");
        println("{} {}", found[0].delta.leaked_count, found[0].delta.leaked_bytes);
        println(found[0].backtrace.strip());"#;
    let path = format!("/script?profile={base}&profile={new}");
    let answer = server.post(&path, script.as_bytes())?.json()?;
    assert_eq!(answer["output"][0]["value"], format!("{leaked} {bytes}"), "{answer}");
    assert!(answer["output"][1]["value"].as_str().is_some_and(|text| text.contains(LEAKING)), "{answer}");
    Ok(())
}

/// The first row is the leak, and the rows add up to the totals.
fn check(comparison: &Value, leaked: u64, bytes: u64) -> Result<()> {
    let rows = comparison["rows"].as_array().context("no rows")?;
    let first = &rows[0];
    let frames = first["frames"].as_array().context("no frames")?;
    let names_leak = |frame: &Value| frame["function"].as_str().is_some_and(|name| name.contains(LEAKING));
    assert!(frames.iter().any(names_leak), "the first row is another: {first}");
    assert_eq!(first["delta"]["leaked_count"], leaked);
    assert_eq!(first["delta"]["leaked_bytes"], bytes);
    for metric in ["leaked_bytes", "leaked_count", "allocated_bytes", "allocated_count", "peak_bytes"] {
        let sum: i64 = rows.iter().filter_map(|row| row["delta"][metric].as_i64()).sum();
        assert_eq!(Some(sum), comparison["delta"][metric].as_i64(), "Σ rows of {metric}");
    }
    Ok(())
}

#[test]
fn a_run_compared_with_itself_does_not_differ() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "base", 0.2, &[])?;
    let mut command = Command::new(bytehound());
    command.arg("compare").arg(&capture.path).arg(&capture.path);
    let printed = run(command.arg("--data-dir").arg(folder.path().join("data")))?;
    assert_eq!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    Ok(())
}
