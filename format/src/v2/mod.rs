//! Version 2 of the container: self-delimiting, checksummed blocks. `docs/format.md` describes every byte.
//!
//! ```text
//! file      magic:8  block*                       see `block`: damage costs the blocks that it hits
//! blocks    Start (Stacks | Events | Rare | Complete)* End
//! Events    a batch of one thread's events, encoded by the hooks; decodes without any other batch
//! Stacks    new nodes of the tree of stacks, before the events that refer to them
//! Rare      events of the 0.11 encoding, each with its tick
//! Complete  all events of earlier ticks are in the blocks before
//! ```
//!
//! Batches are not in order among each other: a [`crate::Reader`] merges them by tick, from mark to mark.

pub mod batch;
mod batch_start;
mod block;
mod block_reader;
mod clock;
mod lane;
mod marks;
mod merge;
mod moves;
mod nodes;
mod rare;
mod rare_block;
mod stacks;
mod stream;
mod telling;
mod tree;
mod window;
mod writer;

pub use batch_start::BatchStart;
pub(crate) use block::MARKER;
pub use block::{BlockFlags, BlockHeader, BlockKind, HEADER_LEN, MAGIC, PAYLOAD_LEN_MAX, seal};
pub use marks::{ClockPair, Complete, End, Start};
pub use rare::put_rare;
pub use stacks::{Caller, NodeDecoder, NodeEncoder};
pub(crate) use stream::Stream;
pub use writer::Writer;
