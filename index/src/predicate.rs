//! One condition on an allocation, as data.

mod display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BacktraceSet, MapSet, Pattern};

/// What one filter asks of an allocation.
///
/// Instants are µs after T0, the start of the profile; durations are µs. What was never freed lives until T1.
/// "Group" conditions look at all that the capture says of the allocation's backtrace, whatever else is selected.
/// A chain is what `realloc` made of one block; an allocation that was never reallocated is a chain of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Predicate {
    /// Requested size.
    Size(Bound),
    /// Requested size of the first allocation of its chain.
    FirstSize(Bound),
    /// Requested size of the last allocation of its chain.
    LastSize(Bound),
    /// Address of the block.
    Address(Bound),
    /// When it was allocated.
    Allocated(Bound),
    /// When it was freed; what leaked never was.
    Deallocated(Bound),
    /// Never freed, or freed after this instant.
    LeakedOrDeallocatedAfter(u64),
    /// Allocated at or before each of these instants and not freed until after it.
    AliveAt(Vec<u64>),
    /// How long it lived.
    Lifetime(Bound),
    /// Never freed.
    Leaked,
    /// Freed.
    Temporary,
    /// How many allocations its chain has.
    ChainLength(Bound),
    /// From the first allocation of its chain until the last was freed.
    ChainLifetime(Bound),
    /// How many allocations of its chain came before it.
    ChainPosition(Bound),
    /// The last allocation of its chain was never freed.
    ChainLeaked,
    /// Allocated at one of these backtraces.
    Backtraces(BacktraceSet),
    /// Allocated at none of these backtraces.
    NotBacktraces(BacktraceSet),
    /// Freed at one of these backtraces.
    DeallocationBacktraces(BacktraceSet),
    /// Not freed at any of these backtraces.
    NotDeallocationBacktraces(BacktraceSet),
    /// Frames of its backtrace, inline ones included.
    BacktraceLength(Bound),
    /// A frame's function (demangled, else raw) matches.
    PassingThroughFunction(Pattern),
    /// No frame's function matches.
    NotPassingThroughFunction(Pattern),
    /// The path of a frame's source file matches.
    PassingThroughSource(Pattern),
    /// No path of a frame's source file matches.
    NotPassingThroughSource(Pattern),
    /// Both the function and the source file of one and the same frame match.
    PassingThroughFrame {
        /// On the function.
        function: Pattern,
        /// On the path of the source file.
        source: Pattern,
    },
    /// Allocations of its backtrace kept in the capture.
    GroupAllocations(Bound),
    /// From the first to the last allocation of its backtrace.
    GroupInterval(Bound),
    /// Allocations of its backtrace never freed.
    GroupLeaked(Bound),
    /// At least this share of its backtrace's allocations was never freed.
    GroupLeakedShareAtLeast(Share),
    /// At most this share of its backtrace's allocations was never freed.
    GroupLeakedShareAtMost(Share),
    /// When its backtrace's memory first reached its largest.
    GroupPeakAt(Bound),
    /// glibc gave the chunk a mapping of its own.
    PtmallocMmaped,
    /// From glibc, in no mapping of its own.
    PtmallocNotMmaped,
    /// From the main arena of glibc.
    PtmallocFromMainArena,
    /// From another arena of glibc.
    PtmallocNotFromMainArena,
    /// From jemalloc.
    Jemalloc,
    /// Not from jemalloc.
    NotJemalloc,
    /// This marker was in force when it was allocated.
    Marker(u32),
    /// Allocated by the thread with this kernel id.
    Thread(u32),
    /// Allocated where one of these maps was at that moment.
    FromMaps(MapSet),
}

/// One side of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `≥`
    AtLeast(u64),
    /// `≤`
    AtMost(u64),
    /// `>`
    MoreThan(u64),
    /// `<`
    LessThan(u64),
}

/// A share of a number: 1.0 is all of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Share(pub f64);

impl Share {
    /// That share of `count`, rounded down.
    #[must_use]
    pub fn of(self, count: u64) -> u64 {
        (count as f64 * self.0) as u64
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Share {}

impl std::hash::Hash for Share {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}
