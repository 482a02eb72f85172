//! Raw `.dat` blobs: received and kept under their content hash, or referenced where they lie.

mod incoming;
mod meta;
mod prefix;
mod reader;
mod source;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use incoming::{FIRST_BYTES_MAX, IncomingCapture};
pub(crate) use meta::Meta;
pub use prefix::CapturePrefix;
pub use reader::CaptureReader;

use crate::layout::Layout;
use crate::{Catalog, Origin, ProfileId, ProfileRecord, ProfileState, Result, StoreError, durable};

/// What the giver of a capture says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProfile {
    /// A name for people; an empty one says nothing.
    pub name: String,
    /// `key=value` pairs by which profiles are selected.
    pub labels: BTreeMap<String, String>,
}

/// A capture that is now safe in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its record, labels merged.
    pub record: ProfileRecord,
    /// Whether the same bytes were known before.
    pub deduplicated: bool,
}

/// The captures of a data directory.
#[derive(Clone)]
pub struct Captures {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    catalog: Arc<dyn Catalog>,
    /// Numbers the files of `incoming/`.
    arrivals: AtomicU64,
    /// Held while a capture's files and record change together: two arrivals of the same bytes, or an arrival and a
    /// deletion, come one after the other.
    changes: Mutex<()>,
}

impl Captures {
    pub(crate) fn new(layout: Layout, catalog: Arc<dyn Catalog>) -> Self {
        Self {
            shared: Arc::new(Shared {
                layout,
                catalog,
                arrivals: AtomicU64::new(0),
                changes: Mutex::new(()),
            }),
        }
    }

    /// Begins to receive a capture. Nothing of it is kept unless it is committed.
    pub fn receive(&self) -> Result<IncomingCapture> {
        IncomingCapture::create(self.clone(), self.arrival())
    }

    /// Takes in a capture that stays where it lies. A file that was read before is known again by device, inode, size
    /// and modification time, without reading it.
    pub fn reference(&self, path: &Path, new: NewProfile) -> Result<Received> {
        let path = path.canonicalize().map_err(StoreError::io("find", path))?;
        let file = File::open(&path).map_err(StoreError::io("open", &path))?;
        let origin = source::identify(&file, &path)?;
        let id = match self.known_as(&origin)? {
            Some(id) => id,
            None => source::hash(&file, &path, &origin)?,
        };
        let size_bytes = file.metadata().map_err(StoreError::io("look at", &path))?.len();
        let _changing = self.changing();
        self.record(record(id, origin, size_bytes, new))
    }

    /// The profile of bytes that are kept whole, with what is said of it now: as if they had come again.
    pub fn known(&self, id: &ProfileId, new: NewProfile) -> Result<Option<Received>> {
        let _changing = self.changing();
        let Some(known) = self.shared.catalog.get(id)? else { return Ok(None) };
        if known.damage.is_some() || self.open(id).is_err() {
            return Ok(None);
        }
        self.record(record(known.id, known.origin, known.size_bytes, new)).map(Some)
    }

    /// Opens a profile's capture for reading. A referenced file that is no longer the same is
    /// [`StoreError::Changed`].
    pub fn open(&self, id: &ProfileId) -> Result<File> {
        let record = self.shared.catalog.get(id)?.ok_or_else(|| StoreError::NoSuchProfile(id.clone()))?;
        let path = match &record.origin {
            Origin::Uploaded => self.layout().blob(id),
            Origin::Referenced { path, .. } => path.clone(),
        };
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound { what: format!("the capture `{}`", path.display()) });
            }
            opened => opened.map_err(StoreError::io("open", &path))?,
        };
        let changed = record.origin != Origin::Uploaded && source::identify(&file, &path)? != record.origin;
        if changed { Err(StoreError::Changed { path }) } else { Ok(file) }
    }

    /// Opens a profile's capture to be read from beginning to end, and to be checked on the way.
    pub fn read(&self, id: &ProfileId) -> Result<CaptureReader> {
        Ok(CaptureReader::new(self.open(id)?, id.clone()))
    }

    /// Removes a profile's record and then its capture (a referenced file stays); says whether there was one.
    pub(crate) fn delete(&self, id: &ProfileId) -> Result<bool> {
        let _changing = self.changing();
        let existed = self.shared.catalog.remove(id)?;
        // The `.meta` goes before the `.dat`: a crash between them leaves a blob without `.meta`, which is swept.
        durable::remove_file(&self.layout().meta(id))?;
        durable::sync_dir(&self.layout().blobs())?;
        durable::remove_file(&self.layout().blob(id))?;
        Ok(existed)
    }

    /// Moves a whole, synced file to its place and makes it a profile.
    fn adopt(&self, file: &Path, id: ProfileId, size_bytes: u64, new: NewProfile) -> Result<Received> {
        let _changing = self.changing();
        let known = self.shared.catalog.get(&id)?.is_some();
        // Also over a blob that is there: the same bytes, and surely whole.
        durable::rename(file, &self.layout().blob(&id))?;
        let received = self.record(record(id.clone(), Origin::Uploaded, size_bytes, new));
        // The record may be there, and only the answer be lost: then the capture stays.
        if received.is_err() && !known && matches!(self.shared.catalog.get(&id), Ok(None)) {
            // On a full disk every byte counts; what remains is removed, or taken for a profile, at the next start.
            let _ = durable::remove_file(&self.layout().meta(&id));
            let _ = durable::remove_file(&self.layout().blob(&id));
        }
        received
    }

    fn record(&self, record: ProfileRecord) -> Result<Received> {
        let deduplicated = self.shared.catalog.get(&record.id)?.is_some();
        let record = self.shared.catalog.insert(record)?;
        Ok(Received { record, deduplicated })
    }

    fn known_as(&self, origin: &Origin) -> Result<Option<ProfileId>> {
        let known = |record: &ProfileRecord| match (&record.origin, origin) {
            (
                Origin::Referenced { device: d1, inode: i1, size: s1, modified_ns: m1, .. },
                Origin::Referenced { device, inode, size, modified_ns, .. },
            ) => (d1, i1, s1, m1) == (device, inode, size, modified_ns),
            _ => false,
        };
        Ok(self.shared.catalog.list()?.into_iter().find(known).map(|record| record.id))
    }

    /// A new name in `incoming/`.
    fn arrival(&self) -> PathBuf {
        // Relaxed: only the numbers have to differ.
        let number = self.shared.arrivals.fetch_add(1, Ordering::Relaxed);
        self.layout().incoming().join(number.to_string())
    }

    fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.shared.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(id: ProfileId, origin: Origin, size_bytes: u64, new: NewProfile) -> ProfileRecord {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ProfileRecord {
        id,
        name: new.name,
        labels: new.labels,
        origin,
        size_bytes,
        created_at_ms: since_epoch.as_millis() as u64,
        data_id: None,
        state: ProfileState::Stored,
        summary: None,
        damage: None,
    }
}
