//! Reading the rows of one build, and noticing when one is missing.

use std::ops::ControlFlow;
use std::path::Path;

use super::writer::failed;
use super::{SummaryReader, Visit, row};
use crate::damage::Watch;
use crate::database::Database;
use crate::{BuildKey, Result, StoreError};

pub(super) struct LocalReader {
    build: BuildKey,
    database: Database,
    count: u32,
    size_bytes: u64,
    watch: Watch,
}

impl LocalReader {
    pub(super) fn open(build: &BuildKey, path: &Path, watch: Watch) -> Result<Self> {
        // Opening would create it.
        if !path.join("db").exists() {
            return Err(lost(build, "it has none"));
        }
        let database = Database::open_or_repair(path).map_err(|error| failed(build, error))?;
        let commit = database.get(row::COMMIT_KEY).map_err(|error| failed(build, error))?;
        let count = commit.and_then(|bytes| row::decode_commit(&bytes));
        let count = count.ok_or_else(|| lost(build, "they were not finished"))?;
        Ok(Self { build: build.clone(), size_bytes: database.size_bytes()?, database, count, watch })
    }

    /// What it may come to take in memory while it is open.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The number that the first row at or after a stored key must have.
    fn number_at(&self, stored_key: &[u8]) -> Result<u32> {
        let before = self.database.before(stored_key).map_err(|error| failed(&self.build, error))?;
        match before {
            Some((key, bytes)) if key != row::COMMIT_KEY => Ok(self.decode(&key, &bytes)?.1 + 1),
            _ => Ok(0),
        }
    }

    fn decode<'a>(&self, stored_key: &'a [u8], bytes: &'a [u8]) -> Result<(&'a [u8], u32, &'a [u8])> {
        let decoded = row::given_key(stored_key).and_then(|key| {
            let (number, value) = row::decode(key, bytes)?;
            (number < self.count).then_some((key, number, value))
        });
        decoded.ok_or_else(|| lost(&self.build, "a row is damaged"))
    }

    /// A row, or the end, comes where `expected` is due: otherwise some are missing before it.
    fn expect(&self, number: u32, expected: u32) -> Result<()> {
        if number == expected { Ok(()) } else { Err(lost(&self.build, "a row is missing")) }
    }
}

impl SummaryReader for LocalReader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.find(key).map_err(|error| self.watch.note(error))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        self.walk(prefix, visit).map_err(|error| self.watch.note(error))
    }
}

impl LocalReader {
    fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let stored = self.database.get(&row::key(key)).map_err(|error| failed(&self.build, error))?;
        if let Some(bytes) = stored {
            let (_, value) = row::decode(key, &bytes).ok_or_else(|| lost(&self.build, "a row is damaged"))?;
            return Ok(Some(value.to_vec()));
        }
        // A scan of the one key tells a row that never was from one that is gone.
        self.walk(key, &mut |_, _| ControlFlow::Break(()))?;
        Ok(None)
    }

    fn walk(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let start = row::key(prefix);
        let mut expected = self.number_at(&start)?;
        for row in self.database.rows_from(&start) {
            let (stored_key, bytes) = row.map_err(|error| failed(&self.build, error))?;
            let (key, number, value) = self.decode(&stored_key, &bytes)?;
            self.expect(number, expected)?;
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                return Ok(());
            }
            expected += 1;
        }
        self.expect(self.count, expected)
    }
}

fn lost(build: &BuildKey, reason: &str) -> StoreError {
    StoreError::SummaryLost { build: build.clone(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::SummaryWriter;
    use super::super::writer::LocalWriter;
    use super::*;
    use crate::damage::DamageLog;
    use crate::{Generation, ProfileId};
    use std::sync::Arc;

    fn open_without(removed: &[u8]) -> (tempfile::TempDir, Result<LocalReader>) {
        let profile = ProfileId::parse(&format!("p_{}", "c".repeat(32))).unwrap();
        let build = BuildKey { profile, generation: Generation(1) };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        let mut writer = Box::new(LocalWriter::create(&build, path.clone()).unwrap());
        for key in [b"a1", b"a2", b"b1", b"b2", b"c1"] {
            writer.put(key, key).unwrap();
        }
        writer.finish().unwrap();
        let database = Database::open_or_repair(&path).unwrap();
        database.remove(&row::key(removed)).unwrap();
        drop(database);
        let reader = LocalReader::open(&build, &path, Arc::new(DamageLog::default()).watch(&build));
        (dir, reader)
    }

    fn count(reader: &LocalReader, prefix: &[u8]) -> Result<usize> {
        let mut rows = 0;
        reader.scan(prefix, &mut |_, _| {
            rows += 1;
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    #[test]
    fn a_row_that_sled_lost_is_missed_by_its_neighbours() {
        for removed in [b"a1", b"a2", b"b1", b"b2", b"c1"] {
            let (_dir, reader) = open_without(removed);
            let reader = reader.unwrap();
            for prefix in [b"".as_slice(), &removed[..1], removed] {
                assert!(
                    matches!(count(&reader, prefix), Err(StoreError::SummaryLost { .. })),
                    "{removed:?} {prefix:?}"
                );
            }
            assert!(matches!(reader.get(removed), Err(StoreError::SummaryLost { .. })));
            let other = if removed == b"a1" { b"c1" } else { b"a1" };
            assert_eq!(reader.get(other).unwrap().unwrap(), other);
        }
    }
}
