//! The filters of `AllocationList`: each adds one condition to the plan.

use bytehound_index::{BacktraceSet, Bound, Pattern, Predicate, Share};
use rhai::{Array, Dynamic};

use crate::allocation_list::AllocationList;
use crate::backtrace_ids::backtrace_ids;
use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::map_ids::map_ids;
use crate::span::Span;
use crate::text::type_name;

use Bound::{AtLeast, AtMost, LessThan, MoreThan};

/// A filter by its name, the condition that its argument makes, and its meaning.
pub(crate) struct Filter<A, P = Predicate> {
    pub(crate) name: &'static str,
    pub(crate) predicate: fn(A) -> P,
    pub(crate) meaning: &'static str,
}

pub(crate) const fn filter<A, P>(
    name: &'static str,
    predicate: fn(A) -> P,
    meaning: &'static str,
) -> Filter<A, P> {
    Filter { name, predicate, meaning }
}

/// Negative numbers are taken as the huge unsigned ones with the same bits.
const INTEGER_FILTERS: [Filter<u64>; 23] = [
    filter("only_larger", |n| Predicate::Size(MoreThan(n)), "Size more than `threshold`."),
    filter("only_larger_or_equal", |n| Predicate::Size(AtLeast(n)), "Size at least `threshold`."),
    filter("only_smaller", |n| Predicate::Size(LessThan(n)), "Size less than `threshold`."),
    filter("only_smaller_or_equal", |n| Predicate::Size(AtMost(n)), "Size at most `threshold`."),
    filter(
        "only_first_size_larger",
        |n| Predicate::FirstSize(MoreThan(n)),
        "First size in its chain more than `threshold`.",
    ),
    filter(
        "only_first_size_larger_or_equal",
        |n| Predicate::FirstSize(AtLeast(n)),
        "First size in its chain at least `threshold`.",
    ),
    filter(
        "only_first_size_smaller",
        |n| Predicate::FirstSize(LessThan(n)),
        "First size in its chain less than `threshold`.",
    ),
    filter(
        "only_first_size_smaller_or_equal",
        |n| Predicate::FirstSize(AtMost(n)),
        "First size in its chain at most `threshold`.",
    ),
    filter(
        "only_last_size_larger",
        |n| Predicate::LastSize(MoreThan(n)),
        "Last size in its chain more than `threshold`.",
    ),
    filter(
        "only_last_size_larger_or_equal",
        |n| Predicate::LastSize(AtLeast(n)),
        "Last size in its chain at least `threshold`.",
    ),
    filter(
        "only_last_size_smaller",
        |n| Predicate::LastSize(LessThan(n)),
        "Last size in its chain less than `threshold`.",
    ),
    filter(
        "only_last_size_smaller_or_equal",
        |n| Predicate::LastSize(AtMost(n)),
        "Last size in its chain at most `threshold`.",
    ),
    filter("only_address_at_least", |n| Predicate::Address(AtLeast(n)), "Address `threshold` or above."),
    filter("only_address_at_most", |n| Predicate::Address(AtMost(n)), "Address `threshold` or below."),
    filter(
        "only_backtrace_length_at_least",
        |n| Predicate::BacktraceLength(AtLeast(n)),
        "At least `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_backtrace_length_at_most",
        |n| Predicate::BacktraceLength(AtMost(n)),
        "At most `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_chain_length_at_least",
        |n| Predicate::ChainLength(AtLeast(n)),
        "In a chain of at least `threshold` allocations.",
    ),
    filter(
        "only_chain_length_at_most",
        |n| Predicate::ChainLength(AtMost(n)),
        "In a chain of at most `threshold` allocations.",
    ),
    filter(
        "only_position_in_chain_at_least",
        |n| Predicate::ChainPosition(AtLeast(n)),
        "At least `threshold` allocations of its chain came before it.",
    ),
    filter(
        "only_position_in_chain_at_most",
        |n| Predicate::ChainPosition(AtMost(n)),
        "At most `threshold` allocations of its chain came before it.",
    ),
    filter(
        "only_group_allocations_at_least",
        |n| Predicate::GroupAllocations(AtLeast(n)),
        "Its backtrace made at least `threshold` allocations in the whole data file.",
    ),
    filter(
        "only_group_allocations_at_most",
        |n| Predicate::GroupAllocations(AtMost(n)),
        "Its backtrace made at most `threshold` allocations in the whole data file.",
    ),
    filter("only_with_marker", marker, "Allocated while the marker `threshold` was in force."),
];

