//! The format through its public seams.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

mod batches;
mod block_shapes;
mod damaged_files;
mod golden_captures;
mod mutations;
mod protocol;
mod round_trip;
mod sample;
mod version2;
