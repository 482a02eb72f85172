//! The data directory as a whole.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytehound_store::{
    BuildKey, Captures, Catalog, NewProfile, Origin, ProfileState, Published, Received, SegmentWriter, Store,
    StoreError,
};

fn upload(captures: &Captures, bytes: &[u8], labels: &[(&str, &str)]) -> Received {
    let mut incoming = captures.receive().unwrap();
    incoming.write_all(bytes).unwrap();
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    incoming.commit(NewProfile { name: "test".to_owned(), labels }).unwrap()
}

/// Gives a profile a published build with one section and one row.
fn build(store: &Store, received: &Received) -> BuildKey {
    let profile = received.record.id.clone();
    let generation = store.catalog().begin_build(&profile).unwrap();
    let key = BuildKey { profile, generation };
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_section("sizes", &[1_u64, 2, 3]).unwrap();
    store.segments().put(&key, writer.finish().unwrap()).unwrap();
    let mut summaries = store.summaries().writer(&key).unwrap();
    summaries.put(b"row", b"value").unwrap();
    summaries.finish().unwrap();
    let published = store.catalog().publish(&key, Some("cafe".to_owned()), b"summary".to_vec()).unwrap();
    assert_eq!(published, Published::Current);
    key
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn read(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_that_are_kept_whole_are_known_by_their_id_and_others_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let first = upload(store.captures(), b"capture", &[("run", "1")]).record;
    let again = || {
        let labels = [("run".to_owned(), "2".to_owned())].into();
        store.captures().known(&first.id, NewProfile { name: String::new(), labels }).unwrap()
    };
    let known = again().unwrap();
    assert!(known.deduplicated);
    assert_eq!((known.record.name.as_str(), &known.record.labels["run"]), ("test", &"2".to_owned()));

    store.catalog().note_damage(&first.id, "a bit is wrong").unwrap();
    assert_eq!(again(), None);
    upload(store.captures(), b"capture", &[]);
    assert!(again().is_some(), "what came is whole");
    fs::remove_file(dir.path().join("blobs").join(format!("{}.dat", first.id))).unwrap();
    assert_eq!(again(), None);
}

#[test]
fn an_upload_is_there_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let store = Store::open(dir.path()).unwrap();
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(&bytes).unwrap();
    assert_eq!(incoming.len(), bytes.len() as u64);
    assert_eq!(incoming.first_bytes(), &bytes[..65536]);
    let received = incoming.commit(NewProfile::default()).unwrap();
    assert!(!received.deduplicated);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.catalog().list().unwrap(), std::slice::from_ref(&received.record));
    assert_eq!(read(store.captures().open(&received.record.id).unwrap()), bytes);
}

#[test]
fn the_same_bytes_again_are_the_same_profile_with_merged_labels() {
    let store = Store::temporary().unwrap();
    let first = upload(store.captures(), b"capture", &[("branch", "main"), ("host", "a")]);
    let second = upload(store.captures(), b"capture", &[("branch", "topic"), ("run", "2")]);
    assert!(second.deduplicated);
    assert_eq!(second.record.id, first.record.id);
    let labels: Vec<_> = second.record.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(labels, ["branch=topic", "host=a", "run=2"]);
    assert_eq!(store.catalog().list().unwrap(), [second.record]);
    assert!(names(&store.directory().join("incoming")).is_empty());
}

#[test]
fn a_capture_that_is_not_committed_leaves_nothing() {
    let store = Store::temporary().unwrap();
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(b"half a cap").unwrap();
    drop(incoming);
    assert!(names(&store.directory().join("incoming")).is_empty());
    assert!(names(&store.directory().join("blobs")).is_empty());
    assert!(store.catalog().list().unwrap().is_empty());
}

#[test]
fn a_referenced_file_is_known_again_without_reading_it_and_refused_once_it_changed() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("capture.dat");
    fs::write(&path, b"referenced capture").unwrap();
    let store = Store::temporary().unwrap();
    let first = store.captures().reference(&path, NewProfile::default()).unwrap();
    assert!(matches!(&first.record.origin, Origin::Referenced { size: 18, .. }));

    // Other bytes under the same identity: only one who does not read takes them for the same capture.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"REFERENCED CAPTURE").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let again = store.captures().reference(&path, NewProfile::default()).unwrap();
    assert!(again.deduplicated);
    assert_eq!(again.record.id, first.record.id);

    fs::write(&path, b"longer than it was before").unwrap();
    assert!(matches!(store.captures().open(&first.record.id), Err(StoreError::Changed { .. })));
    let changed = store.captures().reference(&path, NewProfile::default()).unwrap();
    assert!(!changed.deduplicated);
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.captures().open(&changed.record.id), Err(StoreError::NotFound { .. })));
    assert!(names(&store.directory().join("blobs")).iter().all(|name| name.ends_with(".meta")));
}