const DURATION_FILTERS: [Filter<u64>; 13] = [
    filter(
        "only_allocated_after_at_least",
        |t| Predicate::Allocated(AtLeast(t)),
        "Allocated at `duration` or later.",
    ),
    filter(
        "only_allocated_until_at_most",
        |t| Predicate::Allocated(AtMost(t)),
        "Allocated at `duration` or earlier.",
    ),
    filter(
        "only_deallocated_after_at_least",
        |t| Predicate::Deallocated(AtLeast(t)),
        "Freed, at `duration` or later.",
    ),
    filter(
        "only_deallocated_until_at_most",
        |t| Predicate::Deallocated(AtMost(t)),
        "Freed, at `duration` or earlier.",
    ),
    filter(
        "only_leaked_or_deallocated_after",
        Predicate::LeakedOrDeallocatedAfter,
        "Never freed, or freed after `duration`.",
    ),
    filter(
        "only_alive_for_at_least",
        |t| Predicate::Lifetime(AtLeast(t)),
        "Lived for `duration` or longer; what was never freed lived until the end.",
    ),
    filter("only_alive_for_at_most", |t| Predicate::Lifetime(AtMost(t)), "Lived for `duration` or shorter."),
    filter(
        "only_chain_alive_for_at_least",
        |t| Predicate::ChainLifetime(AtLeast(t)),
        "Its whole chain of reallocations lived for `duration` or longer.",
    ),
    filter(
        "only_chain_alive_for_at_most",
        |t| Predicate::ChainLifetime(AtMost(t)),
        "Its whole chain of reallocations lived for `duration` or shorter.",
    ),
    filter(
        "only_group_interval_at_least",
        |t| Predicate::GroupInterval(AtLeast(t)),
        "From the first to the last allocation of its backtrace took `duration` or longer.",
    ),
    filter(
        "only_group_interval_at_most",
        |t| Predicate::GroupInterval(AtMost(t)),
        "From the first to the last allocation of its backtrace took `duration` or shorter.",
    ),
    filter(
        "only_group_max_total_usage_first_seen_at_least",
        |t| Predicate::GroupPeakAt(AtLeast(t)),
        "The memory of its backtrace first reached its largest at `duration` or later.",
    ),
    filter(
        "only_group_max_total_usage_first_seen_at_most",
        |t| Predicate::GroupPeakAt(AtMost(t)),
        "The memory of its backtrace first reached its largest at `duration` or earlier.",
    ),
];

const PLAIN_FILTERS: [Filter<()>; 9] = [
    filter("only_leaked", |()| Predicate::Leaked, "Never freed."),
    filter("only_temporary", |()| Predicate::Temporary, "Freed at some time."),
    filter(
        "only_chain_leaked",
        |()| Predicate::ChainLeaked,
        "The last allocation of its chain was never freed.",
    ),
    filter("only_ptmalloc_mmaped", |()| Predicate::PtmallocMmaped, "glibc gave it a mapping of its own."),
    filter(
        "only_ptmalloc_not_mmaped",
        |()| Predicate::PtmallocNotMmaped,
        "From glibc, without a mapping of its own.",
    ),
    filter(
        "only_ptmalloc_from_main_arena",
        |()| Predicate::PtmallocFromMainArena,
        "From the main arena of glibc.",
    ),
    filter(
        "only_ptmalloc_not_from_main_arena",
        |()| Predicate::PtmallocNotFromMainArena,
        "From another arena of glibc.",
    ),
    filter("only_jemalloc", |()| Predicate::Jemalloc, "From jemalloc."),
    filter("only_not_jemalloc", |()| Predicate::NotJemalloc, "Not from jemalloc."),
];

const REGEX_FILTERS: [Filter<Pattern>; 4] = [
    filter(
        "only_passing_through_function",
        Predicate::PassingThroughFunction,
        "Some frame's function matches `regex`, in the syntax of Rust's `regex` crate.",
    ),
    filter(
        "only_not_passing_through_function",
        Predicate::NotPassingThroughFunction,
        "No frame's function matches `regex`.",
    ),
    filter(
        "only_passing_through_source",
        Predicate::PassingThroughSource,
        "The path of some frame's source file matches `regex`.",
    ),
    filter(
        "only_not_passing_through_source",
        Predicate::NotPassingThroughSource,
        "No path of a frame's source file matches `regex`.",
    ),
];

const BACKTRACE_FILTERS: [Filter<BacktraceSet>; 4] = [
    filter("only_matching_backtraces", Predicate::Backtraces, "Allocated at one of these backtraces."),
    filter(
        "only_not_matching_backtraces",
        Predicate::NotBacktraces,
        "Allocated at none of these backtraces.",
    ),
    filter(
        "only_matching_deallocation_backtraces",
        Predicate::DeallocationBacktraces,
        "Freed, at one of these backtraces.",
    ),
    filter(
        "only_not_matching_deallocation_backtraces",
        Predicate::NotDeallocationBacktraces,
        "Never freed, or freed at none of these backtraces.",
    ),
];

