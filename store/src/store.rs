//! The data directory as a whole: opened by one process, swept, and given out in its parts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::layout::Layout;
use crate::lock::Lock;
use crate::{
    BuildKey, Captures, Catalog, DamageLog, Freed, ProfileId, Result, Scratch, Seams, SegmentStore,
    StoreError, SummaryIndex, Symcaches, Tokens, Usage, durable, temporary,
};

/// An open data directory. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Store {
    parts: Arc<Parts>,
}

/// In the order in which they are dropped: the databases are closed before the lock goes, the lock before the
/// directory does.
struct Parts {
    captures: Captures,
    seams: Seams,
    symcaches: Symcaches,
    tokens: Tokens,
    layout: Layout,
    /// Numbers the scratch directories.
    scratches: AtomicU64,
    /// What the sweep at the opening removed.
    swept: Freed,
    lock: Lock,
    _temporary: Option<TempDir>,
}

impl Store {
    /// Opens a data directory, or makes one of an empty or missing directory.
    ///
    /// Only one process can have it open: [`StoreError::Locked`] says that another has. What crashes left is removed,
    /// and what the catalogue lost is restored: see the crate's documentation.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_in(dir, None, Seams::local)
    }

    /// Opens a new data directory below the system's temporary one. It is removed when the store is closed, or, if the
    /// process is killed, by the next call of this.
    pub fn temporary() -> Result<Self> {
        Self::temporary_in(Seams::local)
    }

    /// A new data directory below the system's temporary one, with these seams: captures and scratch lie in it.
    #[cfg(feature = "testing")]
    pub fn temporary_over(seams: Seams) -> Result<Self> {
        Self::temporary_in(|_| Ok(seams))
    }

    fn temporary_in(seams: impl FnOnce(&Layout) -> Result<Seams>) -> Result<Self> {
        let temporary = temporary::create()?;
        let dir = temporary.path().to_owned();
        Self::open_in(&dir, Some(temporary), seams)
    }

    fn open_in(
        dir: &Path,
        temporary: Option<TempDir>,
        seams: impl FnOnce(&Layout) -> Result<Seams>,
    ) -> Result<Self> {
        let layout = Layout::new(dir);
        durable::create_dir(dir)?;
        let lock = Lock::take(&layout)?;
        layout.create()?;
        let mut swept = Freed::default();
        for dir in [layout.incoming(), layout.tmp()] {
            durable::entries(&dir)?.iter().try_for_each(|path| swept.remove(path))?;
        }
        let seams = seams(&layout)?;
        let mut parts = Parts {
            captures: Captures::new(layout.clone(), Arc::clone(&seams.catalog)),
            seams,
            symcaches: Symcaches::new(layout.clone()),
            tokens: Tokens::new(layout.clone()),
            layout,
            scratches: AtomicU64::new(0),
            swept,
            lock,
            _temporary: temporary,
        };
        parts.sweep()?;
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Says where the server listens that has the directory open: other processes are told by [`StoreError::Locked`].
    pub fn announce(&self, url: &str) -> Result<()> {
        self.parts.lock.announce(url)
    }

    /// Where the data lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.parts.layout.root()
    }

    /// How many bytes can still be written where the data lies.
    pub fn free_bytes(&self) -> Result<u64> {
        let root = self.parts.layout.root();
        let file_system =
            rustix::fs::statvfs(root).map_err(|error| StoreError::io("look at", root)(error.into()))?;
        Ok(file_system.f_bavail.saturating_mul(file_system.f_frsize))
    }

    /// The raw captures.
    #[must_use]
    pub fn captures(&self) -> &Captures {
        &self.parts.captures
    }

    /// The profiles and their states.
    #[must_use]
    pub fn catalog(&self) -> &dyn Catalog {
        &*self.parts.seams.catalog
    }

    /// The columns of all builds.
    #[must_use]
    pub fn segments(&self) -> &dyn SegmentStore {
        &*self.parts.seams.segments
    }

    /// The summaries of all builds.
    #[must_use]
    pub fn summaries(&self) -> &dyn SummaryIndex {
        &*self.parts.seams.summaries
    }

    /// The damage that readers met.
    #[must_use]
    pub fn damage(&self) -> &DamageLog {
        &self.parts.seams.damage
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
        for build in self.parts.builds()?.iter().filter(|build| build.profile == *id) {
            // One that is being written can come back while it is removed: it is nobody's any more.
            if let Err(error) = self.delete_build(build) {
                tracing::warn!("{error}; the next start removes it");
            }
        }
        if existed { Ok(()) } else { Err(StoreError::NoSuchProfile(id.clone())) }
    }

    /// Deletes the files of a build, as of one that failed or was superseded. One that answers keeps them: its builder may
    /// have published it and not been told.
    pub fn delete_build(&self, build: &BuildKey) -> Result<()> {
        let record = self.catalog().get(&build.profile)?;
        if record.is_some_and(|record| record.ready_build().as_ref() == Some(build)) {
            return Ok(());
        }
        self.parts.seams.segments.delete(build)?;
        self.parts.seams.summaries.delete(build)
    }
}

impl Store {
    pub(crate) fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    /// What the sweep at the opening removed.
    #[must_use]
    pub fn swept(&self) -> Freed {
        self.parts.swept
    }

    /// The builds that have files, in order.
    pub(crate) fn builds(&self) -> Result<BTreeSet<BuildKey>> {
        self.parts.builds()
    }
}

impl Parts {
    /// Removes what crashes left, and takes back the state `Ready` where the segment is gone.
    fn sweep(&mut self) -> Result<()> {
        let (catalog, segments) = (&self.seams.catalog, &self.seams.segments);
        let stored: BTreeSet<BuildKey> = segments.list()?.into_iter().map(|stored| stored.build).collect();
        let mut wanted = BTreeSet::new();
        for build in catalog.list()?.iter().filter_map(|record| record.ready_build()) {
            if stored.contains(&build) {
                wanted.insert(build);
            } else {
                catalog.lose_build(&build, "its segment is gone")?;
            }
        }
        let swept = &mut self.swept;
        for path in durable::entries(&self.layout.blobs())? {
            if !path.with_extension("meta").exists() {
                swept.remove(&path)?;
            }
        }
        for dir in [self.layout.segments(), self.layout.summaries()] {
            for path in durable::entries(&dir)? {
                if !build_of(&path).is_some_and(|build| wanted.contains(&build)) {
                    swept.remove(&path)?;
                }
            }
        }
        self.symcaches.sweep()
    }

    fn builds(&self) -> Result<BTreeSet<BuildKey>> {
        let (segments, summaries) = (self.seams.segments.list()?, self.seams.summaries.list()?);
        Ok(segments.into_iter().chain(summaries).map(|stored| stored.build).collect())
    }
}

fn build_of(path: &Path) -> Option<BuildKey> {
    let name = path.file_name()?.to_str()?;
    BuildKey::parse(name.strip_suffix(".seg").unwrap_or(name))
}
