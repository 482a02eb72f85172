//! Segments in memory.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Faults;
use crate::damage::DamageLog;
use crate::{BuildKey, FinishedSegment, Result, Segment, SegmentStore, StoreError, StoredBuild};

pub(super) struct MemorySegments {
    files: Mutex<BTreeMap<BuildKey, File>>,
    faults: Arc<Faults>,
    damage: Arc<DamageLog>,
}

struct File {
    bytes: Vec<u8>,
    open: Weak<Segment>,
}

impl MemorySegments {
    pub(super) fn new(faults: Arc<Faults>, damage: Arc<DamageLog>) -> Self {
        Self { files: Mutex::default(), faults, damage }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<BuildKey, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentStore for MemorySegments {
    fn put(&self, build: &BuildKey, finished: FinishedSegment) -> Result<()> {
        self.faults.run("segments.put", || {
            let bytes = fs::read(finished.path()).map_err(StoreError::io("read", finished.path()))?;
            self.files().insert(build.clone(), File { bytes, open: Weak::new() });
            Ok(())
        })
    }

    fn open(&self, build: &BuildKey) -> Result<Arc<Segment>> {
        self.faults.run("segments.open", || {
            let mut files = self.files();
            let watch = self.damage.watch(build);
            let file = files.get_mut(build).ok_or_else(|| {
                watch.note(StoreError::NotFound { what: format!("the segment of `{build}`") })
            })?;
            if let Some(segment) = file.open.upgrade() {
                return Ok(segment);
            }
            let segment = Segment::of_bytes(&file.bytes, watch.clone()).map_err(|error| watch.note(error))?;
            let segment = Arc::new(segment);
            file.open = Arc::downgrade(&segment);
            Ok(segment)
        })
    }

    fn list(&self) -> Result<Vec<StoredBuild>> {
        self.faults.run("segments.list", || {
            let stored = |(build, file): (&BuildKey, &File)| StoredBuild {
                build: build.clone(),
                size_bytes: file.bytes.len() as u64,
            };
            Ok(self.files().iter().map(stored).collect())
        })
    }

    fn delete(&self, build: &BuildKey) -> Result<()> {
        self.faults.run("segments.delete", || {
            self.files().remove(build);
            Ok(())
        })
    }
}