/// Markers have 32 bits.
fn marker(value: u64) -> Predicate {
    match u32::try_from(value) {
        Ok(marker) => Predicate::Marker(marker),
        // A size can't be less than nothing.
        Err(_) => Predicate::Size(LessThan(0)),
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.section("AllocationList");
    for Filter { name, predicate, meaning } in INTEGER_FILTERS {
        library.operator(
            name,
            "(threshold: Integer) -> AllocationList",
            meaning,
            move |list: &mut AllocationList, n: i64| list.filtered(predicate(n.cast_unsigned())),
        );
    }
    for Filter { name, predicate, meaning } in DURATION_FILTERS {
        library.operator(
            name,
            "(duration: Duration) -> AllocationList",
            meaning,
            move |list: &mut AllocationList, span: Span| list.filtered(predicate(span.0)),
        );
    }
    for Filter { name, predicate, meaning } in PLAIN_FILTERS {
        library.operator(name, "() -> AllocationList", meaning, move |list: &mut AllocationList| {
            list.filtered(predicate(()))
        });
    }
    for Filter { name, predicate, meaning } in REGEX_FILTERS {
        library.operator(
            name,
            "(regex: String) -> AllocationList",
            meaning,
            move |list: &mut AllocationList, regex: &str| -> Answer<AllocationList> {
                Ok(list.filtered(predicate(compile(regex)?)))
            },
        );
    }
    for Filter { name, predicate, meaning } in BACKTRACE_FILTERS {
        library.operator(
            name,
            "(backtrace_ids: Backtrace|AllocationList|MapList|AllocationGroupList|Integer|[…]) -> AllocationList",
            meaning,
            move |list: &mut AllocationList, ids: Dynamic| -> Answer<AllocationList> {
                Ok(list.filtered(predicate(backtrace_ids(list.profile(), &ids)?)))
            },
        );
    }
    register_alive_at(library);
    register_group_leaks(library);
    library.define(
        "only_from_maps(map_ids: Map|MapList|Integer|[…]) -> AllocationList",
        "Made where one of these maps was at that moment.",
        |list: &mut AllocationList, ids: Dynamic| -> Answer<AllocationList> {
            Ok(list.filtered(Predicate::FromMaps(map_ids(list.profile(), &ids)?)))
        },
    );
}

fn register_alive_at(library: &mut Library<'_>) {
    library.define(
        "only_alive_at(durations: [Duration]) -> AllocationList",
        "Alive at each of these times: allocated at or before it, and not freed until after it.",
        |list: &mut AllocationList, durations: Dynamic| -> Answer<AllocationList> {
            Ok(list.filtered(Predicate::AliveAt(instants(&durations)?)))
        },
    );
}

/// The times that an array of durations names.
pub(crate) fn instants(durations: &Dynamic) -> Result<Vec<u64>, Failure> {
    let array = durations.read_lock::<Array>().ok_or_else(|| Failure::NotDurations(type_name(durations)))?;
    let instant = |value: &Dynamic| match value.read_lock::<Span>() {
        Some(span) => Ok(span.0),
        None => Err(Failure::NotDurations(format!("an array with {}", type_name(value)))),
    };
    array.iter().map(instant).collect()
}

fn register_group_leaks(library: &mut Library<'_>) {
    library.define(
        "only_group_leaked_allocations_at_least(threshold: Integer|Float) -> AllocationList",
        "Of its backtrace at least so many allocations leaked; a Float is a share of them, `0.5` being half.",
        |list: &mut AllocationList, n: i64| list.filtered(Predicate::GroupLeaked(AtLeast(n.cast_unsigned()))),
    );
    library.overload("only_group_leaked_allocations_at_least", |list: &mut AllocationList, share: f64| {
        list.filtered(Predicate::GroupLeakedShareAtLeast(Share(share)))
    });
    library.define(
        "only_group_leaked_allocations_at_most(threshold: Integer|Float) -> AllocationList",
        "Of its backtrace at most so many allocations leaked; a Float is a share of them.",
        |list: &mut AllocationList, n: i64| list.filtered(Predicate::GroupLeaked(AtMost(n.cast_unsigned()))),
    );
    library.overload("only_group_leaked_allocations_at_most", |list: &mut AllocationList, share: f64| {
        list.filtered(Predicate::GroupLeakedShareAtMost(Share(share)))
    });
}

/// The regular expression of a filter.
pub(crate) fn compile(regex: &str) -> Result<Pattern, Failure> {
    Pattern::new(regex).map_err(|error| Failure::Regex(error.to_string()))
}
