//! The catalogue in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytehound_symbols::BinaryId;

use super::Faults;
use crate::catalog::{Row, newest_first};
use crate::{
    BuildKey, Catalog, FailureCause, Generation, Lease, ProfileId, ProfileRecord, Published, Result,
    StoreError,
};

pub(super) struct MemoryCatalog {
    rows: Mutex<BTreeMap<ProfileId, Row>>,
    faults: Arc<Faults>,
}

impl MemoryCatalog {
    pub(super) fn new(faults: Arc<Faults>) -> Self {
        Self { rows: Mutex::default(), faults }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<ProfileId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        operation: &'static str,
        id: &ProfileId,
        change: impl FnOnce(&mut Row) -> Result<T>,
    ) -> Result<T> {
        self.faults.run(operation, || {
            let mut rows = self.rows();
            change(rows.get_mut(id).ok_or_else(|| StoreError::NoSuchProfile(id.clone()))?)
        })
    }

    fn change_build(
        &self,
        operation: &'static str,
        build: &BuildKey,
        change: impl FnOnce(&mut Row) -> Result<Option<()>>,
    ) -> Result<bool> {
        match self.change(operation, &build.profile, change) {
            Err(StoreError::NoSuchProfile(_)) => Ok(false),
            changed => Ok(changed?.is_some()),
        }
    }

    fn records(&self, wanted: impl Fn(&Row) -> bool) -> Vec<ProfileRecord> {
        let rows = self.rows();
        newest_first(rows.values().filter(|row| wanted(row)).map(|row| row.record.clone()).collect())
    }
}

impl Catalog for MemoryCatalog {
    fn insert(&self, record: ProfileRecord) -> Result<ProfileRecord> {
        self.faults.run("catalog.insert", || {
            let mut rows = self.rows();
            let id = record.id.clone();
            let row = match rows.remove(&id) {
                Some(row) => row.merged(record),
                None => Row::new(record),
            };
            rows.insert(id, row.clone());
            Ok(row.record)
        })
    }

    fn get(&self, id: &ProfileId) -> Result<Option<ProfileRecord>> {
        self.faults.run("catalog.get", || Ok(self.rows().get(id).map(|row| row.record.clone())))
    }

    fn list(&self) -> Result<Vec<ProfileRecord>> {
        self.faults.run("catalog.list", || Ok(self.records(|_| true)))
    }

    fn set_labels(&self, id: &ProfileId, labels: &BTreeMap<String, String>) -> Result<ProfileRecord> {
        self.change("catalog.set_labels", id, |row| {
            row.record.labels.extend(labels.clone());
            Ok(row.record.clone())
        })
    }

    fn begin_build(&self, id: &ProfileId) -> Result<Generation> {
        self.change("catalog.begin_build", id, |row| Ok(row.begin(None)))
    }

    fn open_jobs(&self, now_ms: u64) -> Result<Vec<ProfileId>> {
        self.faults.run("catalog.open_jobs", || {
            let open = self.records(|row| row.is_open_job(now_ms));
            Ok(open.into_iter().rev().map(|record| record.id).collect())
        })
    }

    fn take_job(&self, id: &ProfileId, lease: &Lease) -> Result<Option<Generation>> {
        self.change("catalog.take_job", id, |row| Ok(row.take(lease)))
    }

    fn renew_lease(&self, build: &BuildKey, lease: &Lease) -> Result<bool> {
        self.change_build("catalog.renew_lease", build, |row| Ok(row.renew(build.generation, lease)))
    }

    fn publish(&self, build: &BuildKey, data_id: Option<String>, summary: Vec<u8>) -> Result<Published> {
        let publish = |row: &mut Row| row.publish(build.generation, data_id, summary);
        let published = self.change_build("catalog.publish", build, publish)?;
        Ok(if published { Published::Current } else { Published::Superseded })
    }

    fn refer(&self, build: &BuildKey, symcaches: &BTreeSet<BinaryId>) -> Result<()> {
        let refer = |row: &mut Row| Ok(row.refer(build.generation, symcaches));
        self.change_build("catalog.refer", build, refer).map(drop)
    }

    fn referred(&self) -> Result<Option<BTreeSet<BinaryId>>> {
        self.faults.run("catalog.referred", || {
            let mut all = BTreeSet::new();
            for row in self.rows().values() {
                let Some(symcaches) = row.referred() else { return Ok(None) };
                all.extend(symcaches);
            }
            Ok(Some(all))
        })
    }

    fn fail(&self, build: &BuildKey, cause: FailureCause, reason: &str) -> Result<()> {
        self.change_build("catalog.fail", build, |row| Ok(row.fail(build.generation, cause, reason)))
            .map(drop)
    }

    fn lose_build(&self, build: &BuildKey, damage: &str) -> Result<bool> {
        self.change_build("catalog.lose_build", build, |row| Ok(row.lose(build.generation, damage)))
    }

    fn note_damage(&self, id: &ProfileId, damage: &str) -> Result<()> {
        self.change("catalog.note_damage", id, |row| Ok(row.note_damage(damage))).map(drop)
    }

    fn compact(&self) -> Result<u64> {
        self.faults.run("catalog.compact", || Ok(0))
    }

    fn remove(&self, id: &ProfileId) -> Result<bool> {
        self.faults.run("catalog.remove", || Ok(self.rows().remove(id).is_some()))
    }
}
