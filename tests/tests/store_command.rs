//! `bytehound store`: over a directory of its own, and over one that a server has open.

use anyhow::{Context, Result};
use bytehound_tests::{Ended, Server, bytehound, golden, run};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

fn store(data: &Path, arguments: &[&str]) -> Result<Ended> {
    run(Command::new(bytehound()).arg("store").args(arguments).arg("--data-dir").arg(data))
}

fn json(ended: &Ended) -> Result<Value> {
    serde_json::from_str(&ended.stdout).with_context(|| format!("{} {}", ended.stdout, ended.stderr))
}

fn only_file(dir: &Path, suffix: &str) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.find(|path| path.to_string_lossy().ends_with(suffix)).context("no such file")
}

fn flip(path: &Path, byte: usize) -> Result<()> {
    let mut bytes = std::fs::read(path)?;
    bytes[byte] ^= 2;
    Ok(std::fs::write(path, bytes)?)
}

#[test]
fn a_directory_is_looked_after_without_a_server() -> Result<()> {
    let folder = tempdir()?;
    let data = folder.path().join("data");
    let server = Server::start(&data, &[])?;
    let id = server.upload(&golden().join("threads.raw.dat"))?;
    server.kill()?;

    let stat = store(&data, &["stat"])?;
    assert!(stat.stdout.contains("1 ready"), "{}", stat.stdout);
    assert_eq!(json(&store(&data, &["stat", "--json"])?)?["captures"]["count"], 1);
    let whole = store(&data, &["verify"])?;
    assert_eq!((whole.code, whole.stdout.trim()), (Some(0), format!("{id} whole").as_str()));

    flip(&only_file(&data.join("segments"), ".seg")?, 100)?;
    let damaged = store(&data, &["verify", "--json"])?;
    assert_eq!(damaged.code, Some(1));
    let verified = json(&damaged)?;
    assert!(verified["index"].is_string() && verified["capture"].is_null(), "{verified}");
    assert_eq!(json(&store(&data, &["stat", "--json"])?)?["damaged"], 1);
    let mended = store(&data, &["reindex", &id])?;
    assert_eq!((mended.code, mended.stdout.trim()), (Some(0), format!("{id} indexed").as_str()));
    assert_eq!(store(&data, &["verify"])?.code, Some(0));

    // The index that was replaced went when the next command opened the directory.
    std::fs::write(data.join("incoming/1"), [7; 1000])?;
    let freed = json(&store(&data, &["gc", "--json"])?)?;
    assert_eq!(freed["bytes"], 1000, "{freed}");
    assert_eq!(store(&data, &["reindex"])?.code, Some(1), "which ones?");
    Ok(())
}

#[test]
fn a_directory_that_a_server_has_open_is_looked_after_through_it() -> Result<()> {
    let folder = tempdir()?;
    let data = folder.path().join("data");
    let server = Server::start(&data, &[])?;
    let id = server.upload(&golden().join("threads.raw.dat"))?;

    let stat = store(&data, &["stat", "--json"])?;
    assert!(stat.stderr.contains(&server.url), "it says whom it asks: {}", stat.stderr);
    assert_eq!(json(&stat)?["ready"], 1);
    assert_eq!(store(&data, &["verify", &id])?.code, Some(0));
    assert_eq!(store(&data, &["gc"])?.code, Some(0));
    let again = store(&data, &["reindex", "--all"])?;
    assert_eq!((again.code, again.stdout.trim()), (Some(0), format!("{id} indexed").as_str()));

    flip(&only_file(&data.join("blobs"), ".dat")?, 3000)?;
    let damaged = store(&data, &["verify"])?;
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stdout.contains("upload it again"), "{}", damaged.stdout);
    let profile = server.get(&format!("/v1/profiles/{id}"))?.json()?;
    assert!(profile["damage"].is_string(), "it is marked: {profile}");
    assert_eq!(profile["state"], "ready", "the index is whole: {profile}");
    assert_eq!(server.upload(&golden().join("threads.raw.dat"))?, id);
    assert_eq!(store(&data, &["verify"])?.code, Some(0));
    let unknown = store(&data, &["verify", &id.replace(char::is_numeric, "a")])?;
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    Ok(())
}
