//! The server against `kill -9`, at seeded moments while captures of many kinds come in: what was acknowledged is there, no
//! profile is half visible, and in the end each is what it is when nobody is killed.

use anyhow::{Context, Result, ensure};
use bytehound_store::{ProfileId, Store};
use bytehound_tests::{Server, bytehound, golden};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::tempdir;

/// So many servers are killed on each data directory.
const KILLS: u64 = 10;
/// Each of this many uploads one capture after the other while the server lives.
const UPLOADERS: u64 = 3;
/// A server lives for less than this, in microseconds, counted from where it listens.
const LIFE_US: u64 = 250_000;
/// One of so many is killed while it starts.
const KILLED_AT_START: u64 = 4;

#[test]
fn killed_at_any_moment_no_upload_is_lost_or_half_visible_and_all_become_what_they_are() -> Result<()> {
    let kills = if std::env::var_os("BYTEHOUND_TEST_LONG").is_some() { 2000 } else { 50 };
    let captures = Captures::mixed()?;
    let peace = tempdir()?;
    let server = Server::start(peace.path(), std::slice::from_ref(&captures.referenced))?;
    for bytes in &captures.uploaded {
        server.post("/v1/profiles", bytes)?;
    }
    wait_for_all(&server, captures.uploaded.len() + 1)?;
    server.kill()?;
    let expected = contents(peace.path())?;
    ensure!(expected.len() == captures.uploaded.len() + 1, "{} profiles", expected.len());

    let (mut survived, mut resumed) = (0, 0);
    for first in (0..kills).step_by(KILLS as usize) {
        let dir = tempdir()?;
        let mut acknowledged = BTreeSet::new();
        for round in first..first + KILLS {
            let found = kill_one(round, dir.path(), &captures, &mut acknowledged, &expected)
                .with_context(|| format!("kill {round}"))?;
            resumed += found.unfinished;
        }
        let server = Server::start(dir.path(), &[])?;
        wait_for_all(&server, acknowledged.len())?;
        check(&server, &acknowledged, &expected)?;
        server.kill()?;
        let found = contents(dir.path())?;
        for id in &acknowledged {
            ensure!(
                found.contains_key(id),
                "{id} was acknowledged before kill {first} + {KILLS} and is gone"
            );
        }
        for (id, content) in &found {
            ensure!(
                *content == expected[id],
                "{id} is not what it is in peace, after kill {first} + {KILLS}"
            );
        }
        survived += acknowledged.len();
    }
    println!("{kills} kills: {survived} acknowledged uploads are there, {resumed} ingests were resumed");
    assert!(survived as u64 >= kills / KILLS && resumed > 0, "too little happened between the kills");
    Ok(())
}

/// Captures of several programs, in both of their shapes, cut ones among them.
struct Captures {
    uploaded: Vec<Vec<u8>>,
    referenced: PathBuf,
}

impl Captures {
    fn mixed() -> Result<Self> {
        let names = ["cull.raw", "mmap.raw", "mmap.decoded", "realloc.raw", "startstop.raw", "threads.raw"];
        let read = |name: &str| std::fs::read(golden().join(format!("{name}.dat")));
        let mut uploaded = names.iter().map(|name| read(name)).collect::<Result<Vec<_>, _>>()?;
        let whole = read("threads.decoded")?;
        uploaded.extend([3, 4].map(|part| whole[..whole.len() * (part - 1) / part].to_vec()));
        uploaded.push(whole);
        Ok(Self { uploaded, referenced: golden().join("realloc.decoded.dat") })
    }
}

/// What one server found of those before it.
struct Found {
    unfinished: usize,
}

/// Starts a server, uploads to it, and kills it.
fn kill_one(
    round: u64,
    dir: &Path,
    captures: &Captures,
    acknowledged: &mut BTreeSet<ProfileId>,
    expected: &BTreeMap<ProfileId, Content>,
) -> Result<Found> {
    if round % KILLED_AT_START == KILLED_AT_START - 1 {
        let mut command = Command::new(bytehound());
        command.arg("server").arg("--data-dir").arg(dir).args(["--port", "0"]);
        let mut starting = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        thread::sleep(Duration::from_micros(random(round) % LIFE_US));
        starting.kill()?;
        starting.wait()?;
    }
    let referenced = if round.is_multiple_of(3) { std::slice::from_ref(&captures.referenced) } else { &[] };
    let server = Server::start(dir, referenced)?;
    let unfinished = check(&server, acknowledged, expected)?;
    let uploaders: Vec<_> = (0..UPLOADERS)
        .map(|uploader| {
            let (url, seed) = (server.url.clone(), round * UPLOADERS + uploader);
            let bytes = captures.uploaded.clone();
            thread::spawn(move || upload_until_killed(&url, seed, &bytes))
        })
        .collect();
    // The moment is what is varied; what it meets, the scheduler decides.
    thread::sleep(Duration::from_micros(random(round) % LIFE_US));
    server.kill()?;
    for uploader in uploaders {
        acknowledged.extend(uploader.join().map_err(|_| anyhow::anyhow!("an uploader panicked"))?);
    }
    Ok(Found { unfinished })
}

