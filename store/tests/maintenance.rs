//! Looking after a data directory: what is damaged is found, what is not needed goes, what is needed stays.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytehound_store::{
    BuildKey, Freed, NewProfile, ProfileId, ProfileRecord, ProfileState, Published, SegmentWriter, Store,
    StoreError, Tally,
};
use bytehound_symbols::BinaryId;

fn upload(store: &Store, bytes: &[u8], labels: &[&str]) -> ProfileId {
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(bytes).unwrap();
    let labels = labels.iter().map(|label| ((*label).to_owned(), "1".to_owned())).collect();
    incoming.commit(NewProfile { name: String::new(), labels }).unwrap().record.id
}

fn build(store: &Store, id: &ProfileId) -> BuildKey {
    let key = BuildKey { profile: id.clone(), generation: store.catalog().begin_build(id).unwrap() };
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_section("sizes", &(0..3000_u64).collect::<Vec<_>>()).unwrap();
    writer.write_section("flags", &[7_u8; 333]).unwrap();
    store.segments().put(&key, writer.finish().unwrap()).unwrap();
    let mut summaries = store.summaries().writer(&key).unwrap();
    summaries.put(b"row", b"value").unwrap();
    summaries.finish().unwrap();
    assert_eq!(store.catalog().publish(&key, None, Vec::new()).unwrap(), Published::Current);
    key
}

fn record(store: &Store, id: &ProfileId) -> ProfileRecord {
    store.catalog().get(id).unwrap().unwrap()
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

fn segment_file(store: &Store, key: &BuildKey) -> PathBuf {
    store.directory().join(format!("segments/{key}.seg"))
}

fn blob(store: &Store, id: &ProfileId) -> PathBuf {
    store.directory().join(format!("blobs/{id}.dat"))
}

/// Bits all over a file of this length, each only once, and some of its first and its last bytes.
fn bits(len: usize) -> impl Iterator<Item = usize> {
    let sampled = (0..400_usize).map(move |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (len * 8));
    (0..64).chain(len * 8 - 64..len * 8).chain(sampled)
}

#[test]
fn any_bit_that_flips_in_a_capture_is_found() {
    let store = Store::temporary().unwrap();
    let bytes: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
    let id = upload(&store, &bytes, &[]);
    let key = build(&store, &id);
    assert!(store.verify(&id).unwrap().is_whole());
    for bit in bits(bytes.len()) {
        flip(&blob(&store, &id), bit);
        let verified = store.verify(&id).unwrap();
        assert!(verified.capture.is_some_and(|problem| problem.contains("upload it again")), "bit {bit}");
        assert_eq!(verified.index, None);
        flip(&blob(&store, &id), bit);
    }
    let damaged = record(&store, &id);
    assert!(damaged.damage.is_some(), "it is marked");
    assert_eq!(damaged.ready_build(), Some(key), "what is whole goes on to answer");
    assert_eq!(upload(&store, &bytes, &[]), id);
    assert_eq!(record(&store, &id).damage, None, "it came once more");
    assert!(store.verify(&id).unwrap().is_whole());
}

#[test]
fn any_bit_that_flips_in_a_segment_is_found() {
    let store = Store::temporary().unwrap();
    let key = build(&store, &upload(&store, b"capture", &[]));
    let read = || {
        let open = store.segments().open(&key)?;
        open.verify_all()?;
        Ok::<_, StoreError>((open.slice::<u64>("sizes")?.to_vec(), open.slice::<u8>("flags")?.to_vec()))
    };
    let whole = read().unwrap();
    let mut unread = 0;
    for bit in bits(fs::metadata(segment_file(&store, &key)).unwrap().len() as usize) {
        flip(&segment_file(&store, &key), bit);
        match read() {
            Ok(values) => {
                assert!(values == whole, "bit {bit}");
                unread += 1;
            }
            Err(error) => assert!(error.is_damaged_build(), "{error}"),
        }
        flip(&segment_file(&store, &key), bit);
    }
    assert_eq!(unread, 0, "padding is looked at too");
}

#[test]
fn a_damaged_index_is_marked_and_wants_to_be_built_again() {
    let store = Store::temporary().unwrap();
    let id = upload(&store, b"capture", &[]);
    let key = build(&store, &id);
    flip(&segment_file(&store, &key), 64 * 8 + 100);
    let verified = store.verify(&id).unwrap();
    assert!(verified.index.is_some() && verified.capture.is_none(), "{verified:?}");
    let marked = record(&store, &id);
    assert_eq!((marked.state, marked.damage), (ProfileState::Stored, verified.index));
    build(&store, &id);
    assert_eq!(record(&store, &id).damage, None);
    assert!(store.verify(&id).unwrap().is_whole());
}

#[test]
fn damage_that_a_reader_meets_is_noted() {
    let store = Store::temporary().unwrap();
    let id = upload(&store, b"capture", &[]);
    let key = build(&store, &id);
    flip(&segment_file(&store, &key), 64 * 8 + 100);
    let open = store.segments().open(&key).unwrap();
    assert_eq!(open.slice::<u8>("flags").unwrap().len(), 333, "what is whole can be read");
    assert_eq!(store.damage().take(), []);
    assert!(matches!(open.slice::<u64>("sizes"), Err(StoreError::Corrupt { .. })));
    let noted = store.damage().take();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].build, key);
    assert!(noted[0].what.contains("`sizes`"), "{}", noted[0].what);
}

