//! The filters of `MapList`.

use bytehound_index::{BacktraceSet, Bound, MapPredicate, Pattern};
use rhai::Dynamic;

use crate::backtrace_ids::backtrace_ids;
use crate::failure::Answer;
use crate::filters::{Filter, compile, filter, instants};
use crate::library::Library;
use crate::map_list::MapList;
use crate::span::Span;

use Bound::{AtLeast, AtMost, LessThan, MoreThan};

type MapFilter<A> = Filter<A, MapPredicate>;

/// Negative numbers are taken as the huge unsigned ones with the same bits.
const INTEGER_FILTERS: [MapFilter<u64>; 10] = [
    filter("only_larger", |n| MapPredicate::Size(MoreThan(n)), "Size more than `threshold`."),
    filter("only_larger_or_equal", |n| MapPredicate::Size(AtLeast(n)), "Size at least `threshold`."),
    filter("only_smaller", |n| MapPredicate::Size(LessThan(n)), "Size less than `threshold`."),
    filter("only_smaller_or_equal", |n| MapPredicate::Size(AtMost(n)), "Size at most `threshold`."),
    filter("only_address_at_least", |n| MapPredicate::Address(AtLeast(n)), "Begins at `threshold` or above."),
    filter("only_address_at_most", |n| MapPredicate::Address(AtMost(n)), "Begins at `threshold` or below."),
    filter(
        "only_backtrace_length_at_least",
        |n| MapPredicate::BacktraceLength(AtLeast(n)),
        "Has a backtrace of at least `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_backtrace_length_at_most",
        |n| MapPredicate::BacktraceLength(AtMost(n)),
        "Has a backtrace of at most `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_peak_rss_at_least",
        |n| MapPredicate::PeakRss(AtLeast(n)),
        "At least `threshold` bytes of it were in memory at once.",
    ),
    filter(
        "only_peak_rss_at_most",
        |n| MapPredicate::PeakRss(AtMost(n)),
        "Never more than `threshold` bytes of it were in memory at once.",
    ),
];

const DURATION_FILTERS: [MapFilter<u64>; 7] = [
    filter(
        "only_allocated_after_at_least",
        |t| MapPredicate::Mapped(AtLeast(t)),
        "Mapped at `duration` or later.",
    ),
    filter(
        "only_allocated_until_at_most",
        |t| MapPredicate::Mapped(AtMost(t)),
        "Mapped at `duration` or earlier.",
    ),
    filter(
        "only_deallocated_after_at_least",
        |t| MapPredicate::Unmapped(AtLeast(t)),
        "Unmapped, at `duration` or later.",
    ),
    filter(
        "only_deallocated_until_at_most",
        |t| MapPredicate::Unmapped(AtMost(t)),
        "Unmapped, at `duration` or earlier.",
    ),
    filter(
        "only_leaked_or_deallocated_after",
        MapPredicate::LeakedOrUnmappedAfter,
        "Never unmapped, or unmapped after `duration`.",
    ),
    filter(
        "only_alive_for_at_least",
        |t| MapPredicate::Lifetime(AtLeast(t)),
        "Lived for `duration` or longer; what was never unmapped lived until the end.",
    ),
    filter(
        "only_alive_for_at_most",
        |t| MapPredicate::Lifetime(AtMost(t)),
        "Lived for `duration` or shorter.",
    ),
];

const PLAIN_FILTERS: [MapFilter<()>; 12] = [
    filter("only_leaked", |()| MapPredicate::Leaked, "Never unmapped."),
    filter("only_temporary", |()| MapPredicate::Temporary, "Unmapped at some time."),
    filter("only_jemalloc", |()| MapPredicate::Jemalloc(true), "Mapped by jemalloc."),
    filter("only_not_jemalloc", |()| MapPredicate::Jemalloc(false), "Not mapped by jemalloc."),
    filter("only_bytehound", |()| MapPredicate::Bytehound(true), "Mapped by Bytehound itself."),
    filter("only_not_bytehound", |()| MapPredicate::Bytehound(false), "Not mapped by Bytehound itself."),
    filter("only_readable", |()| MapPredicate::Readable(true), "Mapped readable."),
    filter("only_not_readable", |()| MapPredicate::Readable(false), "Mapped not readable."),
    filter("only_writable", |()| MapPredicate::Writable(true), "Mapped writable."),
    filter("only_not_writable", |()| MapPredicate::Writable(false), "Mapped not writable."),
    filter("only_executable", |()| MapPredicate::Executable(true), "Mapped executable."),
    filter("only_not_executable", |()| MapPredicate::Executable(false), "Mapped not executable."),
];

