//! What is known of a capture without reading it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answers that every reader of the capture has to give. Times are µs since the start of the capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Allocations, frees and reallocs.
    pub events: u64,
    /// Blocks made; a realloc makes one.
    pub allocations: u64,
    /// Σ of their sizes.
    pub allocated_bytes: u64,
    /// Blocks never freed.
    pub leaked_count: u64,
    /// Σ of their sizes.
    pub leaked_bytes: u64,
    /// The most bytes that were alive at a time.
    pub peak_bytes: u64,
    /// When that was first so.
    pub peak_at_us: u64,
    /// The most blocks that were alive at a time.
    pub peak_live: u64,
    /// When the last event was.
    pub end_us: u64,
    /// What was alive at some moments, all events of these moments included.
    pub moments: Vec<Moment>,
    /// Sums over all stacks with a function that has this word in its name.
    pub by_function: BTreeMap<String, Sums>,
    /// A stack each.
    pub groups: Vec<Group>,
}

/// What was alive at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The moment.
    pub at_us: u64,
    /// Blocks.
    pub live_count: u64,
    /// Σ of their sizes.
    pub live_bytes: u64,
}

/// What some blocks have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// How many they are.
    pub allocations: u64,
    /// Σ of their sizes.
    pub allocated_bytes: u64,
    /// How many were never freed.
    pub leaked_count: u64,
    /// Σ of the sizes of those.
    pub leaked_bytes: u64,
}

/// What was allocated from one stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Return addresses, innermost first.
    pub stack: Vec<u64>,
    /// Words in the names of its functions, of those in [`Answers::by_function`].
    pub through: Vec<String>,
    /// What was.
    #[serde(flatten)]
    pub sums: Sums,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.allocations += other.allocations;
        self.allocated_bytes += other.allocated_bytes;
        self.leaked_count += other.leaked_count;
        self.leaked_bytes += other.leaked_bytes;
    }
}
