//! The filter parameters of maps, in the order in which a script names them.

use super::instants::Flavour::{From, To};
use super::parameter::{Kind, Parameter, row};
use bytehound_index::{Bound, MapPredicate};

use Bound::{AtLeast, AtMost};
use Kind::{Alive, Backtrace, Count, Interval, Moment, Number, Regex, Word};
use MapPredicate as P;

pub(super) const PARAMETERS: &[Parameter<MapPredicate>] = &[
    row("backtrace_depth_min", "only_backtrace_length_at_least", Count(|n| P::BacktraceLength(AtLeast(n)))),
    row("backtrace_depth_max", "only_backtrace_length_at_most", Count(|n| P::BacktraceLength(AtMost(n)))),
    row("backtraces", "only_matching_backtraces", Backtrace(P::Backtraces)),
    row("deallocation_backtraces", "only_matching_deallocation_backtraces", Backtrace(P::UnmapBacktraces)),
    row("function_regex", "only_passing_through_function", Regex(P::PassingThroughFunction)),
    row("negative_function_regex", "only_not_passing_through_function", Regex(P::NotPassingThroughFunction)),
    row("source_regex", "only_passing_through_source", Regex(P::PassingThroughSource)),
    row("negative_source_regex", "only_not_passing_through_source", Regex(P::NotPassingThroughSource)),
    row("size_min", "only_larger_or_equal", Number(|n| P::Size(AtLeast(n)))),
    row("size_max", "only_smaller_or_equal", Number(|n| P::Size(AtMost(n)))),
    row("address_min", "only_address_at_least", Number(|n| P::Address(AtLeast(n)))),
    row("address_max", "only_address_at_most", Number(|n| P::Address(AtMost(n)))),
    row("from", "only_allocated_after_at_least", Moment(From, |t| P::Mapped(AtLeast(t)))),
    row("to", "only_allocated_until_at_most", Moment(To, |t| P::Mapped(AtMost(t)))),
    row("lifetime_min", "only_alive_for_at_least", Interval(|t| P::Lifetime(AtLeast(t)))),
    row("lifetime_max", "only_alive_for_at_most", Interval(|t| P::Lifetime(AtMost(t)))),
    row("alive_at", "only_alive_at", Alive(P::AliveAt)),
    row("lifetime", "", Word("all", None)),
    row("lifetime", "only_leaked", Word("only_leaked", Some(P::Leaked))),
    row("lifetime", "only_temporary", Word("only_temporary", Some(P::Temporary))),
    row("peak_rss_min", "only_peak_rss_at_least", Number(|n| P::PeakRss(AtLeast(n)))),
    row("peak_rss_max", "only_peak_rss_at_most", Number(|n| P::PeakRss(AtMost(n)))),
    row("jemalloc", "only_jemalloc", Word("only_true", Some(P::Jemalloc(true)))),
    row("jemalloc", "only_not_jemalloc", Word("only_false", Some(P::Jemalloc(false)))),
    row("bytehound", "only_bytehound", Word("only_true", Some(P::Bytehound(true)))),
    row("bytehound", "only_not_bytehound", Word("only_false", Some(P::Bytehound(false)))),
    row("readable", "only_readable", Word("only_true", Some(P::Readable(true)))),
    row("readable", "only_not_readable", Word("only_false", Some(P::Readable(false)))),
    row("writable", "only_writable", Word("only_true", Some(P::Writable(true)))),
    row("writable", "only_not_writable", Word("only_false", Some(P::Writable(false)))),
    row("executable", "only_executable", Word("only_true", Some(P::Executable(true)))),
    row("executable", "only_not_executable", Word("only_false", Some(P::Executable(false)))),
];
