//! The `.dat` container, both versions of it, and its events: encode without allocating, decode bytes to typed events;
//! damaged input is data (what is left of it + defects), never a panic.
//!
//! ```text
//! 0.11
//! file   = block*                         no magic, no footer
//! block  = kind:u8  len:u32le  payload    kind 1: raw LZ4 block, kind 2: stored
//! stream = the decompressed payloads, one after another
//! stream = event*                         the first event is a Header
//! event  = tag:u32le  fields…             no length prefix: an unknown tag ends what can be read
//!
//! version 2: see `v2`
//! ```
//!
//! `docs/format.md` describes every byte. [`Reader`] reads both versions; [`Writer`] and [`v2::Writer`] write files, and
//! [`convert()`] makes one version of the other. For a process that must not allocate there are [`BlockWriter`] and, for
//! version 2, [`v2::seal`] and what [`v2`] has beside it. [`Event::encode`] and [`decode()`] deal in single events.
//!
//! ```
//! use bytehound_format::{Event, HeaderBody, Reader, Timestamp, Writer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let header = HeaderBody {
//! #     id: Default::default(), initial_timestamp: Timestamp(0), timestamp: Timestamp(0), wall_clock_secs: 0,
//! #     wall_clock_nsecs: 0, pid: 1, cmdline: Default::default(), executable: Default::default(),
//! #     arch: "x86_64".into(), flags: 1, pointer_size: 8,
//! # };
//! let mut writer = Writer::new(Vec::new());
//! writer.write(&Event::Header(header))?;
//! writer.write(&Event::Marker { value: 7 })?;
//! let file = writer.finish()?;
//!
//! let mut reader = Reader::new(&file[..])?;
//! assert_eq!(reader.header().arch, "x86_64");
//! while let Some(event) = reader.next_event()? {
//!     assert_eq!(event, Event::Marker { value: 7 });
//! }
//! assert!(reader.ending().is_some_and(|ending| ending.is_clean()));
//! # Ok(())
//! # }
//! ```

mod block;
mod block_writer;
mod capture_writer;
mod carrier;
mod convert;
mod cursor;
mod decode;
mod encode;
mod end_cause;
mod ending;
mod event;
mod field;
mod heap_events;
mod input;
mod kind;
mod layout;
pub mod limits;
mod losses;
mod lz4;
mod open_error;
mod output;
pub mod protocol;
mod read_ahead;
mod reader;
mod references;
mod stream;
pub mod v2;
mod varint;
mod writer;

pub use block::BlockDefect;
pub use block_writer::{BLOCK_SCRATCH_LEN, BlockSink, BlockWriter};
pub use capture_writer::CaptureWriter;
pub use carrier::CARRIER_PATH;
pub use convert::{Container, convert};
pub use decode::{Malformed, Outcome, decode};
pub use encode::{
    ALLOC_EX_LEN, FREE_EX_LEN, REALLOC_EX_LEN, encode_alloc_ex, encode_free_ex, encode_realloc_ex,
};
pub use end_cause::EndCause;
pub use ending::{Cut, Defect, Ending, Place};
pub use event::*;
pub use heap_events::HeapEvents;
pub use kind::EventKind;
pub use losses::Losses;
pub use open_error::OpenError;
pub use output::{Output, SliceOutput};
pub use reader::{Reader, ReaderOptions};
pub use stream::Skipped;
pub use writer::Writer;
