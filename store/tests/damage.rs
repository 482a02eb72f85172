//! Damage to sled's files: rows come back as they were written, or are reported as lost. Never wrong, never fewer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytehound_store::{BuildKey, Generation, NewProfile, ProfileId, Store, StoreError};

type Row = (Vec<u8>, Vec<u8>);

fn key() -> BuildKey {
    BuildKey {
        profile: ProfileId::parse(&format!("p_{}", "b".repeat(32))).unwrap(),
        generation: Generation(1),
    }
}

/// A small, seeded generator (SplitMix64): the tests take the same bytes every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn rows() -> Vec<Row> {
    let mut random = Random(1);
    let value = |random: &mut Random| (0..256).flat_map(|_| random.next().to_le_bytes()).collect();
    (0..800_u32).map(|number| (number.to_be_bytes().to_vec(), value(&mut random))).collect()
}

fn write(store: &Store, rows: &[Row]) {
    let mut writer = store.summaries().writer(&key()).unwrap();
    rows.iter().for_each(|(key, value)| writer.put(key, value).unwrap());
    writer.finish().unwrap();
}

fn read(store: &Store) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    store.summaries().open(&key())?.scan(b"", &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// A closed database of `rows` that was opened once since, so that it has a snapshot.
struct Sample {
    dir: tempfile::TempDir,
    rows: Vec<Row>,
}

impl Sample {
    fn new() -> Self {
        let rows = rows();
        let store = Store::temporary().unwrap();
        write(&store, &rows);
        assert_eq!(read(&store).unwrap(), rows);
        let database = store.directory().join("summaries").join(key().to_string());
        let dir = tempfile::tempdir().unwrap();
        copy(&database, dir.path());
        Self { dir, rows }
    }

    /// Reads the rows of a copy that something was done to.
    fn after(&self, damage: impl FnOnce(&Path)) -> Result<Vec<Row>, StoreError> {
        let store = Store::temporary().unwrap();
        let database = store.directory().join("summaries").join(key().to_string());
        copy(self.dir.path(), &database);
        damage(&database);
        read(&store)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

fn snapshot(database: &Path) -> PathBuf {
    let is_snapshot = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("snap.");
    fs::read_dir(database).unwrap().map(|entry| entry.unwrap().path()).find(is_snapshot).expect("a snapshot")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_or_stray_snapshot_loses_nothing() {
    let sample = Sample::new();
    assert_eq!(sample.after(|_| {}).unwrap(), sample.rows);
    let truncate = |database: &Path, len: u64| {
        fs::File::options().write(true).open(snapshot(database)).unwrap().set_len(len).unwrap();
    };
    assert_eq!(sample.after(|database| truncate(database, 0)).unwrap(), sample.rows);
    assert_eq!(sample.after(|database| truncate(database, 20)).unwrap(), sample.rows);
    assert_eq!(sample.after(|database| flip(&snapshot(database), 13)).unwrap(), sample.rows);
    assert_eq!(sample.after(|database| fs::remove_file(snapshot(database)).unwrap()).unwrap(), sample.rows);
    let stray =
        |database: &Path| fs::write(database.join("snap.00000000FFFFFFFF.generating"), b"half").unwrap();
    assert_eq!(sample.after(stray).unwrap(), sample.rows);
}

#[test]
fn a_damaged_log_gives_all_rows_or_says_that_they_are_lost() {
    let sample = Sample::new();
    let len = fs::metadata(sample.dir.path().join("db")).unwrap().len();
    let mut random = Random(2);
    let mut lost = 0;
    let mut check = |what: &str, damage: &dyn Fn(&Path)| match sample.after(damage) {
        Ok(rows) => assert!(rows == sample.rows, "{what}: {} of {} rows", rows.len(), sample.rows.len()),
        Err(StoreError::SummaryLost { .. }) => lost += 1,
        Err(other) => panic!("{what}: {other}"),
    };
    for cut in [1, 4096, 10_000, 512 * 1024, len / 2, len] {
        check(&format!("cut by {cut}"), &|database| {
            fs::File::options().write(true).open(database.join("db")).unwrap().set_len(len - cut).unwrap();
        });
    }
    for _ in 0..24 {
        let at = random.below(len) as usize;
        check(&format!("bit flipped at {at}"), &|database| flip(&database.join("db"), at));
        check(&format!("bit flipped at {at}, without a snapshot"), &|database| {
            flip(&database.join("db"), at);
            fs::remove_file(snapshot(database)).unwrap();
        });
    }
    for _ in 0..8 {
        let at = random.below(len - 4096) as usize;
        check(&format!("page zeroed at {at}"), &|database| {
            let mut bytes = fs::read(database.join("db")).unwrap();
            bytes[at..at + 4096].fill(0);
            fs::write(database.join("db"), bytes).unwrap();
        });
    }
    assert!(lost > 5, "the damage was hardly met: {lost}");
}

#[test]
fn rows_without_a_commit_were_never_finished() {
    let store = Store::temporary().unwrap();
    let mut writer = store.summaries().writer(&key()).unwrap();
    writer.put(b"a", b"1").unwrap();
    drop(writer);
    assert!(matches!(store.summaries().open(&key()), Err(StoreError::SummaryLost { .. })));
    write(&store, &rows()[..3]);
    assert_eq!(read(&store).unwrap(), &rows()[..3]);
}

#[test]
fn a_damaged_catalogue_loses_no_profile() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut records = Vec::new();
    for number in 0..20_u8 {
        let mut incoming = store.captures().receive().unwrap();
        std::io::Write::write_all(&mut incoming, &[number]).unwrap();
        let labels = [("number".to_owned(), number.to_string())].into();
        records.push(incoming.commit(NewProfile { name: String::new(), labels }).unwrap().record);
    }
    drop(store);
    drop(Store::open(dir.path()).unwrap());
    records.sort_by(|a, b| a.id.cmp(&b.id));
    let catalog = dir.path().join("catalog");
    let kept = tempfile::tempdir().unwrap();
    copy(&catalog, kept.path());
    let len = fs::metadata(catalog.join("db")).unwrap().len();
    let used = fs::read(catalog.join("db")).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut random = Random(3);
    for round in 0..30 {
        fs::remove_dir_all(&catalog).unwrap();
        copy(kept.path(), &catalog);
        match round {
            0 => fs::write(catalog.join("db"), b"").unwrap(),
            1 => fs::write(catalog.join("conf"), b"not a configuration").unwrap(),
            2 => fs::File::options().write(true).open(catalog.join("db")).unwrap().set_len(len / 2).unwrap(),
            3 => fs::write(snapshot(&catalog), b"").unwrap(),
            _ => flip(&catalog.join("db"), random.below(used) as usize),
        }
        let mut found = Store::open(dir.path()).unwrap().catalog().list().unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert!(found == records, "round {round}: {} of {}", found.len(), records.len());
    }
}
