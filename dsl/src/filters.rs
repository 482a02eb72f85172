//! The filters of `AllocationList`: each adds one condition to the plan.

use bytehound_index::{Bound, Predicate, Share};
use rhai::Dynamic;

use crate::allocation_list::AllocationList;
use crate::failure::Answer;
use crate::filter::{self, A_BACKTRACE, By, Filter, TWO_TIMES, filter};
use crate::library::Library;
use crate::list::List;
use crate::map_ids::map_ids;

use Bound::{AtLeast, AtMost, LessThan, MoreThan};
use Predicate::*;

const FILTERS: [Filter<Predicate>; 54] = [
    filter("only_larger", "kb(4)", By::Integer(|n| Size(MoreThan(n))), "Size more than `threshold`."),
    filter("only_larger_or_equal", "kb(4)", By::Integer(|n| Size(AtLeast(n))), "Size at least `threshold`."),
    filter("only_smaller", "kb(4)", By::Integer(|n| Size(LessThan(n))), "Size less than `threshold`."),
    filter("only_smaller_or_equal", "kb(4)", By::Integer(|n| Size(AtMost(n))), "Size at most `threshold`."),
    filter(
        "only_first_size_larger",
        "64",
        By::Integer(|n| FirstSize(MoreThan(n))),
        "First size in its chain more than `threshold`.",
    ),
    filter(
        "only_first_size_larger_or_equal",
        "64",
        By::Integer(|n| FirstSize(AtLeast(n))),
        "First size in its chain at least `threshold`.",
    ),
    filter(
        "only_first_size_smaller",
        "64",
        By::Integer(|n| FirstSize(LessThan(n))),
        "First size in its chain less than `threshold`.",
    ),
    filter(
        "only_first_size_smaller_or_equal",
        "64",
        By::Integer(|n| FirstSize(AtMost(n))),
        "First size in its chain at most `threshold`.",
    ),
    filter(
        "only_last_size_larger",
        "64",
        By::Integer(|n| LastSize(MoreThan(n))),
        "Last size in its chain more than `threshold`.",
    ),
    filter(
        "only_last_size_larger_or_equal",
        "64",
        By::Integer(|n| LastSize(AtLeast(n))),
        "Last size in its chain at least `threshold`.",
    ),
    filter(
        "only_last_size_smaller",
        "64",
        By::Integer(|n| LastSize(LessThan(n))),
        "Last size in its chain less than `threshold`.",
    ),
    filter(
        "only_last_size_smaller_or_equal",
        "64",
        By::Integer(|n| LastSize(AtMost(n))),
        "Last size in its chain at most `threshold`.",
    ),
    filter(
        "only_address_at_least",
        "0x7f0000000000",
        By::Integer(|n| Address(AtLeast(n))),
        "Address `threshold` or above.",
    ),
    filter(
        "only_address_at_most",
        "0x7f0000000000",
        By::Integer(|n| Address(AtMost(n))),
        "Address `threshold` or below.",
    ),
    filter(
        "only_backtrace_length_at_least",
        "5",
        By::Integer(|n| BacktraceLength(AtLeast(n))),
        "At least `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_backtrace_length_at_most",
        "5",
        By::Integer(|n| BacktraceLength(AtMost(n))),
        "At most `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_chain_length_at_least",
        "2",
        By::Integer(|n| ChainLength(AtLeast(n))),
        "In a chain of at least `threshold` allocations.",
    ),
    filter(
        "only_chain_length_at_most",
        "2",
        By::Integer(|n| ChainLength(AtMost(n))),
        "In a chain of at most `threshold` allocations.",
    ),
    filter(
        "only_position_in_chain_at_least",
        "1",
        By::Integer(|n| ChainPosition(AtLeast(n))),
        "At least `threshold` allocations of its chain came before it.",
    ),
    filter(
        "only_position_in_chain_at_most",
        "1",
        By::Integer(|n| ChainPosition(AtMost(n))),
        "At most `threshold` allocations of its chain came before it.",
    ),
    filter(
        "only_group_allocations_at_least",
        "100",
        By::Integer(|n| GroupAllocations(AtLeast(n))),
        "Its backtrace made at least `threshold` allocations in the whole data file.",
    ),
    filter(
        "only_group_allocations_at_most",
        "100",
        By::Integer(|n| GroupAllocations(AtMost(n))),
        "Its backtrace made at most `threshold` allocations in the whole data file.",
    ),
    filter(
        "only_with_marker",
        "1",
        By::Integer(marker),
        "Allocated while the marker `threshold` was in force.",
    ),
    filter(
        "only_allocated_after_at_least",
        "data().runtime() * 0.5",
        By::Duration(|t| Allocated(AtLeast(t))),
        "Allocated at `duration` or later.",
    ),
    filter(
        "only_allocated_until_at_most",
        "data().runtime() * 0.5",
        By::Duration(|t| Allocated(AtMost(t))),
        "Allocated at `duration` or earlier.",
    ),
    filter(
        "only_deallocated_after_at_least",
        "data().runtime() * 0.5",
        By::Duration(|t| Deallocated(AtLeast(t))),
        "Freed, at `duration` or later.",
    ),
    filter(
        "only_deallocated_until_at_most",
        "data().runtime() * 0.5",
        By::Duration(|t| Deallocated(AtMost(t))),
        "Freed, at `duration` or earlier.",
    ),
    filter(
        "only_leaked_or_deallocated_after",
        "data().runtime() * 0.5",
        By::Duration(LeakedOrDeallocatedAfter),
        "Never freed, or freed after `duration`.",
    ),
    filter(
        "only_alive_for_at_least",
        "ms(10)",
        By::Duration(|t| Lifetime(AtLeast(t))),
        "Lived for `duration` or longer; what was never freed lived until the end.",
    ),
    filter(
        "only_alive_for_at_most",
        "ms(10)",
        By::Duration(|t| Lifetime(AtMost(t))),
        "Lived for `duration` or shorter.",
    ),
    filter(
        "only_chain_alive_for_at_least",
        "ms(10)",
        By::Duration(|t| ChainLifetime(AtLeast(t))),
        "Its whole chain of reallocations lived for `duration` or longer.",
    ),
    filter(
        "only_chain_alive_for_at_most",
        "ms(10)",
        By::Duration(|t| ChainLifetime(AtMost(t))),
        "Its whole chain of reallocations lived for `duration` or shorter.",
    ),
    filter(
        "only_group_interval_at_least",
        "ms(10)",
        By::Duration(|t| GroupInterval(AtLeast(t))),
        "From the first to the last allocation of its backtrace took `duration` or longer.",
    ),
    filter(
        "only_group_interval_at_most",
        "ms(10)",
        By::Duration(|t| GroupInterval(AtMost(t))),
        "From the first to the last allocation of its backtrace took `duration` or shorter.",
    ),
    filter(
        "only_group_max_total_usage_first_seen_at_least",
        "data().runtime() * 0.5",
        By::Duration(|t| GroupPeakAt(AtLeast(t))),
        "The memory of its backtrace first reached its largest at `duration` or later.",
    ),
    filter(
        "only_group_max_total_usage_first_seen_at_most",
        "data().runtime() * 0.5",
        By::Duration(|t| GroupPeakAt(AtMost(t))),
        "The memory of its backtrace first reached its largest at `duration` or earlier.",
    ),
    filter("only_leaked", "", By::Nothing(|| Leaked), "Never freed."),
    filter("only_temporary", "", By::Nothing(|| Temporary), "Freed at some time."),
    filter(
        "only_chain_leaked",
        "",
        By::Nothing(|| ChainLeaked),
        "The last allocation of its chain was never freed.",
    ),
    filter("only_ptmalloc_mmaped", "", By::Nothing(|| PtmallocMmaped), "glibc gave it a mapping of its own."),
    filter(
        "only_ptmalloc_not_mmaped",
        "",
        By::Nothing(|| PtmallocNotMmaped),
        "From glibc, without a mapping of its own.",
    ),
    filter(
        "only_ptmalloc_from_main_arena",
        "",
        By::Nothing(|| PtmallocFromMainArena),
        "From the main arena of glibc.",
    ),
    filter(
        "only_ptmalloc_not_from_main_arena",
        "",
        By::Nothing(|| PtmallocNotFromMainArena),
        "From another arena of glibc.",
    ),
    filter("only_jemalloc", "", By::Nothing(|| Jemalloc), "From jemalloc."),
    filter("only_not_jemalloc", "", By::Nothing(|| NotJemalloc), "Not from jemalloc."),
    filter(
        "only_passing_through_function",
        "\"^main$\"",
        By::Regex(PassingThroughFunction),
        "Some frame's function matches `regex`, in the syntax of Rust's `regex` crate.",
    ),
    filter(
        "only_not_passing_through_function",
        "\"^main$\"",
        By::Regex(NotPassingThroughFunction),
        "No frame's function matches `regex`.",
    ),
    filter(
        "only_passing_through_source",
        "\".*[.]rs$\"",
        By::Regex(PassingThroughSource),
        "The path of some frame's source file matches `regex`.",
    ),
    filter(
        "only_not_passing_through_source",
        "\".*[.]rs$\"",
        By::Regex(NotPassingThroughSource),
        "No path of a frame's source file matches `regex`.",
    ),
    filter(
        "only_matching_backtraces",
        A_BACKTRACE,
        By::Backtraces(Backtraces),
        "Allocated at one of these backtraces.",
    ),
    filter(
        "only_not_matching_backtraces",
        A_BACKTRACE,
        By::Backtraces(NotBacktraces),
        "Allocated at none of these backtraces.",
    ),
    filter(
        "only_matching_deallocation_backtraces",
        A_BACKTRACE,
        By::Backtraces(DeallocationBacktraces),
        "Freed, at one of these backtraces.",
    ),
    filter(
        "only_not_matching_deallocation_backtraces",
        A_BACKTRACE,
        By::Backtraces(NotDeallocationBacktraces),
        "Never freed, or freed at none of these backtraces.",
    ),
    filter(
        "only_alive_at",
        TWO_TIMES,
        By::Instants(AliveAt),
        "Alive at each of these times: allocated at or before it, and not freed until after it.",
    ),
];

