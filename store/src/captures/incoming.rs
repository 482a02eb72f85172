//! A capture on its way in: hashed while its bytes arrive.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{CapturePrefix, Captures, NewProfile, Received};
use crate::{ProfileId, Result, StoreError, durable};

/// How much of a capture's beginning is kept for a sanity check before it is committed.
pub const FIRST_BYTES_MAX: usize = 64 * 1024;

/// Receives a capture through [`Write`]. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub struct IncomingCapture {
    captures: Captures,
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    first_bytes: Vec<u8>,
    len: u64,
}

impl IncomingCapture {
    pub(super) fn create(captures: Captures, path: PathBuf) -> Result<Self> {
        let file = durable::create_file(&path)?;
        Ok(Self { captures, file, path, hasher: blake3::Hasher::new(), first_bytes: Vec::new(), len: 0 })
    }

    /// The bytes received so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was received yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first bytes, [`FIRST_BYTES_MAX`] of them at most.
    #[must_use]
    pub fn first_bytes(&self) -> &[u8] {
        &self.first_bytes
    }

    /// The id of what was received so far.
    #[must_use]
    pub fn id(&self) -> ProfileId {
        ProfileId::of(&self.hasher.finalize())
    }

    /// What was received so far.
    #[must_use]
    pub fn prefix(&self) -> CapturePrefix {
        CapturePrefix::new(self.captures.clone(), self.path.clone(), self.id(), self.len)
    }

    /// Makes the capture a profile. When this returns, neither a kill nor a power cut loses it.
    ///
    /// The same bytes again are the same profile: its labels are merged, the last value winning.
    pub fn commit(self, new: NewProfile) -> Result<Received> {
        self.file.sync_all().map_err(StoreError::io("sync", &self.path))?;
        self.captures.adopt(&self.path, self.id(), self.len, new)
    }
}

impl Write for IncomingCapture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        let written = &bytes[..count];
        self.hasher.update(written);
        let wanted = FIRST_BYTES_MAX - self.first_bytes.len();
        self.first_bytes.extend_from_slice(&written[..wanted.min(count)]);
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for IncomingCapture {
    fn drop(&mut self) {
        // After a commit the file has gone to its place, or is the second copy of a known capture.
        if let Err(error) = durable::remove_file(&self.path) {
            tracing::warn!("{error}; the next start removes it");
        }
    }
}