/// Uploads captures, in an order of its own; gives the ids that were acknowledged.
fn upload_until_killed(url: &str, seed: u64, captures: &[Vec<u8>]) -> Vec<ProfileId> {
    let mut acknowledged = Vec::new();
    for step in 0.. {
        let bytes = &captures[random(seed * 1000 + step) as usize % captures.len()];
        let Ok(mut answer) = ureq::post(format!("{url}/v1/profiles")).send(bytes) else { break };
        let Ok(json) = answer.body_mut().read_json::<serde_json::Value>() else { break };
        acknowledged.extend(json["id"].as_str().and_then(|id| id.parse::<ProfileId>().ok()));
    }
    acknowledged
}

/// Every acknowledged profile is listed, and what is ready says of itself what it says in peace; how many are not yet.
fn check(
    server: &Server,
    acknowledged: &BTreeSet<ProfileId>,
    expected: &BTreeMap<ProfileId, Content>,
) -> Result<usize> {
    let mut listed = BTreeSet::new();
    let mut unfinished = 0;
    let answer = server.get("/v1/profiles?limit=100")?.json()?;
    for profile in answer["profiles"].as_array().context("no profiles")? {
        let id: ProfileId = profile["id"].as_str().context("no id")?.parse()?;
        let state = profile["state"].as_str().context("no state")?;
        ensure!(state != "failed" && profile["damage"].is_null(), "half visible: {profile}");
        if state == "ready" {
            let groups = server.get(&format!("/v1/profiles/{id}/groups"))?;
            ensure!(groups.status == 200, "{id} is ready, and answers {}: {}", groups.status, groups.text);
        } else {
            unfinished += 1;
        }
        ensure!(expected.contains_key(&id), "{id} was never uploaded as a whole");
        listed.insert(id);
    }
    let lost: Vec<_> = acknowledged.difference(&listed).collect();
    ensure!(lost.is_empty(), "acknowledged and gone: {lost:?}");
    Ok(unfinished)
}

/// Waits until there are so many profiles (a capture that is given at the start is listed once it has been read), and all
/// of them are ready.
fn wait_for_all(server: &Server, at_least: usize) -> Result<()> {
    let mut ids = Vec::new();
    while ids.is_empty() || ids.len() < at_least {
        let list = server.get("/v1/profiles?limit=100")?.json()?;
        let profiles = list["profiles"].as_array().context("no profiles")?;
        ids = profiles.iter().filter_map(|profile| profile["id"].as_str().map(str::to_owned)).collect();
        if at_least == 0 {
            break;
        }
    }
    ids.iter().try_for_each(|id| server.wait_until_ready(id))
}

/// All that a profile consists of, but for the number of its build and when it came.
#[derive(PartialEq)]
struct Content {
    capture: Vec<u8>,
    segment: Vec<u8>,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    manifest: Option<Vec<u8>>,
}

/// What lies in the data directory of a server that is gone.
fn contents(dir: &Path) -> Result<BTreeMap<ProfileId, Content>> {
    let store = Store::open(dir)?;
    let mut contents = BTreeMap::new();
    for record in store.catalog().list()? {
        let build = record.ready_build().with_context(|| format!("{} is not ready", record.id))?;
        let mut rows = Vec::new();
        store.summaries().open(&build)?.scan(b"", &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        let mut capture = Vec::new();
        std::io::Read::read_to_end(&mut store.captures().open(&record.id)?, &mut capture)?;
        let segment = std::fs::read(dir.join(format!("segments/{build}.seg")))?;
        contents.insert(record.id, Content { capture, segment, rows, manifest: record.summary });
    }
    Ok(contents)
}

/// SplitMix64, so that a kill can be told by its number.
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
