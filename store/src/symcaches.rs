//! Symcaches: what was digested from a binary once, for all profiles that it occurs in.
//!
//! A file holds the bytes and then their xxh3 (8 bytes): bytes that changed on the disk are not handed to a parser.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytehound_symbols::{BinaryId, SYMCACHE_VERSION};
use memmap2::Mmap;
use xxhash_rust::xxh3::xxh3_64;

use crate::layout::Layout;
use crate::{Catalog, Freed, Result, StoreError, durable};

const CHECKSUM_LEN: usize = 8;

/// The symcaches of a data directory.
pub struct Symcaches {
    layout: Layout,
    /// Numbers the files on their way in.
    arrivals: AtomicU64,
    held: Arc<Holders>,
}

/// How many hold each symcache. Locked while some are removed: who wants to hold one waits until then.
#[derive(Default)]
struct Holders(Mutex<HashMap<BinaryId, usize>>);

/// As long as it is there, a symcache is not removed for want of profiles that refer to it.
pub struct HeldSymcache {
    id: BinaryId,
    holders: Arc<Holders>,
}

impl Drop for HeldSymcache {
    fn drop(&mut self) {
        let mut holders = self.holders.lock();
        if let Some(count) = holders.get_mut(&self.id) {
            *count -= 1;
            holders.retain(|_, count| *count > 0);
        }
    }
}

impl Holders {
    fn lock(&self) -> MutexGuard<'_, HashMap<BinaryId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a symcache, mapped.
#[derive(Debug)]
pub struct SymcacheBytes {
    map: Mmap,
}

impl AsRef<[u8]> for SymcacheBytes {
    fn as_ref(&self) -> &[u8] {
        &self.map[..self.map.len() - CHECKSUM_LEN]
    }
}

impl Symcaches {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, arrivals: AtomicU64::new(0), held: Arc::default() }
    }

    /// The symcache of a binary, if it was put and is whole; otherwise the binary has to be digested (again).
    pub fn get(&self, id: &BinaryId) -> Result<Option<SymcacheBytes>> {
        let path = self.path(id);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(StoreError::io("open", &path))?,
        };
        let map = map_read_only(&file).map_err(StoreError::io("map", &path))?;
        let sound = map.split_last_chunk().is_some_and(|(bytes, sum)| xxh3_64(bytes).to_le_bytes() == *sum);
        if !sound {
            tracing::warn!("`{}` is damaged; its binary is digested again", path.display());
        }
        Ok(sound.then_some(SymcacheBytes { map }))
    }

    /// Keeps the symcache of a binary, in the place of an older one.
    pub fn put(&self, id: &BinaryId, bytes: &[u8]) -> Result<()> {
        // Relaxed: only the numbers have to differ.
        let number = self.arrivals.fetch_add(1, Ordering::Relaxed);
        let staging = self.layout.tmp().join(format!("symcache-{number}"));
        let stored = [bytes, &xxh3_64(bytes).to_le_bytes()].concat();
        durable::replace(&self.path(id), &staging, &stored)
    }

    /// Holds the symcache of a binary, whether it is there yet or not. Who builds an index holds those that it will refer to.
    pub fn hold(&self, id: &BinaryId) -> HeldSymcache {
        self.hold_for_ever(id);
        HeldSymcache { id: id.clone(), holders: Arc::clone(&self.held) }
    }

    /// Holds it until the store is closed: captures are to come for it.
    pub fn hold_for_ever(&self, id: &BinaryId) {
        *self.held.lock().entry(id.clone()).or_default() += 1;
    }

    /// The files that nobody holds or refers to.
    pub(crate) fn unreferred(&self, catalog: &dyn Catalog) -> Result<Vec<PathBuf>> {
        self.without(&self.held.lock(), catalog)
    }

    /// Removes them.
    pub(crate) fn collect(&self, catalog: &dyn Catalog) -> Result<Freed> {
        let held = self.held.lock();
        let mut freed = Freed::default();
        self.without(&held, catalog)?.iter().try_for_each(|path| freed.remove(path))?;
        Ok(freed)
    }

    fn without(&self, held: &HashMap<BinaryId, usize>, catalog: &dyn Catalog) -> Result<Vec<PathBuf>> {
        let Some(referred) = catalog.referred()? else { return Ok(Vec::new()) };
        let suffix = suffix();
        let mut files = durable::entries(&self.layout.symcaches())?;
        files.retain(|path| {
            let name = path.file_name().and_then(OsStr::to_str);
            let id = name.and_then(|name| BinaryId::parse(name.strip_suffix(&suffix)?).ok());
            id.is_some_and(|id| !referred.contains(&id) && !held.contains_key(&id))
        });
        Ok(files)
    }

    /// Removes what other versions of this program left.
    pub(crate) fn sweep(&self) -> Result<()> {
        let current = suffix();
        let is_current = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with(&current));
        let entries = durable::entries(&self.layout.symcaches())?;
        entries.iter().filter(|path| !is_current(path)).try_for_each(|path| durable::remove_any(path))
    }

    fn path(&self, id: &BinaryId) -> PathBuf {
        self.layout.symcaches().join(format!("{id}{}", suffix()))
    }
}

fn suffix() -> String {
    format!("-v{SYMCACHE_VERSION}.symc")
}

fn map_read_only(file: &File) -> io::Result<Mmap> {
    // SAFETY: symcaches are written once, under another name, and only unlinked or replaced by rename afterwards; the
    // data directory belongs to one process by its lock, and to one user by its mode.
    unsafe { Mmap::map(file) }
}