#[test]
fn lost_summaries_are_found() {
    let store = Store::temporary().unwrap();
    let id = upload(&store, b"capture", &[]);
    let key = build(&store, &id);
    store.summaries().delete(&key).unwrap();
    assert!(store.verify(&id).unwrap().index.is_some());
    assert_eq!(record(&store, &id).state, ProfileState::Stored);
}

#[test]
fn a_referenced_capture_that_is_gone_is_told_and_is_no_damage() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("capture.dat");
    fs::write(&path, b"bytes").unwrap();
    let store = Store::temporary().unwrap();
    let id = store.captures().reference(&path, NewProfile::default()).unwrap().record.id;
    fs::remove_file(&path).unwrap();
    assert!(store.verify(&id).unwrap().capture.is_some());
    assert_eq!(record(&store, &id).damage, None);
}

#[test]
fn gc_removes_superseded_builds_and_neither_the_answering_nor_the_running_one() {
    let store = Store::temporary().unwrap();
    let id = upload(&store, b"capture", &[]);
    let old = build(&store, &id);
    let answering = build(&store, &id);
    let running = BuildKey { generation: store.catalog().begin_build(&id).unwrap(), ..old.clone() };
    let mut writer = store.summaries().writer(&running).unwrap();
    writer.put(b"half", b"done").unwrap();
    let superseded = store.superseded().unwrap();
    assert_eq!(superseded.iter().map(|stored| &stored.build).collect::<Vec<_>>(), [&old]);
    assert_eq!(store.gc().unwrap(), Freed { files: 1, bytes: superseded[0].size_bytes });
    assert!(store.segments().open(&old).is_err());
    assert!(store.segments().open(&answering).is_ok());
    writer.finish().unwrap();
    assert!(store.summaries().open(&running).is_ok());
    assert_eq!(store.gc().unwrap(), Freed::default());
}

fn binary(digits: &str) -> BinaryId {
    BinaryId::parse(&digits.repeat(8)).unwrap()
}

