//! What a data directory takes on the disk.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::layout::Layout;
use crate::{Result, StoreError};

/// Bytes on the disk, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Captures that were uploaded, and those that are arriving.
    pub captures: u64,
    /// Columns.
    pub segments: u64,
    /// Summaries.
    pub summaries: u64,
    /// Digested binaries.
    pub symcaches: u64,
    /// The catalogue.
    pub catalog: u64,
    /// Working files of builds.
    pub scratch: u64,
}

impl Usage {
    pub(crate) fn of(layout: &Layout) -> Result<Self> {
        Ok(Self {
            captures: size(&layout.blobs())? + size(&layout.incoming())?,
            segments: size(&layout.segments())?,
            summaries: size(&layout.summaries())?,
            symcaches: size(&layout.symcaches())?,
            catalog: size(&layout.catalog())?,
            scratch: size(&layout.tmp())?,
        })
    }
}

/// Bytes of the blocks of all files below `dir`. What goes away meanwhile counts for nothing.
fn size(dir: &Path) -> Result<u64> {
    let mut total = 0;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for (path, metadata) in entries(&folder).map_err(StoreError::io("list", &folder))? {
            match metadata.is_dir() {
                true => folders.push(path),
                false => total += metadata.blocks() * 512,
            }
        }
    }
    Ok(total)
}

fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let listed = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let known = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        Some((entry.path(), entry.metadata().ok()?))
    };
    Ok(listed.filter_map(known).collect())
}
