//! Working space of one build.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Result, durable};

/// A fresh directory below `tmp/`. Clones share it; the last one removes it.
#[derive(Clone, Debug)]
pub struct Scratch {
    dir: Arc<ScratchDir>,
}

#[derive(Debug)]
struct ScratchDir {
    path: PathBuf,
    names: AtomicU64,
}

impl Scratch {
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        durable::create_dir(&path)?;
        Ok(Self { dir: Arc::new(ScratchDir { path, names: AtomicU64::new(0) }) })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir.path
    }

    /// A path in it that was not given out before.
    pub(crate) fn fresh_path(&self) -> PathBuf {
        // Relaxed: only the numbers have to differ.
        self.dir.path.join(self.dir.names.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(error) = durable::remove_dir(&self.path) {
            tracing::warn!("{error}; the next start removes it");
        }
    }
}
