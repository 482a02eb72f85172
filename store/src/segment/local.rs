//! Segments as files of the data directory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{FinishedSegment, Segment, SegmentStore};
use crate::damage::DamageLog;
use crate::layout::Layout;
use crate::{BuildKey, Result, StoredBuild, durable};

pub(crate) struct LocalSegments {
    layout: Layout,
    /// Those that somebody holds: a second reader shares the mapping, and what was verified.
    open: Mutex<HashMap<BuildKey, Weak<Segment>>>,
    damage: Arc<DamageLog>,
}

impl LocalSegments {
    pub(crate) fn new(layout: Layout, damage: Arc<DamageLog>) -> Self {
        Self { layout, open: Mutex::default(), damage }
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<BuildKey, Weak<Segment>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentStore for LocalSegments {
    fn put(&self, build: &BuildKey, finished: FinishedSegment) -> Result<()> {
        let mut opened = self.opened();
        opened.remove(build);
        durable::rename(&finished.path, &self.layout.segment(build))
    }

    fn open(&self, build: &BuildKey) -> Result<Arc<Segment>> {
        let mut opened = self.opened();
        if let Some(segment) = opened.get(build).and_then(Weak::upgrade) {
            return Ok(segment);
        }
        let watch = self.damage.watch(build);
        let segment = Segment::open(&self.layout.segment(build), watch.clone());
        let segment = Arc::new(segment.map_err(|error| watch.note(error))?);
        opened.retain(|_, segment| segment.strong_count() > 0);
        opened.insert(build.clone(), Arc::downgrade(&segment));
        Ok(segment)
    }

    fn list(&self) -> Result<Vec<StoredBuild>> {
        StoredBuild::in_dir(&self.layout.segments(), ".seg")
    }

    fn delete(&self, build: &BuildKey) -> Result<()> {
        let mut opened = self.opened();
        opened.remove(build);
        durable::remove_file(&self.layout.segment(build)).map(drop)
    }
}
