//! How predicates are written in plans.

use std::fmt;

use super::{Bound, Predicate, Share};

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(bound) => write!(f, "size {bound}"),
            Self::FirstSize(bound) => write!(f, "first size {bound}"),
            Self::LastSize(bound) => write!(f, "last size {bound}"),
            Self::Address(bound) => write!(f, "address {bound}"),
            Self::Allocated(bound) => write!(f, "allocated {bound} µs"),
            Self::Deallocated(bound) => write!(f, "deallocated {bound} µs"),
            Self::LeakedOrDeallocatedAfter(at) => write!(f, "leaked or deallocated > {at} µs"),
            Self::AliveAt(instants) => write!(f, "alive at {instants:?} µs"),
            Self::Lifetime(bound) => write!(f, "lifetime {bound} µs"),
            Self::Leaked => f.write_str("leaked"),
            Self::Temporary => f.write_str("temporary"),
            Self::ChainLength(bound) => write!(f, "chain length {bound}"),
            Self::ChainLifetime(bound) => write!(f, "chain lifetime {bound} µs"),
            Self::ChainPosition(bound) => write!(f, "position in chain {bound}"),
            Self::ChainLeaked => f.write_str("chain leaked"),
            Self::Backtraces(set) => write!(f, "at {} backtraces", set.len()),
            Self::NotBacktraces(set) => write!(f, "not at {} backtraces", set.len()),
            Self::DeallocationBacktraces(set) => write!(f, "deallocated at {} backtraces", set.len()),
            Self::NotDeallocationBacktraces(set) => write!(f, "not deallocated at {} backtraces", set.len()),
            Self::BacktraceLength(bound) => write!(f, "backtrace length {bound}"),
            Self::PassingThroughFunction(pattern) => write!(f, "function {pattern}"),
            Self::NotPassingThroughFunction(pattern) => write!(f, "no function {pattern}"),
            Self::PassingThroughSource(pattern) => write!(f, "source {pattern}"),
            Self::NotPassingThroughSource(pattern) => write!(f, "no source {pattern}"),
            Self::PassingThroughFrame { function, source } => {
                write!(f, "function {function} with source {source}")
            }
            Self::GroupAllocations(bound) => write!(f, "allocations of group {bound}"),
            Self::GroupInterval(bound) => write!(f, "interval of group {bound} µs"),
            Self::GroupLeaked(bound) => write!(f, "leaked of group {bound}"),
            Self::GroupLeakedShareAtLeast(share) => write!(f, "leaked of group ≥ {share}"),
            Self::GroupLeakedShareAtMost(share) => write!(f, "leaked of group ≤ {share}"),
            Self::GroupPeakAt(bound) => write!(f, "peak of group {bound} µs"),
            Self::PtmallocMmaped => f.write_str("ptmalloc, mmaped"),
            Self::PtmallocNotMmaped => f.write_str("ptmalloc, not mmaped"),
            Self::PtmallocFromMainArena => f.write_str("ptmalloc, main arena"),
            Self::PtmallocNotFromMainArena => f.write_str("ptmalloc, not main arena"),
            Self::Jemalloc => f.write_str("jemalloc"),
            Self::NotJemalloc => f.write_str("not jemalloc"),
            Self::Marker(marker) => write!(f, "marker {marker}"),
            Self::Thread(thread) => write!(f, "thread {thread}"),
            Self::FromMaps(set) => write!(f, "from {} maps", set.len()),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(value) => write!(f, "≥ {value}"),
            Self::AtMost(value) => write!(f, "≤ {value}"),
            Self::MoreThan(value) => write!(f, "> {value}"),
            Self::LessThan(value) => write!(f, "< {value}"),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0 * 100.0)
    }
}
