//! sled 0.34, with the precautions it needs. No other file names it.
//!
//! * It panics on some damage, at opening and at reading: every call goes through [`guarded`], and a panic is damage.
//! * A truncated snapshot, or one that a crash left half written, keeps it from opening, although the log has
//!   everything: snapshots are dropped and the opening is tried again.
//! * Its `flush` is no barrier for the disk: [`Database::sync`] flushes and then syncs the file.
//! * It may come back with less than was written and not notice. Who stores rows counts them ([`crate::summary`]) or
//!   has them elsewhere too ([`crate::catalog`]).

use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::{Result, StoreError, durable};

/// Little, since the operating system caches the file besides. sled evicts so late that reading all of a database of
/// 400 MB still leaves 320 MB of it in memory: who keeps databases open must bound their sizes.
const CACHE_BYTES: u64 = 8 << 20;
/// A database that was just closed may still be held by sled's threads for a moment.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// One open sled database.
pub(crate) struct Database {
    /// `None` only while dropping.
    sled: Option<sled::Db>,
    file: File,
    path: PathBuf,
}

/// Why a database does not give what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// Its bytes are wrong; opening it again will not help.
    #[error("{0}")]
    Damaged(String),
    /// The operating system refused; its bytes may be fine.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Database {
    /// Opens a database, or creates an empty one.
    pub(crate) fn open_or_repair(path: &Path) -> Result<Self, DatabaseError> {
        durable::create_dir(path)?;
        // A crash while sled wrote a snapshot leaves one of these, and sled would take it for a snapshot.
        drop_snapshots(path, |name| name.ends_with(".generating"))?;
        match Self::open(path) {
            Err(DatabaseError::Damaged(reason)) => {
                tracing::warn!("`{}` does not open ({reason}); trying without its snapshot", path.display());
                drop_snapshots(path, |_| true)?;
                Self::open(path)
            }
            result => result,
        }
    }

    fn open(path: &Path) -> Result<Self, DatabaseError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let mut tries = 0;
        let sled = loop {
            match guarded(path, || config.open()) {
                Err(DatabaseError::Store(error)) if is_held(&error) && tries < LOCK_TRIES => {
                    tries += 1;
                    thread::sleep(LOCK_PAUSE);
                }
                result => break result?,
            }
        };
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io("open", &file_path))?;
        Ok(Self { sled: Some(sled), file, path: path.to_owned() })
    }

    /// What it takes on the disk, and may come to take in memory.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(StoreError::io("look at", &self.path))?.len())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, DatabaseError> {
        self.call(|sled| sled.get(key))
    }

    /// The last row before a key.
    pub(crate) fn before(&self, key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, DatabaseError> {
        self.call(|sled| sled.get_lt(key))
    }

    /// The rows from a key on, in order.
    pub(crate) fn rows_from(&self, key: &[u8]) -> Rows<'_> {
        let rows = guarded(&self.path, || Ok(self.sled.as_ref().map(|sled| sled.range(key.to_vec()..))));
        Rows { rows: rows.map_or_else(|error| Err(Some(error)), Ok), path: &self.path }
    }

    /// Sets a key; durable after the next [`sync`](Self::sync).
    pub(crate) fn insert(&self, key: &[u8], value: &[u8]) -> Result<(), DatabaseError> {
        self.call(|sled| sled.insert(key, value).map(drop))
    }

    /// Removes a key; durable after the next [`sync`](Self::sync).
    pub(crate) fn remove(&self, key: &[u8]) -> Result<(), DatabaseError> {
        self.call(|sled| sled.remove(key).map(drop))
    }

    /// Makes everything durable that was changed before.
    pub(crate) fn sync(&self) -> Result<(), DatabaseError> {
        self.call(|sled| sled.flush().map(drop))?;
        self.file.sync_data().map_err(StoreError::io("sync", &self.path))?;
        Ok(())
    }

    fn call<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, DatabaseError> {
        match &self.sled {
            Some(sled) => guarded(&self.path, || work(sled)),
            None => Err(DatabaseError::Damaged("the database is closed".to_owned())),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sled = self.sled.take();
        // Closing flushes, and so may meet the damage once more: nothing is lost that was not lost before.
        if catch_unwind(AssertUnwindSafe(|| drop(sled))).is_err() {
            tracing::warn!("`{}` did not close cleanly", self.path.display());
        }
    }
}

/// Rows in the order of their keys.
pub(crate) struct Rows<'a> {
    /// The error that kept the iteration from starting is given once.
    rows: Result<Option<sled::Iter>, Option<DatabaseError>>,
    path: &'a Path,
}

impl Iterator for Rows<'_> {
    type Item = Result<(sled::IVec, sled::IVec), DatabaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rows {
            Ok(rows) => {
                let rows = rows.as_mut()?;
                guarded(self.path, || rows.next().transpose()).transpose()
            }
            Err(error) => error.take().map(Err),
        }
    }
}

/// Runs a call of sled's: a panic in it is damage.
fn guarded<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, DatabaseError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| translate(path, error)),
        Err(panic) => Err(DatabaseError::Damaged(format!("sled panicked: {}", panic_text(&*panic)))),
    }
}

fn translate(path: &Path, error: sled::Error) -> DatabaseError {
    match error {
        // The file ends before the data it should hold, or holds what can't be: that is damage.
        sled::Error::Io(source)
            if matches!(source.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) =>
        {
            DatabaseError::Damaged(source.to_string())
        }
        sled::Error::Io(source) => DatabaseError::Store(StoreError::io("use the database", path)(source)),
        other => DatabaseError::Damaged(other.to_string()),
    }
}

fn is_held(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.to_string().starts_with("could not acquire lock"))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn drop_snapshots(path: &Path, which: impl Fn(&str) -> bool) -> Result<()> {
    for entry in durable::entries(path)? {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && which(name) {
            durable::remove_file(&entry)?;
        }
    }
    Ok(())
}
