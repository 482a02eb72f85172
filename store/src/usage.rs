//! What a data directory takes on the disk.

use crate::Result;
use crate::durable::size_bytes;
use crate::layout::Layout;

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
            captures: size_bytes(&layout.blobs())? + size_bytes(&layout.incoming())?,
            segments: size_bytes(&layout.segments())?,
            summaries: size_bytes(&layout.summaries())?,
            symcaches: size_bytes(&layout.symcaches())?,
            catalog: size_bytes(&layout.catalog())?,
            scratch: size_bytes(&layout.tmp())?,
        })
    }
}
