//! Segments: the columns of one build in one immutable file, read through a mapping.
//!
//! ```text
//! offset 0   header   "BHSEGMNT" · version u32 · zeros up to 64 bytes
//!       64   section  values as they lie in memory, little-endian
//!      ...   section  each at a multiple of 64 (a cache line, and more than any value's alignment)
//!      ...   block    numbers of a column, packed; each at a multiple of 16
//!        t   table    one entry a section:
//!                       name_len u8 · name · encoding u8 · element_size u32 · offset u64 · count u64 · xxh3 u64
//! end - 32   footer   table_offset u64 · table_len u64 · xxh3 u64 of the table · "BHSEGEND"
//! ```
//!
//! A section's encoding is 0, `raw`: `count` values; or 2, `blocks`: the values lie elsewhere in blocks of [`BLOCK_LEN`], of
//! which the section has one entry each, with its place and its checksum. `packed.rs` says what a block looks like.
//! Columns that are written side by side are stored so.
//!
//! The checksum of a section covers what is stored there. It is verified when the section is first used, with those of
//! its blocks, and not again. The table is verified when the file is opened, and so is that everything between sections and
//! blocks is zeros. So a changed bit is an error, and never a wrong value.

mod block_column;
mod column;
mod local;
mod packed;
mod packing;
mod reader;
mod toc;
mod writer;

use std::sync::Arc;

pub use block_column::BlockColumn;
pub(crate) use block_column::BlockEntry;
pub use column::Column;
pub(crate) use local::LocalSegments;
pub use packed::{Extremes, Number, PackedBlock};
pub use reader::Segment;
pub use writer::{FinishedSegment, SegmentWriter};

use crate::{BuildKey, Result, StoredBuild};

/// The segments of all builds.
///
/// *Durability*: a segment survives a kill and a power cut once `put` returned. *Atomicity*: it is there as a whole or
/// not at all, after an error too. *Visibility*: any reader can open it from then on. *Immutability*: nobody changes it;
/// one that is open stays readable after `delete`. *Damage* is an error of whoever meets it, never a wrong value, and is
/// noted in the [`DamageLog`](crate::DamageLog).
pub trait SegmentStore: Send + Sync {
    /// Takes in a finished segment under the name of its build, replacing what had that name.
    fn put(&self, build: &BuildKey, finished: FinishedSegment) -> Result<()>;

    /// Opens a build's segment. All who have it open at the same time share it.
    fn open(&self, build: &BuildKey) -> Result<Arc<Segment>>;

    /// The builds that have a segment, in order.
    fn list(&self) -> Result<Vec<StoredBuild>>;

    /// Deletes a build's segment; one that is not there is no error.
    fn delete(&self, build: &BuildKey) -> Result<()>;
}

/// Numbers of one packed block of a column; only the last may have fewer.
pub const BLOCK_LEN: usize = 1 << 16;

const MAGIC: [u8; 8] = *b"BHSEGMNT";
const END_MAGIC: [u8; 8] = *b"BHSEGEND";
const VERSION: u32 = 3;
const ALIGNMENT: usize = 64;
const BLOCK_ALIGNMENT: usize = 16;
const FOOTER_LEN: usize = 32;

/// The first bytes of every segment.
fn header() -> [u8; ALIGNMENT] {
    let mut header = [0; ALIGNMENT];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}
