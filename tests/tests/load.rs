//! A little load: every answer right, none refused by accident.

use anyhow::Result;
use bytehound_bench::{Answers, Shape, Version, generate};
use bytehound_tests::{Ended, Server, golden, loadtest, run};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn many_clients_get_the_same_right_answers() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let mut command = Command::new(loadtest());
    command.args(["--server", &server.url, "--clients", "8", "--requests", "200", "--rate", "100", "--json"]);
    for name in ["threads.decoded.dat", "realloc.raw.dat"] {
        command.arg("--capture").arg(golden().join(name));
    }
    let ended = run(&mut command)?;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!((&report["requests"], &report["good"]), (&200.into(), &true.into()), "{report}");
    Ok(())
}

/// Makes a capture, and puts what is known of it beside it.
fn generated(folder: &Path, seed: u64, lie: fn(&mut Answers)) -> Result<PathBuf> {
    let path = folder.join(format!("{seed}.dat"));
    let shape = Shape { events: 30_000, stacks: 400, live: 500, seed, threads: 2, format: Version::V2 };
    let mut answers = generate(&shape, File::create(&path)?)?;
    lie(&mut answers);
    fs::write(path.with_extension("json"), serde_json::to_vec(&answers)?)?;
    Ok(path)
}

fn ask(server: &Server, capture: &Path, more: &[&str]) -> Result<Ended> {
    let mut command = Command::new(loadtest());
    command.args(["--server", &server.url, "--requests", "80", "--rate", "200", "--kind", "timeline"]);
    command.args(["--kind", "groups", "--kind", "filtered", "--kind", "script"]).args(more);
    run(command.arg("--capture").arg(capture))
}

#[test]
fn what_is_known_of_a_capture_is_held_against_the_answers() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let ended = ask(&server, &generated(folder.path(), 1, |_| {})?, &[])?;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let lies: [fn(&mut Answers); 4] = [
        |known| known.peak_bytes += 1,
        |known| known.allocations += 1,
        |known| known.groups[0].sums.leaked_bytes += 1,
        |known| known.groups.iter_mut().for_each(|group| group.through.clear()),
    ];
    for lie in lies {
        let ended = ask(&server, &generated(folder.path(), 1, lie)?, &[])?;
        assert_eq!(ended.code, Some(1), "{}", ended.stdout);
        assert!(ended.stdout.contains("known"), "{}", ended.stdout);
    }
    Ok(())
}

#[test]
fn questions_go_on_while_captures_are_taken_in_and_targets_count() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let capture = generated(folder.path(), 1, |_| {})?;
    let meanwhile = generated(folder.path(), 2, |_| {})?;
    let meanwhile = meanwhile.to_string_lossy();
    let ended = ask(&server, &capture, &["--upload", &meanwhile])?;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("ready after").count(), 2, "{}", ended.stdout);
    let ended = ask(&server, &capture, &["--p99", "script=0.000001"])?;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("missed: `script`"), "{}", ended.stdout);
    Ok(())
}
