//! `LOCK`: one process at a time has a data directory.
//!
//! The first line is the version of the layout. A server adds a second one: where it listens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::layout::Layout;
use crate::{Result, StoreError, durable};

/// The version of the directory's layout.
const LAYOUT_VERSION: u32 = 1;

/// A data directory that is ours until this is dropped.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the directory for this process. A directory that is neither empty nor ours is left alone: much in ours is
    /// removed at every start.
    pub(crate) fn take(layout: &Layout) -> Result<Self> {
        let path = layout.lock();
        if !path.exists() && !durable::entries(layout.root())?.is_empty() {
            return Err(StoreError::NotADataDirectory { dir: layout.root().to_owned() });
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(StoreError::io("open", &path))?;
        let locked = file.try_lock();
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(StoreError::io("read", &path))?;
        locked.map_err(|error| match error {
            TryLockError::WouldBlock => {
                let server = text.lines().nth(1).map(str::to_owned);
                StoreError::Locked { dir: layout.root().to_owned(), server }
            }
            TryLockError::Error(error) => StoreError::io("lock", &path)(error),
        })?;
        check_version(text.lines().next(), &path, layout.root())?;
        let lock = Self { file, path };
        lock.write(&format!("{LAYOUT_VERSION}\n"))?;
        Ok(lock)
    }

    /// Says where the server listens that has the directory.
    pub(crate) fn announce(&self, url: &str) -> Result<()> {
        self.write(&format!("{LAYOUT_VERSION}\n{url}\n"))
    }

    fn write(&self, text: &str) -> Result<()> {
        let write = || {
            self.file.write_all_at(text.as_bytes(), 0)?;
            self.file.set_len(text.len() as u64)?;
            (&self.file).flush()?;
            self.file.sync_all()
        };
        write().map_err(StoreError::io("write", &self.path))
    }
}

/// An empty file is one that was just created.
fn check_version(line: Option<&str>, path: &Path, root: &Path) -> Result<()> {
    match line.map(|line| line.trim().parse()) {
        None | Some(Ok(LAYOUT_VERSION)) => Ok(()),
        Some(Ok(found)) => {
            let what = format!("`{}`", path.display());
            Err(StoreError::Version { what, found, expected: LAYOUT_VERSION })
        }
        Some(Err(_)) => Err(StoreError::NotADataDirectory { dir: root.to_owned() }),
    }
}
