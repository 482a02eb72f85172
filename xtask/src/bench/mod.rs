//! `cargo xtask bench NAME`: one thing, side by side with its peers, in turn, medians of several runs.
//!
//! The machines are noisy: what counts are the ratios within one run.

mod capture;
mod ingest;
mod unwind;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    name: Name,
}

#[derive(Subcommand)]
enum Name {
    /// What the capture library adds to programs, against heaptrack; fails if a target is missed.
    Capture(capture::Options),
    /// Loading and indexing a capture of 10 million pairs: events a second, anonymous memory.
    Ingest,
    /// Finding stacks of 22 and 66 frames, unchanged and with three new ones: nanoseconds; fails if the target is missed.
    Unwind,
}

pub(crate) fn start(options: &Options) -> Result<()> {
    match &options.name {
        Name::Capture(options) => capture::start(options),
        Name::Ingest => ingest::start(),
        Name::Unwind => unwind::start(),
    }
}
