//! Segments: the columns of one build in one immutable file, read through a mapping.
//!
//! ```text
//! offset 0   header   "BHSEGMNT" · version u32 · zeros up to 64 bytes
//!       64   section  values as they lie in memory, little-endian
//!      ...   section  each at a multiple of 64 (a cache line, and more than any value's alignment)
//!        t   table    one entry a section:
//!                       name_len u8 · name · encoding u8 · element_size u32 · offset u64 · count u64 · xxh3 u64
//! end - 32   footer   table_offset u64 · table_len u64 · xxh3 u64 of the table · "BHSEGEND"
//! ```
//!
//! A section's encoding is 0, `raw`: `count` values; or 1, `constant`: one value that stands for `count` equal ones.
//! Its checksum covers the stored values. It is verified when the section is first used, and not again.
//!
//! The table is verified when the file is opened. So a changed byte is an error, or lies in the padding between
//! sections, which nobody reads; it is never a wrong value.

mod column;
mod local;
mod reader;
mod toc;
mod writer;

use std::sync::Arc;

pub use column::Column;
pub(crate) use local::LocalSegments;
pub use reader::Segment;
pub use writer::{FinishedSegment, SectionWriter, SegmentWriter};

use crate::{BuildKey, Result};

/// The segments of all builds.
///
/// *Durability*: a segment survives a kill and a power cut once `put` returned. *Atomicity*: it is there as a whole or
/// not at all. *Visibility*: any reader can open it from then on. *Immutability*: nobody changes it; one that is open
/// stays readable after `delete`.
pub trait SegmentStore: Send + Sync {
    /// Takes in a finished segment under the name of its build, replacing what had that name.
    fn put(&self, build: &BuildKey, finished: FinishedSegment) -> Result<()>;

    /// Opens a build's segment. All who have it open at the same time share it.
    fn open(&self, build: &BuildKey) -> Result<Arc<Segment>>;

    /// Deletes a build's segment; one that is not there is no error.
    fn delete(&self, build: &BuildKey) -> Result<()>;
}

const MAGIC: [u8; 8] = *b"BHSEGMNT";
const END_MAGIC: [u8; 8] = *b"BHSEGEND";
const VERSION: u32 = 1;
const ALIGNMENT: usize = 64;
const FOOTER_LEN: usize = 32;

/// The first bytes of every segment.
fn header() -> [u8; ALIGNMENT] {
    let mut header = [0; ALIGNMENT];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}