#[test]
fn gc_removes_the_symcaches_that_no_profile_refers_to_any_more() {
    let store = Store::temporary().unwrap();
    let [own, shared, held, kept] = ["aa", "bb", "cc", "dd"].map(binary);
    let [first, second] = [b"first", b"secnd"].map(|bytes| upload(&store, bytes, &[]));
    let put = |id: &BinaryId| store.symcaches().put(id, b"names").unwrap();
    [&own, &shared, &held, &kept].into_iter().for_each(put);
    let there = |id: &BinaryId| store.symcaches().get(id).unwrap().is_some();
    store.symcaches().hold_for_ever(&kept);
    let building = [&own, &shared, &held].map(|id| store.symcaches().hold(id));
    let twice = store.symcaches().hold(&held);
    assert_eq!(store.gc().unwrap(), Freed::default());
    for (profile, names) in [(&first, [&own, &shared].as_slice()), (&second, &[&shared])] {
        let key =
            BuildKey { generation: store.catalog().begin_build(profile).unwrap(), profile: profile.clone() };
        store.catalog().refer(&key, &names.iter().copied().cloned().collect()).unwrap();
        assert_eq!(store.drop_unreferred().unwrap(), Freed::default());
        assert_eq!(store.catalog().publish(&key, None, Vec::new()).unwrap(), Published::Current);
    }
    drop(building);
    assert_eq!(store.gc().unwrap(), Freed::default());
    assert_eq!(store.stat().unwrap().unreferred, Tally::default());
    drop(twice);
    assert_eq!(store.gc().unwrap().files, 1);
    assert!(!there(&held));
    store.delete_profile(&first).unwrap();
    assert_eq!(store.stat().unwrap().unreferred.count, 1);
    assert_eq!(store.gc().unwrap().files, 1);
    assert_eq!([&own, &shared, &kept].map(there), [false, true, true]);
    store.delete_profile(&second).unwrap();
    assert_eq!(store.gc().unwrap().files, 1);
    assert_eq!([&own, &shared, &kept].map(there), [false, false, true]);
}

#[test]
fn a_start_says_what_it_removed() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    fs::write(dir.path().join("incoming/3"), [7; 100]).unwrap();
    fs::create_dir(dir.path().join("tmp/scratch-1")).unwrap();
    fs::write(dir.path().join("tmp/scratch-1/rows"), [7; 50]).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().swept(), Freed { files: 2, bytes: 150 });
    assert_eq!(Store::open(dir.path()).unwrap().swept(), Freed::default());
}

#[test]
fn what_there_is_is_counted() {
    let store = Store::temporary().unwrap();
    let first = upload(&store, &[1; 1000], &[]);
    upload(&store, &[2; 500], &[]);
    let key = build(&store, &first);
    let stat = store.stat().unwrap();
    assert_eq!((stat.profiles, stat.captures), (Tally { count: 2, bytes: 1500 }, stat.profiles));
    assert_eq!((stat.stored, stat.ready, stat.indexing, stat.failed, stat.damaged), (1, 1, 0, 0, 0));
    let file = fs::metadata(segment_file(&store, &key)).unwrap().len();
    assert_eq!(stat.segments, Tally { count: 1, bytes: file });
    assert_eq!(stat.summaries.count, 1);
    assert!(stat.total_bytes >= 1500 + file + stat.summaries.bytes + stat.catalog_bytes);
    assert_eq!(stat.superseded, Tally::default());
}

#[test]
fn room_is_made_by_the_oldest_profiles_without_labels() {
    let store = Store::temporary().unwrap();
    let large = |number: u8| vec![number; 1 << 20];
    let keys = |ids: &[&ProfileId]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    let mut ids: Vec<ProfileId> = (0..5).map(|number| upload(&store, &large(number), &[])).collect();
    let labelled = upload(&store, &large(9), &["keep"]);
    ids.iter().take(4).chain([&labelled]).for_each(|id| drop(build(&store, id)));
    let waiting = ids.pop().unwrap();
    // They may have come in the same millisecond: the catalogue's order decides.
    let order: Vec<ProfileId> =
        store.catalog().list().unwrap().into_iter().rev().map(|record| record.id).collect();
    ids.sort_by_key(|id| order.iter().position(|other| other == id));
    let total = store.stat().unwrap().total_bytes;
    assert_eq!(store.surplus(total).unwrap(), []);
    assert_eq!(store.surplus(total - 1).unwrap(), keys(&[&ids[0]]));
    assert_eq!(store.surplus(total - (1 << 21)).unwrap(), keys(&[&ids[0], &ids[1]]));
    let all = store.surplus(0).unwrap();
    assert_eq!(all, keys(&ids.iter().collect::<Vec<_>>()));
    assert!(!all.contains(&labelled) && !all.contains(&waiting));
}
