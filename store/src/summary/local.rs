//! Summaries in one small sled database a build, of which only the last used stay open.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::reader::LocalReader;
use super::writer::LocalWriter;
use super::{SummaryIndex, SummaryReader, SummaryWriter};
use crate::damage::DamageLog;
use crate::layout::Layout;
use crate::{BuildKey, Result, StoredBuild, durable};

/// An open database costs some megabytes and a descriptor or two, a closed one some milliseconds to open again.
const OPEN_MAX: usize = 32;
/// And it may come to hold all of its file in memory, so these are bounded together; a larger one is open alone.
const OPEN_BYTES_MAX: u64 = 256 << 20;

pub(crate) struct LocalSummaries {
    layout: Layout,
    open: Mutex<Open>,
    damage: Arc<DamageLog>,
}

#[derive(Default)]
struct Open {
    slots: HashMap<BuildKey, Arc<Slot>>,
    /// The last used, in the order of use, held so that they stay open.
    recent: VecDeque<(BuildKey, Arc<LocalReader>)>,
}

/// The one reader of a build that all share, since a database can't be opened twice. Locked while it is opened, so that
/// a large one keeps only those waiting who want it.
type Slot = Mutex<Weak<LocalReader>>;

impl LocalSummaries {
    pub(crate) fn new(layout: Layout, damage: Arc<DamageLog>) -> Self {
        Self { layout, open: Mutex::default(), damage }
    }
}

impl Open {
    fn slot(&mut self, build: &BuildKey) -> Arc<Slot> {
        self.slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|reader| reader.strong_count() > 0)
        });
        Arc::clone(self.slots.entry(build.clone()).or_default())
    }

    /// Marks a reader as just used; gives back those that this pushes out.
    fn use_now(&mut self, build: &BuildKey, reader: &Arc<LocalReader>) -> Vec<Arc<LocalReader>> {
        self.recent.retain(|(key, _)| key != build);
        self.recent.push_back((build.clone(), Arc::clone(reader)));
        let mut bytes = 0;
        let kept = self.recent.iter().rev().take(OPEN_MAX).take_while(|(_, reader)| {
            bytes += reader.size_bytes();
            bytes <= OPEN_BYTES_MAX
        });
        let surplus = self.recent.len() - kept.count().max(1);
        self.recent.drain(..surplus).map(|(_, reader)| reader).collect()
    }

    fn forget(&mut self, build: &BuildKey) {
        self.recent.retain(|(key, _)| key != build);
        self.slots.remove(build);
    }
}

impl SummaryIndex for LocalSummaries {
    fn writer(&self, build: &BuildKey) -> Result<Box<dyn SummaryWriter>> {
        lock(&self.open).forget(build);
        Ok(Box::new(LocalWriter::create(build, self.layout.summary(build))?))
    }

    fn open(&self, build: &BuildKey) -> Result<Arc<dyn SummaryReader>> {
        let slot = lock(&self.open).slot(build);
        let mut shared = lock(&slot);
        let reader = match shared.upgrade() {
            Some(reader) => reader,
            None => {
                let watch = self.damage.watch(build);
                let reader = LocalReader::open(build, &self.layout.summary(build), watch.clone());
                Arc::new(reader.map_err(|error| watch.note(error))?)
            }
        };
        *shared = Arc::downgrade(&reader);
        // Closed after the lock is given back: closing a database takes a while.
        let _pushed_out = lock(&self.open).use_now(build, &reader);
        Ok(reader)
    }

    fn list(&self) -> Result<Vec<StoredBuild>> {
        StoredBuild::in_dir(&self.layout.summaries(), "")
    }

    fn delete(&self, build: &BuildKey) -> Result<()> {
        lock(&self.open).forget(build);
        durable::remove_dir(&self.layout.summary(build)).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
