//! Where everything lies below the data directory.

use std::path::{Path, PathBuf};

use crate::{BuildKey, ProfileId, Result, durable};

/// The paths of one data directory. Only this file spells them.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Creates every directory that is missing.
    pub(crate) fn create(&self) -> Result<()> {
        durable::create_dir(&self.root)?;
        for dir in
            [self.incoming(), self.blobs(), self.segments(), self.summaries(), self.symcaches(), self.tmp()]
        {
            durable::create_dir(&dir)?;
        }
        durable::sync_dir(&self.root)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.root.join("tokens.json")
    }

    /// Held while the tokens are changed.
    pub(crate) fn tokens_lock(&self) -> PathBuf {
        self.root.join("tokens.lock")
    }

    pub(crate) fn tokens_staging(&self) -> PathBuf {
        self.root.join("tokens.json.new")
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.root.join("catalog")
    }

    pub(crate) fn damaged_catalog(&self) -> PathBuf {
        self.root.join("catalog.damaged")
    }

    /// Exists while the catalogue is written anew.
    pub(crate) fn compacted_catalog(&self) -> PathBuf {
        self.root.join("catalog.compacted")
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob(&self, id: &ProfileId) -> PathBuf {
        self.blobs().join(format!("{id}.dat"))
    }

    pub(crate) fn meta(&self, id: &ProfileId) -> PathBuf {
        self.blobs().join(format!("{id}.meta"))
    }

    pub(crate) fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub(crate) fn segment(&self, build: &BuildKey) -> PathBuf {
        self.segments().join(format!("{build}.seg"))
    }

    pub(crate) fn summaries(&self) -> PathBuf {
        self.root.join("summaries")
    }

    pub(crate) fn summary(&self, build: &BuildKey) -> PathBuf {
        self.summaries().join(build.to_string())
    }

    pub(crate) fn symcaches(&self) -> PathBuf {
        self.root.join("symcaches")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
}