const REGEX_FILTERS: [MapFilter<Pattern>; 4] = [
    filter(
        "only_passing_through_function",
        MapPredicate::PassingThroughFunction,
        "Some frame's function matches `regex`, in the syntax of Rust's `regex` crate.",
    ),
    filter(
        "only_not_passing_through_function",
        MapPredicate::NotPassingThroughFunction,
        "Has a backtrace, and no frame's function matches `regex`.",
    ),
    filter(
        "only_passing_through_source",
        MapPredicate::PassingThroughSource,
        "The path of some frame's source file matches `regex`.",
    ),
    filter(
        "only_not_passing_through_source",
        MapPredicate::NotPassingThroughSource,
        "Has a backtrace, and no path of a frame's source file matches `regex`.",
    ),
];

const BACKTRACE_FILTERS: [MapFilter<BacktraceSet>; 4] = [
    filter("only_matching_backtraces", MapPredicate::Backtraces, "Mapped at one of these backtraces."),
    filter(
        "only_not_matching_backtraces",
        MapPredicate::NotBacktraces,
        "Mapped at none of these backtraces, or it is not known where.",
    ),
    filter(
        "only_matching_deallocation_backtraces",
        MapPredicate::UnmapBacktraces,
        "Unmapped, at one of these backtraces.",
    ),
    filter(
        "only_not_matching_deallocation_backtraces",
        MapPredicate::NotUnmapBacktraces,
        "Never unmapped, or at none of these backtraces.",
    ),
];

pub(crate) fn register(library: &mut Library<'_>) {
    library.section("MapList");
    for Filter { name, predicate, meaning } in INTEGER_FILTERS {
        library.operator(
            name,
            "(threshold: Integer) -> MapList",
            meaning,
            move |list: &mut MapList, n: i64| -> Answer<MapList> {
                Ok(list.filtered(&predicate(n.cast_unsigned()))?)
            },
        );
    }
    for Filter { name, predicate, meaning } in DURATION_FILTERS {
        library.operator(
            name,
            "(duration: Duration) -> MapList",
            meaning,
            move |list: &mut MapList, span: Span| -> Answer<MapList> {
                Ok(list.filtered(&predicate(span.0))?)
            },
        );
    }
    for Filter { name, predicate, meaning } in PLAIN_FILTERS {
        library.operator(name, "() -> MapList", meaning, move |list: &mut MapList| -> Answer<MapList> {
            Ok(list.filtered(&predicate(()))?)
        });
    }
    for Filter { name, predicate, meaning } in REGEX_FILTERS {
        library.operator(
            name,
            "(regex: String) -> MapList",
            meaning,
            move |list: &mut MapList, regex: &str| -> Answer<MapList> {
                Ok(list.filtered(&predicate(compile(regex)?))?)
            },
        );
    }
    register_backtraces(library);
    library.define(
        "only_alive_at(durations: [Duration]) -> MapList",
        "Alive at each of these times: mapped at or before it, and not unmapped until after it.",
        |list: &mut MapList, durations: Dynamic| -> Answer<MapList> {
            Ok(list.filtered(&MapPredicate::AliveAt(instants(&durations)?))?)
        },
    );
}

fn register_backtraces(library: &mut Library<'_>) {
    for Filter { name, predicate, meaning } in BACKTRACE_FILTERS {
        library.operator(
            name,
            "(backtrace_ids: Backtrace|AllocationList|MapList|AllocationGroupList|Integer|[…]) -> MapList",
            meaning,
            move |list: &mut MapList, ids: Dynamic| -> Answer<MapList> {
                Ok(list.filtered(&predicate(backtrace_ids(list.profile(), &ids)?))?)
            },
        );
    }
}
