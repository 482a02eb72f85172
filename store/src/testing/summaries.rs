//! Summaries in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Faults;
use crate::damage::DamageLog;
use crate::{
    BuildKey, MAX_KEY, MAX_VALUE, Result, StoreError, StoredBuild, SummaryIndex, SummaryReader,
    SummaryWriter, Visit,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) struct MemorySummaries {
    shared: Arc<Shared>,
}

struct Shared {
    builds: Mutex<BTreeMap<BuildKey, Arc<Rows>>>,
    faults: Arc<Faults>,
    damage: Arc<DamageLog>,
}

impl MemorySummaries {
    pub(super) fn new(faults: Arc<Faults>, damage: Arc<DamageLog>) -> Self {
        Self { shared: Arc::new(Shared { builds: Mutex::default(), faults, damage }) }
    }
}

impl Shared {
    fn builds(&self) -> MutexGuard<'_, BTreeMap<BuildKey, Arc<Rows>>> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SummaryIndex for MemorySummaries {
    fn writer(&self, build: &BuildKey) -> Result<Box<dyn SummaryWriter>> {
        self.shared.faults.run("summaries.writer", || {
            self.shared.builds().remove(build);
            let (shared, build) = (Arc::clone(&self.shared), build.clone());
            Ok(Box::new(Writer { shared, build, rows: Rows::new() }) as Box<dyn SummaryWriter>)
        })
    }

    fn open(&self, build: &BuildKey) -> Result<Arc<dyn SummaryReader>> {
        self.shared.faults.run("summaries.open", || {
            let rows = self.shared.builds().get(build).cloned();
            let lost = || StoreError::SummaryLost { build: build.clone(), reason: "it has none".to_owned() };
            let rows = rows.ok_or_else(|| self.shared.damage.watch(build).note(lost()))?;
            Ok(Arc::new(Reader { rows, faults: Arc::clone(&self.shared.faults) }) as Arc<dyn SummaryReader>)
        })
    }

    fn list(&self) -> Result<Vec<StoredBuild>> {
        self.shared.faults.run("summaries.list", || {
            let size = |rows: &Rows| rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
            let stored = |(build, rows): (&BuildKey, &Arc<Rows>)| StoredBuild {
                build: build.clone(),
                size_bytes: size(rows),
            };
            Ok(self.shared.builds().iter().map(stored).collect())
        })
    }

    fn delete(&self, build: &BuildKey) -> Result<()> {
        self.shared.faults.run("summaries.delete", || {
            self.shared.builds().remove(build);
            Ok(())
        })
    }
}

struct Writer {
    shared: Arc<Shared>,
    build: BuildKey,
    rows: Rows,
}

impl SummaryWriter for Writer {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let Self { shared, rows, .. } = self;
        shared.faults.run("summaries.put", || {
            let ascends = rows.last_key_value().is_none_or(|(last, _)| last.as_slice() < key);
            if !ascends || key.len() > MAX_KEY || value.len() > MAX_VALUE {
                return Err(StoreError::Refused("a row out of order, or too long".to_owned()));
            }
            rows.insert(key.to_vec(), value.to_vec());
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { shared, build, rows } = *self;
        let faults = Arc::clone(&shared.faults);
        faults.run("summaries.finish", || {
            shared.builds().insert(build, Arc::new(rows));
            Ok(())
        })
    }
}

struct Reader {
    rows: Arc<Rows>,
    faults: Arc<Faults>,
}

impl SummaryReader for Reader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.faults.run("summaries.get", || Ok(self.rows.get(key).cloned()))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        self.faults.run("summaries.scan", || {
            let rows = self.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            for (key, value) in rows {
                if visit(key, value).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}
