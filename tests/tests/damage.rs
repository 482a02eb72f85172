//! Damaged input: a cut capture gives its beginning and says what is missing; what is no capture is refused.

use anyhow::{Context, Result};
use bytehound_tests::{Capture, Ended, Server, bytehound, run};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

fn script(file: &Path, data: &Path, script: &Path) -> Result<Ended> {
    let mut command = Command::new(bytehound());
    run(command.arg("script").arg(script).arg("-d").arg(file).arg("--data-dir").arg(data))
}

#[test]
fn a_capture_cut_anywhere_loads_what_is_there_and_says_what_is_missing() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "whole", 0.2, &[])?;
    let whole = std::fs::read(&capture.path)?;
    let count = folder.path().join("count.rhai");
    std::fs::write(&count, "println(allocations().len());")?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let all: u64 = script(&capture.path, &folder.path().join("cli"), &count)?.stdout.trim().parse()?;
    // From nearly nothing to nearly all, and around the last blocks.
    let cuts = (1..12_usize)
        .map(|twelfth| whole.len() * twelfth / 12)
        .chain((1..6).map(|missing| whole.len() - missing));
    for cut in cuts {
        let path = folder.path().join("cut.dat");
        std::fs::write(&path, &whole[..cut])?;
        let ended = script(&path, &folder.path().join("cli"), &count)?;
        assert_eq!(ended.code, Some(0), "cut at {cut}: {}", ended.stderr);
        assert!(ended.stderr.contains("cut"), "cut at {cut}, nothing said: {}", ended.stderr);
        let there: u64 = ended.stdout.trim().parse()?;
        assert!(there <= all, "cut at {cut}");

        let id = server.upload(&path)?;
        let profile = server.get(&format!("/v1/profiles/{id}"))?.json()?;
        let defects = profile["info"]["defects"].as_array().context("no defects")?;
        assert!(!defects.is_empty(), "cut at {cut}: {profile}");
        assert_eq!(profile["info"]["allocations"], there);
    }
    Ok(())
}

#[test]
fn what_is_no_capture_is_refused_and_the_server_stays_up() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let mut random = 0x9E37_79B9_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    })
    .take(300_000)
    .collect();
    let count = folder.path().join("count.rhai");
    std::fs::write(&count, "println(allocations().len());")?;
    for (name, bytes) in
        [("noise", &noise[..]), ("short noise", &noise[..50]), ("empty", &[]), ("text", b"hello\n")]
    {
        let refused = server.post("/v1/profiles", bytes)?;
        assert_eq!(refused.status, 422, "{name}: {}", refused.text);
        assert_eq!(refused.json()?["code"], "not_a_profile", "{name}");

        let path = folder.path().join("noise.dat");
        std::fs::write(&path, bytes)?;
        let ended = script(&path, &folder.path().join("cli"), &count)?;
        assert_eq!(ended.code, Some(1), "{name}");
        assert!(ended.stderr.contains("noise.dat"), "{name}: {}", ended.stderr);
    }
    assert!(server.is_up());
    assert_eq!(server.get("/v1/profiles")?.json()?["profiles"].as_array().map(Vec::len), Some(0));
    Ok(())
}
