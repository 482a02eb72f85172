//! Which filter parameter asks for what: those that need no more than a name and a kind of value.

use bytehound_index::{BacktraceSet, Bound, Pattern, Predicate};

/// Makes the condition of a bound, and the bound of a number.
pub(super) type Build = fn(Bound) -> Predicate;
pub(super) type Side = fn(u64) -> Bound;
pub(super) type OfPattern = fn(Pattern) -> Predicate;
pub(super) type OfBacktraces = fn(BacktraceSet) -> Predicate;

/// Bounds that are plain numbers: the parameter without `_min` or `_max`.
pub(super) const NUMBERS: [(&str, Build); 4] = [
    ("address", Predicate::Address),
    ("size", Predicate::Size),
    ("first_size", Predicate::FirstSize),
    ("last_size", Predicate::LastSize),
];

/// The same, of 32 bits.
pub(super) const COUNTS: [(&str, Build); 4] = [
    ("backtrace_depth", Predicate::BacktraceLength),
    ("group_allocations", Predicate::GroupAllocations),
    ("chain_length", Predicate::ChainLength),
    ("position_in_chain", Predicate::ChainPosition),
];

pub(super) const INTERVALS: [(&str, Build); 2] =
    [("lifetime", Predicate::Lifetime), ("chain_lifetime", Predicate::ChainLifetime)];

pub(super) const REGEXES: [(&str, OfPattern); 4] = [
    ("function_regex", Predicate::PassingThroughFunction),
    ("source_regex", Predicate::PassingThroughSource),
    ("negative_function_regex", Predicate::NotPassingThroughFunction),
    ("negative_source_regex", Predicate::NotPassingThroughSource),
];

pub(super) const CHOICES: [(&str, [(&str, Predicate); 2]); 3] = [
    ("mmaped", [("yes", Predicate::PtmallocMmaped), ("no", Predicate::PtmallocNotMmaped)]),
    (
        "arena",
        [("main", Predicate::PtmallocFromMainArena), ("non_main", Predicate::PtmallocNotFromMainArena)],
    ),
    ("jemalloc", [("yes", Predicate::Jemalloc), ("no", Predicate::NotJemalloc)]),
];

/// What of a lifetime is wanted.
#[derive(Clone, Copy)]
pub(super) enum Lifetime {
    All,
    Leaked,
    ChainLeaked,
    Temporary,
    WholeGroupLeaked,
}

pub(super) const LIFETIMES: [(&str, Lifetime); 5] = [
    ("all", Lifetime::All),
    ("only_leaked", Lifetime::Leaked),
    ("only_chain_leaked", Lifetime::ChainLeaked),
    ("only_temporary", Lifetime::Temporary),
    ("only_whole_group_leaked", Lifetime::WholeGroupLeaked),
];
