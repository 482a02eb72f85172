//! Building: a capture becomes a segment and summaries, in three phases that can run on different threads.
//!
//! 1. [`load()`] reads the events once. Deaths are matched to births; rows and operations go to scratch files in the order of
//!    the capture, and so do live blocks beyond a budget: memory holds the others and the distinct stacks alone.
//! 2. [`symbolize()`] gives the distinct addresses their frames.
//! 3. [`write()`] replays the operations in order of time and writes what [`crate::layout`] and [`crate::summary_tables`]
//!    describe. A build is visible only from [`publish()`] on.
//!
//! [`ingest()`] does all of it for one profile. [`add_debug_files()`] says beforehand where else symbols are.

mod bits;
mod block_table;
mod chains;
mod chronicle;
mod clock;
mod columns;
mod culled;
mod debug_files;
mod defects;
mod ends;
mod feed;
mod frame_table;
mod generated;
mod handover;
mod history;
mod ingest;
mod interner;
mod late_ends;
mod lists;
mod live;
mod load;
mod log;
mod manifest;
mod map_sections;
mod mappings;
mod modules;
mod observer;
mod operations;
mod order;
mod prefetch;
mod publish;
mod replay;
mod rows;
mod slots;
mod spilling;
mod stack_sections;
mod stacks;
mod steps;
mod symbolize;
mod table;
mod tallies;
mod tally;
mod thread_names;
mod usage;
mod window;
mod write;

pub use debug_files::add_debug_files;
pub use ingest::{give_up, ingest, load_stored};
pub use live::LiveBudget;
pub use load::{Loaded, load};
pub use manifest::{decode_manifest, encode_manifest};
pub use observer::{Observer, Phase, Progress};
pub use publish::publish;
pub use symbolize::{Symbols, symbolize};
pub use write::write;