#[test]
fn an_upload_of_a_referenced_capture_makes_it_ours() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("capture.dat");
    fs::write(&path, b"bytes").unwrap();
    let store = Store::temporary().unwrap();
    store.captures().reference(&path, NewProfile::default()).unwrap();
    let uploaded = upload(store.captures(), b"bytes", &[]);
    assert!(uploaded.deduplicated);
    fs::remove_file(&path).unwrap();
    assert_eq!(read(store.captures().open(&uploaded.record.id).unwrap()), b"bytes");
}

#[test]
fn a_path_that_is_not_utf8_is_kept_over_a_restart() {
    let outside = tempfile::tempdir().unwrap();
    let name: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"capture-\xff.dat".to_vec());
    let path = outside.path().join(name);
    fs::write(&path, b"bytes").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let received =
        Store::open(dir.path()).unwrap().captures().reference(&path, NewProfile::default()).unwrap();
    assert_eq!(
        read(Store::open(dir.path()).unwrap().captures().open(&received.record.id).unwrap()),
        b"bytes"
    );
    fs::remove_dir_all(dir.path().join("catalog")).unwrap();
    assert_eq!(
        read(Store::open(dir.path()).unwrap().captures().open(&received.record.id).unwrap()),
        b"bytes"
    );
}

#[test]
fn a_lost_catalogue_is_rebuilt_from_what_lies_beside_the_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let received = upload(store.captures(), b"capture", &[("k", "v")]);
    let labels = [("k".to_owned(), "w".to_owned())].into();
    let relabelled = store.catalog().set_labels(&received.record.id, &labels).unwrap();
    let key = build(&store, &received);
    drop(store);
    fs::remove_dir_all(dir.path().join("catalog")).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.catalog().list().unwrap(), [relabelled]);
    // Its build is unknown now, so that the next one can take its name.
    assert!(matches!(store.segments().open(&key), Err(StoreError::NotFound { .. })));
    assert_eq!(build(&store, &received), key);
}

#[test]
fn a_published_build_answers_after_a_restart_even_without_its_capture() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let received = upload(store.captures(), b"capture", &[]);
    let key = build(&store, &received);
    drop(store);
    fs::remove_file(dir.path().join(format!("blobs/{}.dat", received.record.id))).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let record = store.catalog().get(&received.record.id).unwrap().unwrap();
    assert_eq!(record.ready_build(), Some(key.clone()));
    assert_eq!(
        (record.data_id.as_deref(), record.summary.as_deref()),
        (Some("cafe"), Some(b"summary".as_slice()))
    );
    assert_eq!(store.segments().open(&key).unwrap().slice::<u64>("sizes").unwrap(), [1, 2, 3]);
    assert_eq!(store.summaries().open(&key).unwrap().get(b"row").unwrap().unwrap(), b"value");
}

#[test]
fn reading_a_finished_build_needs_no_room_on_the_disk() {
    let store = Store::temporary().unwrap();
    let key = build(&store, &upload(store.captures(), b"capture", &[]));
    let database = store.directory().join(format!("summaries/{key}"));
    let files =
        || names(&database).into_iter().map(|name| (fs::metadata(database.join(&name)).unwrap().len(), name));
    let before: Vec<_> = files().collect();
    assert_eq!(store.summaries().open(&key).unwrap().get(b"row").unwrap().unwrap(), b"value");
    assert_eq!(files().collect::<Vec<_>>(), before);
}

#[test]
fn a_start_removes_what_no_record_names() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let received = upload(store.captures(), b"capture", &[]);
    let old = build(&store, &received);
    let key = build(&store, &received);
    let interrupted = upload(store.captures(), b"other", &[]).record;
    store.catalog().begin_build(&interrupted.id).unwrap();
    drop(store);
    let stray = [
        "incoming/7".to_owned(),
        "tmp/scratch-3".to_owned(),
        format!("blobs/{}.dat", received.record.id.as_str().replace(|c| c != 'p' && c != '_', "a")),
        format!("segments/{}.9.seg", received.record.id),
        format!("summaries/{}.9", received.record.id),
        "symcaches/abc-v0.symc".to_owned(),
    ];
    for path in &stray {
        fs::write(dir.path().join(path), b"left by a crash").unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    for path in &stray {
        assert!(!dir.path().join(path).exists(), "{path}");
    }
    assert_eq!(names(&dir.path().join("segments")), [format!("{key}.seg")], "{old} was replaced");
    assert_eq!(names(&dir.path().join("summaries")), [key.to_string()]);
    let state = store.catalog().get(&interrupted.id).unwrap().unwrap().state;
    assert_eq!(state, ProfileState::Stored, "a build does not survive its process");
}

#[test]
fn a_ready_profile_whose_segment_is_gone_wants_a_new_build() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let received = upload(store.captures(), b"capture", &[]);
    let key = build(&store, &received);
    drop(store);
    fs::remove_file(dir.path().join(format!("segments/{key}.seg"))).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.catalog().get(&received.record.id).unwrap().unwrap().state, ProfileState::Stored);
}