pub(crate) fn register(library: &mut Library<'_>) {
    filter::register::<AllocationList>(library, &FILTERS);
    register_group_leaks(library);
    library.define(
        "only_from_maps(map_ids: Map|MapList|Integer|[…]) -> AllocationList",
        "Made where one of these maps was at that moment.",
        "allocations().only_from_maps(maps().only_writable())",
        |list: &mut AllocationList, ids: Dynamic| -> Answer<AllocationList> {
            Ok(list.filtered(FromMaps(map_ids(list.profile(), &ids)?))?)
        },
    );
}

/// Markers have 32 bits.
fn marker(value: u64) -> Predicate {
    match u32::try_from(value) {
        Ok(marker) => Marker(marker),
        // A size can't be less than nothing.
        Err(_) => Size(LessThan(0)),
    }
}

fn register_group_leaks(library: &mut Library<'_>) {
    for (name, meaning, count, share) in [
        (
            "only_group_leaked_allocations_at_least",
            "Of its backtrace at least so many allocations leaked; a Float is a share of them, `0.5` being half.",
            (|n| GroupLeaked(AtLeast(n))) as fn(u64) -> Predicate,
            GroupLeakedShareAtLeast as fn(Share) -> Predicate,
        ),
        (
            "only_group_leaked_allocations_at_most",
            "Of its backtrace at most so many allocations leaked; a Float is a share of them.",
            |n| GroupLeaked(AtMost(n)),
            GroupLeakedShareAtMost,
        ),
    ] {
        library.operator(
            name,
            "(threshold: Integer|Float) -> AllocationList",
            meaning,
            format!("allocations().{name}(0.5)"),
            move |list: &mut AllocationList, n: i64| -> Answer<AllocationList> {
                Ok(list.filtered(count(n.cast_unsigned()))?)
            },
        );
        library.overload(name, move |list: &mut AllocationList, n: f64| -> Answer<AllocationList> {
            Ok(list.filtered(share(Share(n)))?)
        });
    }
}
