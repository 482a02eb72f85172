//! The store against `kill -9` and a full disk. Both need a process of their own, so this file has its own `main`: it
//! starts itself again as the process that works until it is killed, or that runs against a limit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytehound_store::{
    BuildKey, FailureCause, MappedVec, NewProfile, ProfileId, ProfileState, Published, SegmentWriter, Store,
    StoreError,
};
use rustix::process::{Resource, Rlimit, setrlimit};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("work") => work(Path::new(&arguments[2]), arguments[3].parse().unwrap()),
        Some("fill") => fill(Path::new(&arguments[2])),
        _ => {
            killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_half_visible();
            println!("killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_half_visible ... ok");
            a_full_disk_is_an_error_and_the_store_goes_on();
            println!("a_full_disk_is_an_error_and_the_store_goes_on ... ok");
        }
    }
}

/// SplitMix64, so that a round can be told by its seed.
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

// What profile `number` consists of: everything is derived from the number, which is also its label.

fn capture(number: u64) -> Vec<u8> {
    (0..1 + random(number) % 20_000).flat_map(|index| random(number ^ (index << 32)).to_le_bytes()).collect()
}

fn column(number: u64) -> Vec<u64> {
    (0..1 + number % 5000).map(|row| random(number + row)).collect()
}

fn summaries(number: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let row = |index: u64| (index.to_be_bytes().to_vec(), random(number + index).to_le_bytes().repeat(50));
    (0..number % 40).map(row).collect()
}

/// The process that is killed: uploads, builds and deletes, and says each step before and after it.
fn work(dir: &Path, first: u64) {
    let store = Store::open(dir).unwrap();
    let say = |what: &str, number: u64| println!("{what} {number}");
    let mut kept = Vec::new();
    for number in first.. {
        say("receiving", number);
        let mut incoming = store.captures().receive().unwrap();
        incoming.write_all(&capture(number)).unwrap();
        say("committing", number);
        let labels = [("number".to_owned(), number.to_string())].into();
        let id = incoming.commit(NewProfile { name: String::new(), labels }).unwrap().record.id;
        say("stored", number);
        publish(&store, &id, number, &say);
        kept.push((number, id));
        if kept.len() > 4 {
            let (number, id) = kept.remove(number as usize % 4);
            say("deleting", number);
            store.delete_profile(&id).unwrap();
            say("deleted", number);
        }
    }
}

fn publish(store: &Store, id: &ProfileId, number: u64, say: &dyn Fn(&str, u64)) {
    let generation = store.catalog().begin_build(id).unwrap();
    say("building", number);
    let key = BuildKey { profile: id.clone(), generation };
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_section("column", &column(number)).unwrap();
    store.segments().put(&key, writer.finish().unwrap()).unwrap();
    say("summarizing", number);
    let mut writer = store.summaries().writer(&key).unwrap();
    summaries(number).iter().for_each(|(key, value)| writer.put(key, value).unwrap());
    writer.finish().unwrap();
    say("publishing", number);
    assert_eq!(store.catalog().publish(&key, None, Vec::new()).unwrap(), Published::Current);
    say("ready", number);
}

/// So many processes are killed on each data directory.
const ROUNDS: u64 = 8;

fn killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_half_visible() {
    let directories = if std::env::var_os("BYTEHOUND_TEST_LONG").is_some() { 250 } else { 7 };
    let (mut ready, mut deleted) = (0, 0);
    for directory in 0..directories {
        let dir = tempfile::tempdir().unwrap();
        let mut said = Said::default();
        for round in directory * ROUNDS..(directory + 1) * ROUNDS {
            run_until_killed(dir.path(), round, &mut said);
            check(dir.path(), round, &said);
        }
        ready += said.ready.len() as u64;
        deleted += said.deleted.len();
    }
    assert!(ready > directories * ROUNDS && deleted > 0, "too little happened between the kills");
}

/// What the killed processes said they had done, by number.
#[derive(Default)]
struct Said {
    stored: BTreeSet<u64>,
    ready: BTreeSet<u64>,
    deleting: BTreeSet<u64>,
    deleted: BTreeSet<u64>,
}