#[test]
fn a_deleted_profile_is_gone_and_its_open_build_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let received = upload(store.captures(), b"capture", &[]);
    let id = &received.record.id;
    let key = build(&store, &received);
    let segment = store.segments().open(&key).unwrap();
    store.delete_profile(id).unwrap();
    assert_eq!(segment.slice::<u64>("sizes").unwrap(), [1, 2, 3]);
    assert!(matches!(store.captures().open(id), Err(StoreError::NoSuchProfile(_))));
    assert!(matches!(store.delete_profile(id), Err(StoreError::NoSuchProfile(_))));
    for dir in ["blobs", "segments", "summaries"] {
        assert!(names(&store.directory().join(dir)).is_empty(), "{dir}");
    }
    drop(store);
    assert!(Store::open(dir.path()).unwrap().catalog().list().unwrap().is_empty());
}

#[test]
fn a_second_opener_is_told_that_the_directory_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let clone = store.clone();
    drop(store);
    assert!(
        matches!(Store::open(dir.path()), Err(StoreError::Locked { dir: locked, server: None }) if locked == dir.path())
    );
    clone.announce("http://127.0.0.1:8080/").unwrap();
    let told = Store::open(dir.path()).err().unwrap().to_string();
    assert!(told.contains("http://127.0.0.1:8080/"), "{told}");
    drop(clone);
    assert!(Store::open(dir.path()).is_ok());
    assert_eq!(fs::read_to_string(dir.path().join("LOCK")).unwrap(), "1\n", "the server is gone");
}

#[test]
fn a_directory_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tmp")).unwrap();
    fs::write(dir.path().join("tmp/thesis.txt"), b"years of work").unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::NotADataDirectory { .. })));
    assert_eq!(names(dir.path()), ["tmp"]);
    assert_eq!(names(&dir.path().join("tmp")), ["thesis.txt"]);
}

#[test]
fn a_directory_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    fs::write(dir.path().join("LOCK"), "99\n").unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Version { found: 99, .. })));
}

/// A directory such as a killed process leaves, with a lock of this age.
fn left_behind(name: &str, age: Duration) -> (PathBuf, File) {
    let dir = std::env::temp_dir().join(format!("bytehound-{name}-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let lock = File::create_new(dir.join("LOCK")).unwrap();
    lock.set_modified(SystemTime::now() - age).unwrap();
    (dir, lock)
}

#[test]
fn a_temporary_store_removes_those_that_killed_processes_left_and_no_other() {
    let hour = Duration::from_secs(3600);
    let (abandoned, _) = left_behind("abandoned", hour);
    let (held, lock) = left_behind("held", hour);
    lock.try_lock().unwrap();
    let (young, _) = left_behind("young", Duration::ZERO);
    let _store = Store::temporary().unwrap();
    assert!(!abandoned.exists());
    assert!(held.exists() && young.exists());
    [held, young].iter().for_each(|dir| fs::remove_dir_all(dir).unwrap());
}

#[test]
fn a_temporary_store_and_a_scratch_leave_nothing() {
    let store = Store::temporary().unwrap();
    let dir = store.directory().to_owned();
    let scratch = store.scratch().unwrap();
    assert_ne!(store.scratch().unwrap().path(), scratch.path());
    let path = scratch.path().to_owned();
    fs::write(path.join("work"), b"work").unwrap();
    drop(scratch);
    assert!(!path.exists());
    drop(store);
    assert!(!dir.exists());
}

#[test]
fn nobody_else_may_read_what_a_capture_holds() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("data");
    let store = Store::open(&root).unwrap();
    let received = upload(store.captures(), b"capture", &[]);
    build(&store, &received);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut dirs: Vec<PathBuf> =
        names(&root).iter().map(|name| root.join(name)).filter(|path| path.is_dir()).collect();
    dirs.push(root.clone());
    for dir in &dirs {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    for dir in ["blobs", "segments"] {
        for name in names(&root.join(dir)) {
            assert_eq!(mode(&root.join(dir).join(&name)), 0o600, "{name}");
        }
    }
}

#[test]
fn symcaches_come_back_whole_or_not_at_all() {
    let store = Store::temporary().unwrap();
    let id = bytehound_symbols::BinaryId::parse("0123abcd0123abcd").unwrap();
    assert!(store.symcaches().get(&id).unwrap().is_none());
    store.symcaches().put(&id, b"first").unwrap();
    store.symcaches().put(&id, b"second").unwrap();
    assert_eq!(store.symcaches().get(&id).unwrap().unwrap().as_ref(), b"second");
    let dir = store.directory().join("symcaches");
    let path = dir.join(&names(&dir)[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[2] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(store.symcaches().get(&id).unwrap().is_none());
}

/// Compiles when the store can be shared between threads.
#[test]
fn a_store_can_be_shared() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&Store::temporary().unwrap());
    fn _object_safe(_: &dyn Catalog) {}
}
