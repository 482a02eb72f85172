//! Everything that can go wrong while a profile is built or asked.

use bytehound_store::StoreError;

use crate::layout::{LAYOUT_VERSION, LAYOUT_VERSION_MIN};

/// Why a profile could not be built, or a question not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The data directory failed, or holds damaged files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input is no capture.
    #[error(transparent)]
    Open(#[from] bytehound_format::OpenError),
    /// The input failed, not its content.
    #[error("cannot read the capture: {0}")]
    Read(#[from] std::io::Error),
    /// Rows are numbered with 32 bits.
    #[error(
        "the capture has more than 4 billion allocations; capture again with temporary allocations culled"
    )]
    TooManyRows,
    /// Frames of all stacks are numbered with 32 bits.
    #[error("the stacks of the capture have more than 4 billion frames; capture again for a shorter time")]
    TooManyFrames,
    /// Regions, removals and changes of usage are numbered with 32 bits.
    #[error("the capture tells of mapped memory more than 4 billion times; capture again for a shorter time")]
    TooManyMaps,
    /// The profile has no finished index.
    #[error("profile `{profile}` is not ready: {state}")]
    NotReady {
        /// Its id.
        profile: String,
        /// What it is instead, and what to do.
        state: String,
    },
    /// The index was built by a version with a layout that is not read.
    #[error(
        "the index of `{profile}` has layout version {found}, this program reads {LAYOUT_VERSION_MIN} to \
         {LAYOUT_VERSION}; index it again"
    )]
    Version {
        /// The profile.
        profile: String,
        /// Version of its index.
        found: u32,
    },
    /// Parts of an index contradict each other.
    #[error("the index is damaged: {what}; index the profile again")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A bug of this program was met.
    #[error("a bug of this program was met while indexing it: {what}")]
    Panicked {
        /// What the panic said.
        what: String,
    },
    /// Whoever asked does not want the answer any more.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed first.
    #[error("the deadline passed before the answer was complete; ask for less, or allow more time")]
    Deadline,
    /// Not a regular expression, or one that compiles to too much.
    #[error("`{pattern}` is not a usable regular expression: {reason}")]
    Regex {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Sums over different numbers of runs say nothing about each other.
    #[error(
        "cannot compare {base} base runs with {new} new ones; give both sides the same number, at least one"
    )]
    UnevenSides {
        /// Runs of the base side.
        base: usize,
        /// Runs of the new side.
        new: usize,
    },
}
