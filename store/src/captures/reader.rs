//! A stored capture on its way out: hashed while it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{ProfileId, Result, StoreError};

const REST_BUFFER_LEN: usize = 1 << 20;

/// Reads a capture through [`Read`]; at its end, [`finish`](Self::finish) says whether these are the bytes that came in.
///
/// Clones go on where the others are: one is given away to be read, one is kept to finish.
#[derive(Clone, Debug)]
pub struct CaptureReader {
    id: ProfileId,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug)]
struct Progress {
    file: File,
    hasher: blake3::Hasher,
}

impl CaptureReader {
    pub(super) fn new(file: File, id: ProfileId) -> Self {
        Self { id, progress: Arc::new(Mutex::new(Progress { file, hasher: blake3::Hasher::new() })) }
    }

    /// How many bytes the file has.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.progress().file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Reads what is left, and compares all that was read with the id of the profile, which is its hash.
    pub fn finish(mut self) -> Result<()> {
        let mut rest = vec![0; REST_BUFFER_LEN];
        loop {
            match self.read(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io("read", Path::new(self.id.as_str()))(error)),
            }
        }
        let hash = self.progress().hasher.finalize();
        if ProfileId::of(&hash) == self.id { Ok(()) } else { Err(StoreError::DamagedCapture(self.id)) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for CaptureReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut progress = self.progress();
        let count = progress.file.read(buffer)?;
        progress.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
