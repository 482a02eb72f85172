//! Captures that a server has while they are still being written: asked meanwhile, and in the end the profile of the file.

use anyhow::{Context, Result, ensure};
use bytehound_tests::{Server, Streamed, allocations_of, bytehound, compile};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// The only profile there is, once it is as wanted.
fn profile_that(server: &Server, is_wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = server.get("/v1/profiles")?.json()?;
        let profiles = listed["profiles"].as_array().context("no list of profiles")?;
        if let [profile] = &profiles[..]
            && profile["state"] == "ready"
            && is_wanted(profile)
        {
            return Ok(profile.clone());
        }
        ensure!(Instant::now() < until, "it did not come to that: {listed}");
        std::thread::yield_now();
    }
}

fn allocations(profile: &Value) -> u64 {
    profile["info"]["allocations"].as_u64().unwrap_or(0)
}

/// Waits until so many allocations of a capture that grows can be asked for.
fn wait_for_live(server: &Server, at_least: u64) -> Result<()> {
    let profile =
        profile_that(server, |profile| !profile["live"].is_null() && allocations(profile) >= at_least)?;
    let id = profile["live"].as_str().context("no name of the upload")?;
    let (counted, _) = server.script(id, "println(allocations().len())")?;
    assert!(counted.trim().parse::<u64>()? >= at_least, "{counted}");
    Ok(())
}

/// What is left is the profile of the file, as if that had been uploaded.
fn is_profile_of(server: &Server, capture: &Path) -> Result<()> {
    let profile = profile_that(server, |profile| profile["live"].is_null())?;
    assert_eq!(allocations(&profile), allocations_of(capture)?);
    assert_eq!(profile["id"].as_str(), Some(server.upload(capture)?.as_str()));
    Ok(())
}

#[test]
fn a_program_that_is_run_for_a_server_is_asked_while_it_runs() -> Result<()> {
    let folder = tempdir()?;
    let (program, capture) = (compile("on_command.c", folder.path())?, folder.path().join("capture.dat"));
    let server = Server::start(&folder.path().join("data"), &[])?;
    let mut command = Command::new(bytehound());
    command.arg("run").arg("--output").arg(&capture).args(["--server", &server.url, "--"]).arg(&program);
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = running.stdin.take().context("no input")?;
    let mut said = BufReader::new(running.stdout.take().context("no output")?).lines();
    for at_least in [100_000, 200_000] {
        writeln!(input, "100000")?;
        assert_eq!(said.next().context("the program has ended")??, "done");
        wait_for_live(&server, at_least)?;
    }
    drop(input);
    let ended = running.wait_with_output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    is_profile_of(&server, &capture)
}

#[test]
fn what_is_gathered_for_a_server_is_asked_while_it_comes() -> Result<()> {
    let folder = tempdir()?;
    let gathered = folder.path().join("gathered");
    std::fs::create_dir(&gathered)?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let mut command = Command::new(compile("on_command.c", folder.path())?);
    let mut program = Streamed::start(command.current_dir(folder.path()), Path::new(""))?;
    let target = format!("127.0.0.1:{}", program.port);
    let mut gather = Command::new(bytehound());
    gather.args(["gather", &target, "--server", &server.url, "--output-dir"]).arg(&gathered);
    let gather = gather.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    for at_least in [100_000, 200_000] {
        program.tell("100000")?;
        wait_for_live(&server, at_least)?;
    }
    assert!(program.end()?.success());
    let ended = gather.wait_with_output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let file = std::fs::read_dir(&gathered)?.next().context("nothing was gathered")??;
    is_profile_of(&server, &file.path())
}

#[test]
fn a_server_that_is_not_there_is_no_reason_to_fail_a_program() -> Result<()> {
    let folder = tempdir()?;
    let (program, capture) = (compile("on_command.c", folder.path())?, folder.path().join("capture.dat"));
    let mut command = Command::new(bytehound());
    command.arg("run").arg("--output").arg(&capture).args(["--server", "http://127.0.0.1:1", "--"]);
    let ended = command.arg(&program).stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("127.0.0.1:1"), "{told}");
    assert!(allocations_of(&capture)? > 0);
    Ok(())
}
