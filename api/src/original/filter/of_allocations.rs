//! The filter parameters of allocations, in the order in which a script names them.

use super::instants::Flavour::{From, Length, To};
use super::parameter::{Kind, Parameter, row};
use bytehound_index::{Bound, Predicate, Share};

use Bound::{AtLeast, AtMost};
use Kind::{Alive, Amount, Backtrace, Count, Interval, Map, Moment, Number, Regex, WholeGroup, Word};
use Predicate as P;

pub(super) const PARAMETERS: &[Parameter<Predicate>] = &[
    row("backtrace_depth_min", "only_backtrace_length_at_least", Count(|n| P::BacktraceLength(AtLeast(n)))),
    row("backtrace_depth_max", "only_backtrace_length_at_most", Count(|n| P::BacktraceLength(AtMost(n)))),
    row("backtraces", "only_matching_backtraces", Backtrace(P::Backtraces)),
    row(
        "deallocation_backtraces",
        "only_matching_deallocation_backtraces",
        Backtrace(P::DeallocationBacktraces),
    ),
    row("function_regex", "only_passing_through_function", Regex(P::PassingThroughFunction)),
    row("negative_function_regex", "only_not_passing_through_function", Regex(P::NotPassingThroughFunction)),
    row("source_regex", "only_passing_through_source", Regex(P::PassingThroughSource)),
    row("negative_source_regex", "only_not_passing_through_source", Regex(P::NotPassingThroughSource)),
    row("size_min", "only_larger_or_equal", Number(|n| P::Size(AtLeast(n)))),
    row("size_max", "only_smaller_or_equal", Number(|n| P::Size(AtMost(n)))),
    row("address_min", "only_address_at_least", Number(|n| P::Address(AtLeast(n)))),
    row("address_max", "only_address_at_most", Number(|n| P::Address(AtMost(n)))),
    row("from", "only_allocated_after_at_least", Moment(From, |t| P::Allocated(AtLeast(t)))),
    row("to", "only_allocated_until_at_most", Moment(To, |t| P::Allocated(AtMost(t)))),
    row("lifetime_min", "only_alive_for_at_least", Interval(|t| P::Lifetime(AtLeast(t)))),
    row("lifetime_max", "only_alive_for_at_most", Interval(|t| P::Lifetime(AtMost(t)))),
    row("alive_at", "only_alive_at", Alive(P::AliveAt)),
    row("lifetime", "", Word("all", None)),
    row("lifetime", "only_leaked", Word("only_leaked", Some(P::Leaked))),
    row("lifetime", "only_chain_leaked", Word("only_chain_leaked", Some(P::ChainLeaked))),
    row("lifetime", "only_temporary", Word("only_temporary", Some(P::Temporary))),
    row(
        "lifetime",
        "only_group_leaked_allocations_at_least",
        WholeGroup("only_whole_group_leaked", P::GroupLeakedShareAtLeast(Share(1.0))),
    ),
    row("first_size_min", "only_first_size_larger_or_equal", Number(|n| P::FirstSize(AtLeast(n)))),
    row("first_size_max", "only_first_size_smaller_or_equal", Number(|n| P::FirstSize(AtMost(n)))),
    row("last_size_min", "only_last_size_larger_or_equal", Number(|n| P::LastSize(AtLeast(n)))),
    row("last_size_max", "only_last_size_smaller_or_equal", Number(|n| P::LastSize(AtMost(n)))),
    row("chain_length_min", "only_chain_length_at_least", Count(|n| P::ChainLength(AtLeast(n)))),
    row("chain_length_max", "only_chain_length_at_most", Count(|n| P::ChainLength(AtMost(n)))),
    row("chain_lifetime_min", "only_chain_alive_for_at_least", Interval(|t| P::ChainLifetime(AtLeast(t)))),
    row("chain_lifetime_max", "only_chain_alive_for_at_most", Interval(|t| P::ChainLifetime(AtMost(t)))),
    row("position_in_chain_min", "only_position_in_chain_at_least", Count(|n| P::ChainPosition(AtLeast(n)))),
    row("position_in_chain_max", "only_position_in_chain_at_most", Count(|n| P::ChainPosition(AtMost(n)))),
    row(
        "group_allocations_min",
        "only_group_allocations_at_least",
        Count(|n| P::GroupAllocations(AtLeast(n))),
    ),
    row("group_allocations_max", "only_group_allocations_at_most", Count(|n| P::GroupAllocations(AtMost(n)))),
    row(
        "group_interval_min",
        "only_group_interval_at_least",
        Moment(Length, |t| P::GroupInterval(AtLeast(t))),
    ),
    row("group_interval_max", "only_group_interval_at_most", Moment(Length, |t| P::GroupInterval(AtMost(t)))),
    row(
        "group_leaked_allocations_min",
        "only_group_leaked_allocations_at_least",
        Amount { number: |n| P::GroupLeaked(AtLeast(n)), share: P::GroupLeakedShareAtLeast },
    ),
    row(
        "group_leaked_allocations_max",
        "only_group_leaked_allocations_at_most",
        Amount { number: |n| P::GroupLeaked(AtMost(n)), share: P::GroupLeakedShareAtMost },
    ),
    row(
        "group_max_total_usage_first_seen_min",
        "only_group_max_total_usage_first_seen_at_least",
        Moment(From, |t| P::GroupPeakAt(AtLeast(t))),
    ),
    row(
        "group_max_total_usage_first_seen_max",
        "only_group_max_total_usage_first_seen_at_most",
        Moment(To, |t| P::GroupPeakAt(AtMost(t))),
    ),
    row("marker", "only_with_marker", Count(|n| P::Marker(n as u32))),
    row("from_map", "only_from_maps", Map(P::FromMaps)),
    row("mmaped", "only_ptmalloc_mmaped", Word("yes", Some(P::PtmallocMmaped))),
    row("mmaped", "only_ptmalloc_not_mmaped", Word("no", Some(P::PtmallocNotMmaped))),
    row("arena", "only_ptmalloc_from_main_arena", Word("main", Some(P::PtmallocFromMainArena))),
    row("arena", "only_ptmalloc_not_from_main_arena", Word("non_main", Some(P::PtmallocNotFromMainArena))),
    row("jemalloc", "only_jemalloc", Word("yes", Some(P::Jemalloc))),
    row("jemalloc", "only_not_jemalloc", Word("no", Some(P::NotJemalloc))),
];
