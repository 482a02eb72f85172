//! `cargo xtask bench NAME`: one thing, side by side with its peers, in turn, medians of several runs.
//!
//! The machines are noisy: what counts are the ratios within one run.

mod capture;
mod generated;
mod ingest;
mod load;
mod questions;
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
    /// Loading and indexing captures of known content: events a second, memory, disk; beside heaptrack.
    Ingest(ingest::Options),
    /// A server with 21 profiles under load, idle and while it takes in more; fails if a target is missed.
    Load(load::Options),
    /// Questions to the index of 10 million allocations; fails if a target is missed.
    Query(questions::Options),
    /// Every filter of the scripting language, grouping, and the book's case study; fails if a target is missed.
    Dsl(questions::Options),
    /// Finding stacks of 22 and 66 frames, unchanged and with three new ones: nanoseconds; fails if the target is missed.
    Unwind,
}

pub(crate) fn start(options: &Options) -> Result<()> {
    match &options.name {
        Name::Capture(options) => capture::start(options),
        Name::Ingest(options) => ingest::start(options),
        Name::Load(options) => load::start(options),
        Name::Query(options) => questions::of_index(options),
        Name::Dsl(options) => questions::of_scripts(options),
        Name::Unwind => unwind::start(),
    }
}
