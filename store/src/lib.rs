//! The data directory: catalogue, raw `.dat` blobs by content hash, immutable column segments (mmap), symcaches.
//! The only crate that opens files of the data directory, and the only one that names `sled`: behind [`Catalog`],
//! [`SegmentStore`] and [`SummaryIndex`], three narrow traits with one conformance suite.
//!
//! # The directory
//!
//! ```text
//! LOCK                               held by the one process that has the directory open; holds the layout's version
//! tokens.json  tokens.lock           who is let in: hashes, scopes; changed without LOCK, under a lock of its own
//! catalog/                           sled: one record a profile (state, published build)
//! catalog.damaged/                   the last one that had to be written anew, for who wants to look at it
//! incoming/                          captures while they arrive; emptied at start
//! blobs/<id>.dat  blobs/<id>.meta    a capture's bytes, and (JSON) its name, labels and origin
//! segments/<id>.<generation>.seg     the columns of one build
//! summaries/<id>.<generation>/       sled: the rows of one build
//! symcaches/<binary>-v<version>.symc one digested binary
//! tmp/                               scratch of running builds; emptied at start
//! ```
//!
//! Files are created with mode 0600 and directories with 0700: a capture holds what a program had in its memory maps.
//!
//! # What is true when
//!
//! * The `.meta` is written after its `.dat` is whole and synced; with it the capture exists. A `.dat` without
//!   `.meta` was never acknowledged and goes at the next start.
//! * The catalogue is rebuilt from the `.meta` files when sled lost it; such profiles are `Stored` again and want a build.
//! * A build is visible from the one catalogue write that publishes it. Files of a build that no record names go at
//!   the next start.
//! * Everything in sled can be derived again: captures from `.meta`, summaries from the segment or the capture.

#[cfg(target_endian = "big")]
compile_error!("segments are little-endian and mapped as they lie on the disk");

mod build_key;
mod captures;
mod catalog;
mod damage;
mod database;
mod durable;
mod error;
mod find;
mod layout;
mod lock;
mod maintenance;
mod mapped;
mod packed_vec;
mod profile_id;
mod scope;
mod scratch;
mod seams;
mod segment;
mod store;
mod summary;
mod symcaches;
mod temporary;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod usage;
mod written_vec;

pub use build_key::{BuildKey, Generation, StoredBuild};
pub use captures::{
    CapturePrefix, CaptureReader, Captures, FIRST_BYTES_MAX, IncomingCapture, NewProfile, Received,
};
pub use catalog::{
    Catalog, FailureCause, Lease, Origin, ProfileRecord, ProfileState, Published, SUMMARY_LEN_MAX,
};
pub use damage::{Damage, DamageLog};
pub use error::StoreError;
pub use maintenance::{Freed, Stat, Tally, Verified};
pub use mapped::MappedVec;
pub use packed_vec::{PackedList, PackedVec};
pub use profile_id::ProfileId;
pub use scope::Scope;
pub use scratch::Scratch;
pub use seams::Seams;
pub use segment::{
    BLOCK_LEN, BlockColumn, Column, Extremes, FinishedSegment, Number, PackedBlock, Segment, SegmentStore,
    SegmentWriter,
};
pub use store::Store;
pub use summary::{MAX_KEY, MAX_VALUE, SummaryIndex, SummaryReader, SummaryWriter, Visit};
pub use symcaches::{HeldSymcache, SymcacheBytes, Symcaches};
pub use tokens::{Token, Tokens};
pub use usage::Usage;
pub use written_vec::{WrittenList, WrittenVec};

/// What this crate's functions return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
