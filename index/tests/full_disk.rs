//! A disk that is full when live blocks are to be written to it. The limit that makes it so is one of a process, so this file
//! has its own `main`, and starts itself again as the process that has one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::io::Write;
use std::process::Command;
use std::sync::Arc;

use bytehound_index::IndexError;
use bytehound_index::build::{LiveBudget, give_up, ingest, load_stored};
use bytehound_store::testing::Faults;
use bytehound_store::{BuildKey, FailureCause, NewProfile, ProfileId, ProfileState, Seams, Store};
use capture::{Capture, START, block, id};
use rustix::process::{Resource, Rlimit, setrlimit};

#[expect(dead_code, reason = "it writes captures for more than this")]
#[path = "build/capture.rs"]
mod capture;

/// The largest file that can be written while the disk is "full": all scratch files but those of live blocks are smaller.
const LIMIT: u64 = 1 << 20;
/// Blocks of 48 bytes.
const LIVE: u64 = 60_000;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("fill") {
        return fill();
    }
    // The shell's part is to ignore the signal that comes with the limit, which safe Rust can't.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" fill"]).arg(std::env::current_exe().unwrap());
    assert!(shell.status().unwrap().success());
    println!("live_blocks_that_the_disk_has_no_room_for_fail_the_ingest_and_lose_nothing ... ok");
}

fn fill() {
    // Only captures and scratch files are on the disk.
    let store = Store::temporary_over(Seams::in_memory(&Arc::new(Faults::default()))).unwrap();
    let profile = upload(&store, &all_alive());
    limit_files_to(Some(LIMIT));
    let key =
        BuildKey { profile: profile.clone(), generation: store.catalog().begin_build(&profile).unwrap() };
    let error = load_stored(&store, &profile, LiveBudget::of_bytes(64 * LIVE / 4), &()).err().unwrap();
    assert!(matches!(&error, IndexError::Store(error) if error.is_full_disk()), "{error}");
    assert!(error.to_string().starts_with("could not grow"), "{error}");
    give_up(&store, &key, &error).unwrap();
    let record = store.catalog().get(&profile).unwrap().unwrap();
    assert_eq!(record.state.failure(), Some(FailureCause::NoRoom), "{record:?}");
    assert_eq!(store.usage().unwrap().scratch, 0);

    // What memory has room for needs none on the disk.
    let manifest = ingest(&store, &profile, &()).unwrap();
    assert_eq!(manifest.leaked_count, LIVE);
    limit_files_to(None);
    let record = store.catalog().get(&profile).unwrap().unwrap();
    assert!(matches!(record.state, ProfileState::Ready { .. }), "{record:?}");
}

fn limit_files_to(bytes: Option<u64>) {
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

fn upload(store: &Store, capture: &[u8]) -> ProfileId {
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(capture).unwrap();
    incoming.commit(NewProfile::default()).unwrap().record.id
}

/// Blocks of which none ends.
fn all_alive() -> Vec<u8> {
    let mut capture = Capture::new();
    for number in 1..=LIVE {
        capture.alloc(id(number), START + number, block(number << 4, 16, 0));
    }
    capture.finish()
}
