//! The data directory as a whole: opened by one process, swept, and given out in its parts.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::catalog::LocalCatalog;
use crate::layout::Layout;
use crate::segment::LocalSegments;
use crate::summary::LocalSummaries;
use crate::{
    BuildKey, Captures, Catalog, ProfileId, Result, Scratch, SegmentStore, StoreError, SummaryIndex,
    Symcaches, Tokens, Usage, durable, temporary,
};

/// The version of the directory's layout, as `LOCK` holds it.
const LAYOUT_VERSION: u32 = 1;

/// An open data directory. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Store {
    parts: Arc<Parts>,
}

/// In the order in which they are dropped: the databases are closed before the lock goes, the lock before the
/// directory does.
struct Parts {
    captures: Captures,
    catalog: Arc<LocalCatalog>,
    segments: LocalSegments,
    summaries: LocalSummaries,
    symcaches: Symcaches,
    tokens: Tokens,
    layout: Layout,
    /// Numbers the scratch directories.
    scratches: AtomicU64,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl Store {
    /// Opens a data directory, or makes one of an empty or missing directory.
    ///
    /// Only one process can have it open: [`StoreError::Locked`] says that another has. What crashes left is removed,
    /// and what the catalogue lost is restored: see the crate's documentation.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_in(dir, None)
    }

    /// Opens a new data directory below the system's temporary one. It is removed when the store is closed, or, if the
    /// process is killed, by the next call of this.
    pub fn temporary() -> Result<Self> {
        let temporary = temporary::create()?;
        let dir = temporary.path().to_owned();
        Self::open_in(&dir, Some(temporary))
    }

    fn open_in(dir: &Path, temporary: Option<TempDir>) -> Result<Self> {
        let layout = Layout::new(dir);
        durable::create_dir(dir)?;
        let lock = lock(&layout)?;
        layout.create()?;
        for entry in [layout.incoming(), layout.tmp()]
            .iter()
            .map(|dir| durable::entries(dir))
            .collect::<Result<Vec<_>>>()?
            .concat()
        {
            durable::remove_any(&entry)?;
        }
        let catalog = Arc::new(LocalCatalog::open(&layout)?);
        let parts = Parts {
            captures: Captures::new(layout.clone(), Arc::clone(&catalog)),
            catalog,
            segments: LocalSegments::new(layout.clone()),
            summaries: LocalSummaries::new(layout.clone()),
            symcaches: Symcaches::new(layout.clone()),
            tokens: Tokens::new(layout.clone()),
            layout,
            scratches: AtomicU64::new(0),
            _lock: lock,
            _temporary: temporary,
        };
        parts.sweep()?;
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Where the data lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.parts.layout.root()
    }

    /// The raw captures.
    #[must_use]
    pub fn captures(&self) -> &Captures {
        &self.parts.captures
    }

    /// The profiles and their states.
    #[must_use]
    pub fn catalog(&self) -> &dyn Catalog {
        &*self.parts.catalog
    }

    /// The columns of all builds.
    #[must_use]
    pub fn segments(&self) -> &dyn SegmentStore {
        &self.parts.segments
    }

    /// The summaries of all builds.
    #[must_use]
    pub fn summaries(&self) -> &dyn SummaryIndex {
        &self.parts.summaries
    }

    /// The digested binaries.
    #[must_use]
    pub fn symcaches(&self) -> &Symcaches {
        &self.parts.symcaches
    }

    /// Who is let in.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.parts.tokens
    }

    /// What the directory takes on the disk.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(&self.parts.layout)
    }

    /// A fresh directory for a build's working files, removed when it is dropped.
    pub fn scratch(&self) -> Result<Scratch> {
        // Relaxed: only the numbers have to differ.
        let number = self.parts.scratches.fetch_add(1, Ordering::Relaxed);
        Scratch::create(self.parts.layout.tmp().join(format!("scratch-{number}")))
    }

    /// Deletes a profile: its record first, so that nobody finds it half deleted; then its capture (a referenced file
    /// stays where it is) and its builds. Readers that have a build open keep it until they drop it.
    pub fn delete_profile(&self, id: &ProfileId) -> Result<()> {
        let existed = self.parts.captures.delete(id)?;
        for build in self.parts.builds()?.into_iter().filter(|build| build.profile == *id) {
            self.delete_build(&build)?;
        }
        if existed { Ok(()) } else { Err(StoreError::NoSuchProfile(id.clone())) }
    }

    /// Deletes the files of a build, as of one that failed or was superseded.
    pub fn delete_build(&self, build: &BuildKey) -> Result<()> {
        self.parts.segments.delete(build)?;
        self.parts.summaries.delete(build)
    }
}

impl Parts {
    /// Removes what crashes left, and takes back the state `Ready` where the segment is gone.
    fn sweep(&self) -> Result<()> {
        let mut wanted = HashSet::new();
        for record in self.catalog.list()? {
            match record.ready_build() {
                Some(build) if self.layout.segment(&build).exists() => drop(wanted.insert(build)),
                Some(_) => self.catalog.reset(&record.id)?,
                None => {}
            }
        }
        let blobs = durable::entries(&self.layout.blobs())?;
        let unacknowledged = |path: &&std::path::PathBuf| !path.with_extension("meta").exists();
        blobs.iter().filter(unacknowledged).try_for_each(|path| durable::remove_any(path))?;
        for dir in [self.layout.segments(), self.layout.summaries()] {
            for path in durable::entries(&dir)? {
                if !build_of(&path).is_some_and(|build| wanted.contains(&build)) {
                    durable::remove_any(&path)?;
                }
            }
        }
        self.symcaches.sweep()
    }

    /// The builds that have files.
    fn builds(&self) -> Result<HashSet<BuildKey>> {
        let segments = durable::entries(&self.layout.segments())?;
        let summaries = durable::entries(&self.layout.summaries())?;
        Ok(segments.iter().chain(&summaries).filter_map(|path| build_of(path)).collect())
    }
}

fn build_of(path: &Path) -> Option<BuildKey> {
    let name = path.file_name()?.to_str()?;
    BuildKey::parse(name.strip_suffix(".seg").unwrap_or(name))
}

/// Takes the directory for this process. A directory that is neither empty nor ours is left alone: much in ours is
/// removed at every start.
fn lock(layout: &Layout) -> Result<File> {
    let path = layout.lock();
    if !path.exists() && !durable::entries(layout.root())?.is_empty() {
        return Err(StoreError::NotADataDirectory { dir: layout.root().to_owned() });
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(StoreError::io("open", &path))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::Locked { dir: layout.root().to_owned() },
        TryLockError::Error(error) => StoreError::io("lock", &path)(error),
    })?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(StoreError::io("read", &path))?;
    if text.is_empty() {
        writeln!(file, "{LAYOUT_VERSION}")
            .and_then(|()| file.sync_all())
            .map_err(StoreError::io("write", &path))?;
        return Ok(file);
    }
    match text.trim().parse() {
        Ok(LAYOUT_VERSION) => Ok(file),
        Ok(found) => Err(StoreError::Version {
            what: format!("`{}`", path.display()),
            found,
            expected: LAYOUT_VERSION,
        }),
        Err(_) => Err(StoreError::NotADataDirectory { dir: layout.root().to_owned() }),
    }
}
