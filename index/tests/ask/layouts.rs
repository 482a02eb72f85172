//! Indexes of versions with an earlier layout: those that are read answer as a new one does.
//!
//! `tests/data/indexes` has one of each layout. `WRITE_FIXTURE=1 cargo test -p bytehound-index --test ask layouts` writes
//! that of the current one, which has to be there before the layout changes.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use bytehound_index::build::{ingest, publish};
use bytehound_index::layout::{LAYOUT_VERSION, LAYOUT_VERSION_MIN};
use bytehound_index::summary_tables::read_manifest;
use bytehound_index::{BacktraceId, Cancel, Grid, Predicate, Profile, Row, Selection};
use bytehound_store::{BuildKey, Store};

use crate::profiles::stored;

/// The rows of its summaries.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn capture() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/realloc.decoded.dat");
    fs::read(path).expect("the capture is there")
}

/// Where an index of a layout is kept: its segment, and its summaries.
fn fixture(layout: u32) -> [PathBuf; 2] {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/indexes"));
    ["segment", "summaries"].map(|what| dir.join(format!("layout-{layout}.{what}")))
}

fn segment_path(store: &Store, key: &BuildKey) -> PathBuf {
    store.directory().join(format!("segments/{key}.seg"))
}

/// An index as it is made now.
fn fresh() -> (Store, Arc<Profile>) {
    let (store, id) = stored(&capture());
    ingest(&store, &id, &()).expect("a capture that can be indexed");
    let profile = Profile::open(&store, &id).expect("it was just published");
    (store, profile)
}

fn write_fixture() {
    let (store, profile) = fresh();
    let record = store.catalog().get(profile.id()).expect("a catalogue").expect("it was just stored");
    let key = record.ready_build().expect("it was just published");
    let [segment, summaries] = fixture(LAYOUT_VERSION);
    fs::copy(segment_path(&store, &key), segment).expect("a segment that is there");
    let mut rows = Rows::new();
    let scanned = store.summaries().open(&key).expect("a finished build").scan(b"", &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.expect("rows that can be read");
    fs::write(summaries, rmp_serde::to_vec(&rows).expect("plain bytes")).expect("room for them");
}

/// An index as it was made then.
fn kept(layout: u32) -> (Store, Arc<Profile>) {
    let (store, id) = stored(&capture());
    let generation = store.catalog().begin_build(&id).expect("it was just stored");
    let key = BuildKey { profile: id.clone(), generation };
    let [segment, summaries] = fixture(layout)
        .map(|path| fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display())));
    fs::write(segment_path(&store, &key), segment).expect("room for a segment");
    let rows: Rows = rmp_serde::from_slice(&summaries).expect("rows");
    let mut writer = store.summaries().writer(&key).expect("a new build");
    rows.iter().try_for_each(|(key, value)| writer.put(key, value)).expect("room for rows");
    writer.finish().expect("room for rows");
    let reader = store.summaries().open(&key).expect("a finished build");
    let manifest = read_manifest(reader.as_ref()).expect("a manifest");
    assert_eq!(manifest.layout_version, layout);
    publish(&store, &key, &manifest).expect("the newest build");
    let profile = Profile::open(&store, &id).expect("a layout that is read");
    (store, profile)
}

#[test]
fn an_index_of_an_earlier_layout_answers_as_a_new_one() {
    if std::env::var_os("WRITE_FIXTURE").is_some() {
        write_fixture();
    }
    let (_store, new) = fresh();
    for layout in LAYOUT_VERSION_MIN..=LAYOUT_VERSION {
        let (_store, old) = kept(layout);
        check_same(&old, &new);
    }
}

fn check_same(old: &Profile, new: &Profile) {
    assert_eq!(old.row_count(), new.row_count());
    assert!((0..new.row_count()).map(Row).all(|row| old.allocation(row) == new.allocation(row)));
    assert_eq!(old.backtrace_count(), new.backtrace_count());
    for id in (0..new.backtrace_count()).map(BacktraceId) {
        assert!(old.backtrace(id).frames().eq(new.backtrace(id).frames()), "{id:?}");
        assert_eq!(old.stack_keys(id), new.stack_keys(id));
    }
    assert_eq!(old.summaries().expect("summaries"), new.summaries().expect("summaries"));
    assert_eq!(old.buckets().expect("buckets"), new.buckets().expect("buckets"));
    let (leaked, cancel) = (Selection::all().filtered(Predicate::Leaked), Cancel::new());
    let [then, now] = [old, new].map(|profile| {
        let timeline = profile.timeline(&leaked, Grid::of(new.manifest()), &cancel).expect("a timeline");
        let groups = profile.groups(&leaked, &cancel).expect("groups");
        let alive = profile.alive_at(new.manifest().peak_at_us, &cancel).expect("what was alive");
        (timeline, groups, alive)
    });
    assert_eq!(then, now);
}
