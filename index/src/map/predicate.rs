//! One condition on a map, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BacktraceSet, Bound, Pattern};

/// What one filter asks of a map.
///
/// Instants are µs after T0, the start of the profile; durations are µs. What was never unmapped lives until T1. A map
/// that is older than the capture, or was not made by a call that was seen, has no backtrace: conditions on the length
/// of backtraces and on their frames leave it out, also those that name what is not wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MapPredicate {
    /// Bytes when it was mapped.
    Size(Bound),
    /// Where it began then.
    Address(Bound),
    /// When it was mapped.
    Mapped(Bound),
    /// When it was unmapped; what is left at the end never was.
    Unmapped(Bound),
    /// Never unmapped, or after this instant.
    LeakedOrUnmappedAfter(u64),
    /// Mapped at or before each of these instants and not unmapped until after it.
    AliveAt(Vec<u64>),
    /// How long it lived.
    Lifetime(Bound),
    /// Never unmapped.
    Leaked,
    /// Unmapped.
    Temporary,
    /// Mapped at one of these backtraces.
    Backtraces(BacktraceSet),
    /// Mapped at none of these backtraces.
    NotBacktraces(BacktraceSet),
    /// Unmapped at one of these backtraces.
    UnmapBacktraces(BacktraceSet),
    /// Not unmapped at any of these backtraces.
    NotUnmapBacktraces(BacktraceSet),
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
    /// Largest resident memory.
    PeakRss(Bound),
    /// Made by jemalloc, or not.
    Jemalloc(bool),
    /// The capture library's own, or not.
    Bytehound(bool),
    /// Mapped readable, or not.
    Readable(bool),
    /// Mapped writable, or not.
    Writable(bool),
    /// Mapped executable, or not.
    Executable(bool),
}
