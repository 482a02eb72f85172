//! What has come of a capture so far, as a capture of its own: how one that still grows can be looked at.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Captures, NewProfile, Received};
use crate::{ProfileId, Result, StoreError, durable};

/// The first bytes of a capture that is on its way in. They are there as long as that is.
pub struct CapturePrefix {
    captures: Captures,
    path: PathBuf,
    id: ProfileId,
    len: u64,
}

impl CapturePrefix {
    pub(super) fn new(captures: Captures, path: PathBuf, id: ProfileId, len: u64) -> Self {
        Self { captures, path, id, len }
    }

    /// Copies it, and makes it a profile: durable when this returns.
    pub fn commit(self, new: NewProfile) -> Result<Received> {
        let copy = self.captures.arrival();
        let copied = self.copy_to(&copy).and_then(|()| self.captures.adopt(&copy, self.id, self.len, new));
        if copied.is_err() {
            durable::remove_file(&copy)?;
        }
        copied
    }

    /// File systems that can share the blocks, do.
    fn copy_to(&self, path: &Path) -> Result<()> {
        let mut from = File::open(&self.path).map_err(StoreError::io("open", &self.path))?.take(self.len);
        let mut to = durable::create_file(path)?;
        io::copy(&mut from, &mut to).map_err(StoreError::io("copy", &self.path))?;
        to.sync_all().map_err(StoreError::io("sync", path))
    }
}
