//! The filters of `MapList`.

use bytehound_index::{Bound, MapPredicate};

use crate::filter::{self, A_BACKTRACE, By, Filter, TWO_TIMES, filter};
use crate::library::Library;
use crate::map_list::MapList;

use Bound::{AtLeast, AtMost, LessThan, MoreThan};
use MapPredicate::*;

const FILTERS: [Filter<MapPredicate>; 38] = [
    filter("only_larger", "kb(4)", By::Integer(|n| Size(MoreThan(n))), "Size more than `threshold`."),
    filter("only_larger_or_equal", "kb(4)", By::Integer(|n| Size(AtLeast(n))), "Size at least `threshold`."),
    filter("only_smaller", "kb(4)", By::Integer(|n| Size(LessThan(n))), "Size less than `threshold`."),
    filter("only_smaller_or_equal", "kb(4)", By::Integer(|n| Size(AtMost(n))), "Size at most `threshold`."),
    filter(
        "only_address_at_least",
        "0x7f0000000000",
        By::Integer(|n| Address(AtLeast(n))),
        "Begins at `threshold` or above.",
    ),
    filter(
        "only_address_at_most",
        "0x7f0000000000",
        By::Integer(|n| Address(AtMost(n))),
        "Begins at `threshold` or below.",
    ),
    filter(
        "only_backtrace_length_at_least",
        "5",
        By::Integer(|n| BacktraceLength(AtLeast(n))),
        "Has a backtrace of at least `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_backtrace_length_at_most",
        "5",
        By::Integer(|n| BacktraceLength(AtMost(n))),
        "Has a backtrace of at most `threshold` frames, inlined ones included.",
    ),
    filter(
        "only_peak_rss_at_least",
        "mb(1)",
        By::Integer(|n| PeakRss(AtLeast(n))),
        "At least `threshold` bytes of it were in memory at once.",
    ),
    filter(
        "only_peak_rss_at_most",
        "mb(1)",
        By::Integer(|n| PeakRss(AtMost(n))),
        "Never more than `threshold` bytes of it were in memory at once.",
    ),
    filter(
        "only_allocated_after_at_least",
        "data().runtime() * 0.5",
        By::Duration(|t| Mapped(AtLeast(t))),
        "Mapped at `duration` or later.",
    ),
    filter(
        "only_allocated_until_at_most",
        "data().runtime() * 0.5",
        By::Duration(|t| Mapped(AtMost(t))),
        "Mapped at `duration` or earlier.",
    ),
    filter(
        "only_deallocated_after_at_least",
        "data().runtime() * 0.5",
        By::Duration(|t| Unmapped(AtLeast(t))),
        "Unmapped, at `duration` or later.",
    ),
    filter(
        "only_deallocated_until_at_most",
        "data().runtime() * 0.5",
        By::Duration(|t| Unmapped(AtMost(t))),
        "Unmapped, at `duration` or earlier.",
    ),
    filter(
        "only_leaked_or_deallocated_after",
        "data().runtime() * 0.5",
        By::Duration(LeakedOrUnmappedAfter),
        "Never unmapped, or unmapped after `duration`.",
    ),
    filter(
        "only_alive_for_at_least",
        "ms(10)",
        By::Duration(|t| Lifetime(AtLeast(t))),
        "Lived for `duration` or longer; what was never unmapped lived until the end.",
    ),
    filter(
        "only_alive_for_at_most",
        "ms(10)",
        By::Duration(|t| Lifetime(AtMost(t))),
        "Lived for `duration` or shorter.",
    ),
    filter("only_leaked", "", By::Nothing(|| Leaked), "Never unmapped."),
    filter("only_temporary", "", By::Nothing(|| Temporary), "Unmapped at some time."),
    filter("only_jemalloc", "", By::Nothing(|| Jemalloc(true)), "Mapped by jemalloc."),
    filter("only_not_jemalloc", "", By::Nothing(|| Jemalloc(false)), "Not mapped by jemalloc."),
    filter("only_bytehound", "", By::Nothing(|| Bytehound(true)), "Mapped by Bytehound itself."),
    filter("only_not_bytehound", "", By::Nothing(|| Bytehound(false)), "Not mapped by Bytehound itself."),
    filter("only_readable", "", By::Nothing(|| Readable(true)), "Mapped readable."),
    filter("only_not_readable", "", By::Nothing(|| Readable(false)), "Mapped not readable."),
    filter("only_writable", "", By::Nothing(|| Writable(true)), "Mapped writable."),
    filter("only_not_writable", "", By::Nothing(|| Writable(false)), "Mapped not writable."),
    filter("only_executable", "", By::Nothing(|| Executable(true)), "Mapped executable."),
    filter("only_not_executable", "", By::Nothing(|| Executable(false)), "Mapped not executable."),
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
        "Has a backtrace, and no frame's function matches `regex`.",
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
        "Has a backtrace, and no path of a frame's source file matches `regex`.",
    ),
    filter(
        "only_matching_backtraces",
        A_BACKTRACE,
        By::Backtraces(Backtraces),
        "Mapped at one of these backtraces.",
    ),
    filter(
        "only_not_matching_backtraces",
        A_BACKTRACE,
        By::Backtraces(NotBacktraces),
        "Mapped at none of these backtraces, or it is not known where.",
    ),
    filter(
        "only_matching_deallocation_backtraces",
        A_BACKTRACE,
        By::Backtraces(UnmapBacktraces),
        "Unmapped, at one of these backtraces.",
    ),
    filter(
        "only_not_matching_deallocation_backtraces",
        A_BACKTRACE,
        By::Backtraces(NotUnmapBacktraces),
        "Never unmapped, or at none of these backtraces.",
    ),
    filter(
        "only_alive_at",
        TWO_TIMES,
        By::Instants(AliveAt),
        "Alive at each of these times: mapped at or before it, and not unmapped until after it.",
    ),
];

pub(crate) fn register(library: &mut Library<'_>) {
    filter::register::<MapList>(library, &FILTERS);
}