fn run_until_killed(dir: &Path, round: u64, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["work", dir.to_str().unwrap(), &(round * 1_000_000).to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut heard: Vec<String> = lines.by_ref().take(1 + random(round) as usize % 40).collect();
    // The moment of the kill is what is varied: somewhere within the step that was just announced.
    let moment = Instant::now() + Duration::from_micros(random(round + 1000) % 8000);
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    heard.extend(lines);
    assert!(child.wait().unwrap().code().is_none(), "round {round}: ended by itself after {heard:?}");
    for line in heard {
        let (what, number) = line.split_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        match what {
            "stored" => said.stored.insert(number),
            "ready" => said.ready.insert(number),
            "deleting" => said.deleting.insert(number),
            "deleted" => said.deleted.insert(number),
            _ => false,
        };
    }
}

fn check(dir: &Path, round: u64, said: &Said) {
    let store = Store::open(dir).unwrap();
    let records = store.catalog().list().unwrap();
    let by_number: BTreeMap<u64, _> =
        records.iter().map(|record| (record.labels["number"].parse().unwrap(), record)).collect();
    assert_eq!(by_number.len(), records.len());
    for number in said.stored.difference(&said.deleting) {
        let record =
            by_number.get(number).unwrap_or_else(|| panic!("round {round}: {number} was stored and is gone"));
        let ready = matches!(record.state, ProfileState::Ready { .. });
        assert!(
            ready || !said.ready.contains(number),
            "round {round}: {number} was ready, is {:?}",
            record.state
        );
    }
    let mut files = BTreeSet::new();
    for (number, record) in by_number {
        assert!(!said.deleted.contains(&number), "round {round}: {number} was deleted and is back");
        let mut bytes = Vec::new();
        store.captures().open(&record.id).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == capture(number), "round {round}: the capture {number} has {} bytes", bytes.len());
        files.extend([format!("blobs/{}.dat", record.id), format!("blobs/{}.meta", record.id)]);
        match record.ready_build() {
            Some(build) => {
                check_build(&store, &build, number);
                files.extend([format!("segments/{build}.seg"), format!("summaries/{build}")]);
            }
            None => assert_eq!(record.state, ProfileState::Stored, "round {round}: {number}"),
        }
    }
    let on_disk = ["blobs", "incoming", "segments", "summaries", "tmp"].iter().flat_map(|folder| {
        let entries = fs::read_dir(dir.join(folder)).unwrap();
        entries.map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
    });
    assert_eq!(on_disk.collect::<BTreeSet<_>>(), files, "round {round}");
}

fn check_build(store: &Store, build: &BuildKey, number: u64) {
    assert_eq!(store.segments().open(build).unwrap().slice::<u64>("column").unwrap(), column(number));
    let mut rows = Vec::new();
    let reader = store.summaries().open(build).unwrap();
    let scanned = reader.scan(b"", &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    assert_eq!(rows, summaries(number));
}

/// The largest file that can be written while the disk is "full".
const LIMIT: u64 = 16 << 20;

fn a_full_disk_is_an_error_and_the_store_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    // The shell's part is to ignore the signal that comes with the limit, which safe Rust can't.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" fill \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(dir.path());
    assert!(shell.status().unwrap().success());
}

fn limit_files_to(bytes: Option<u64>) {
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// Runs against the limit in every way that the store writes, and shows that it goes on after each.
fn fill(dir: &Path) {
    limit_files_to(Some(LIMIT));
    let store = Store::open(dir).unwrap();
    fill_memory(&store);
    fill_a_segment(&store);
    fill_an_upload(&store);
    fill_summaries(&store);
    fill_the_catalogue(&store);
}

fn fill_memory(store: &Store) {
    let mut mapped = MappedVec::new(&store.scratch().unwrap()).unwrap();
    let error = (0..).find_map(|_| mapped.extend_from_slice(&[7_u64; 8192]).err()).unwrap();
    assert!(error.is_full_disk(), "{error}");
    assert!(mapped.len() * 8 >= LIMIT as usize / 2 && mapped.as_slice().iter().all(|value| *value == 7));
}

fn fill_a_segment(store: &Store) {
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    let error = writer.write_section("large", &vec![7_u8; LIMIT as usize]).unwrap_err();
    assert!(error.is_full_disk(), "{error}");
}

fn fill_an_upload(store: &Store) {
    let mut incoming = store.captures().receive().unwrap();
    let error = (0..).find_map(|_| incoming.write_all(&[7; 65536]).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    drop(incoming);
    assert_eq!(fs::read_dir(store.directory().join("incoming")).unwrap().count(), 0);
}

fn fill_summaries(store: &Store) {
    let id = upload(store, 1, String::new()).unwrap();
    let build = BuildKey { profile: id.clone(), generation: store.catalog().begin_build(&id).unwrap() };
    let mut writer = store.summaries().writer(&build).unwrap();
    let put = (0..1000_u32).try_for_each(|number| writer.put(&number.to_be_bytes(), &[7; 60_000]));
    let error = put.and_then(|()| writer.finish()).unwrap_err();
    assert!(error.is_full_disk(), "{error}");
    store.catalog().fail(&build, FailureCause::Error, &error.to_string()).unwrap();
    assert!(store.summaries().open(&build).is_err());
    publish(store, &id, 1, &|_, _| {});
    let build = store.catalog().get(&id).unwrap().unwrap().ready_build().unwrap();
    check_build(store, &build, 1);
}

fn fill_the_catalogue(store: &Store) {
    let large = |number: u64| upload(store, number, format!("{number} ").repeat(10_000));
    let (mut stored, error) = (2..)
        .map(large)
        .try_fold(Vec::new(), |mut stored, result| match result {
            Ok(id) => {
                stored.push(id);
                Ok(stored)
            }
            Err(error) => Err((stored, error)),
        })
        .unwrap_err();
    assert!(error.is_full_disk(), "{error}");
    assert_eq!(store.catalog().list().unwrap().len(), 1 + stored.len(), "readers go on");
    stored.iter().for_each(|id| assert!(store.catalog().get(id).unwrap().is_some()));
    limit_files_to(None);
    stored.push(large(1_000_000).unwrap());
    assert_eq!(store.catalog().list().unwrap().len(), 1 + stored.len(), "so do writers, once there is room");
}

fn upload(store: &Store, number: u64, text: String) -> Result<ProfileId, StoreError> {
    let mut incoming = store.captures().receive()?;
    incoming.write_all(&number.to_le_bytes()).unwrap();
    let labels = [("text".to_owned(), text)].into();
    Ok(incoming.commit(NewProfile { name: String::new(), labels })?.record.id)
}
