//! Answers found by looking at every row, one by one, as the meaning of each filter says.

use std::collections::BTreeSet;

use bytehound_index::{
    Allocation, BacktraceSet, BacktraceSummary, Bound, Frame, Pattern, Predicate, Profile, Row, Selection,
};

/// The rows of `selection`.
pub(crate) fn rows(profile: &Profile, selection: &Selection) -> BTreeSet<u32> {
    let all = 0..profile.row_count();
    match selection {
        Selection::All => all.collect(),
        Selection::Filtered { base, predicate } => {
            let base = rows(profile, base).into_iter().map(|row| profile.allocation(Row(row)));
            let kept = base
                .filter(|allocation| in_window(profile, allocation) && holds(profile, allocation, predicate));
            kept.map(|allocation| allocation.row.0).collect()
        }
        Selection::Ungrouped { base, backtraces } => {
            let of_group = |row: &u32| backtraces.contains(profile.allocation(Row(*row)).backtrace);
            rows(profile, base).into_iter().filter(of_group).collect()
        }
        Selection::Union(a, b) => rows(profile, a).union(&rows(profile, b)).copied().collect(),
        Selection::Difference(a, b) => rows(profile, a).difference(&rows(profile, b)).copied().collect(),
        Selection::Intersection(a, b) => rows(profile, a).intersection(&rows(profile, b)).copied().collect(),
    }
}

fn in_window(profile: &Profile, allocation: &Allocation) -> bool {
    let (start, end) = run(profile);
    start <= allocation.birth_us
        && allocation.birth_us <= end
        && allocation.death_us.is_none_or(|death| death > start)
}

fn run(profile: &Profile) -> (u64, u64) {
    (profile.manifest().start_us, profile.manifest().end_us)
}

fn holds(profile: &Profile, allocation: &Allocation, predicate: &Predicate) -> bool {
    let (start, end) = run(profile);
    let first = profile.allocation(allocation.chain.first);
    let last = profile.allocation(allocation.chain.last);
    let frames = || profile.backtrace(allocation.backtrace);
    let group = || &profile.summaries().expect("summaries")[allocation.backtrace.0 as usize];
    let freed_within = |from: u64, to: u64| allocation.death_us.is_some_and(|at| from <= at && at <= to);
    let flag = |bit: u8| allocation.flags & bit != 0;
    let (mmaped, other_arena, jemalloc) = (flag(1), flag(2), flag(4));
    match predicate {
        Predicate::Size(bound) => within(*bound, allocation.size),
        Predicate::FirstSize(bound) => within(*bound, first.size),
        Predicate::LastSize(bound) => within(*bound, last.size),
        Predicate::Address(bound) => within(*bound, allocation.address),
        Predicate::Allocated(bound) => within(*bound, allocation.birth_us - start),
        Predicate::Deallocated(bound) => {
            freed_within(start, end) && allocation.death_us.is_some_and(|at| within(*bound, at - start))
        }
        Predicate::LeakedOrDeallocatedAfter(offset) => {
            allocation.death_us.is_none_or(|at| u128::from(at) > u128::from(start) + u128::from(*offset))
        }
        Predicate::AliveAt(offsets) => offsets.iter().all(|offset| {
            let at = u128::from(start) + u128::from(*offset);
            u128::from(allocation.birth_us) <= at
                && allocation.death_us.is_none_or(|death| u128::from(death) > at)
        }),
        Predicate::Lifetime(bound) => within(*bound, lifetime(allocation.birth_us, allocation.death_us, end)),
        Predicate::Leaked => allocation.death_us.is_none(),
        Predicate::Temporary => freed_within(start, end),
        Predicate::ChainLength(bound) => within(*bound, allocation.chain.length.into()),
        Predicate::ChainLifetime(bound) => within(*bound, lifetime(first.birth_us, last.death_us, end)),
        Predicate::ChainPosition(bound) => within(*bound, allocation.chain.position.into()),
        Predicate::ChainLeaked => last.death_us.is_none(),
        Predicate::Backtraces(set) => set.contains(allocation.backtrace),
        Predicate::NotBacktraces(set) => !set.contains(allocation.backtrace),
        Predicate::DeallocationBacktraces(set) => freed_at(allocation, set),
        Predicate::NotDeallocationBacktraces(set) => !freed_at(allocation, set),
        Predicate::BacktraceLength(bound) => within(*bound, frames().len() as u64),
        Predicate::PassingThroughFunction(pattern) => {
            frames().frames().any(|frame| function(&frame, pattern))
        }
        Predicate::NotPassingThroughFunction(pattern) => {
            !frames().frames().any(|frame| function(&frame, pattern))
        }
        Predicate::PassingThroughSource(pattern) => frames().frames().any(|frame| source(&frame, pattern)),
        Predicate::NotPassingThroughSource(pattern) => {
            !frames().frames().any(|frame| source(&frame, pattern))
        }
        Predicate::PassingThroughFrame { function: named, source: path } => {
            frames().frames().any(|frame| function(&frame, named) && source(&frame, path))
        }
        Predicate::GroupAllocations(bound) => {
            let same = |row: &u32| profile.allocation(Row(*row)).backtrace == allocation.backtrace;
            peaks_in_run(profile, group())
                && within(*bound, (0..profile.row_count()).filter(same).count() as u64)
        }
        Predicate::GroupInterval(bound) => {
            peaks_in_run(profile, group()) && within(*bound, group().last_us - group().first_us)
        }
        Predicate::GroupLeaked(bound) => {
            peaks_in_run(profile, group()) && within(*bound, group().allocated_count - group().freed_count)
        }
        Predicate::GroupLeakedShareAtLeast(share) => {
            peaks_in_run(profile, group())
                && group().allocated_count - group().freed_count >= share_of(share.0, group().allocated_count)
        }
        Predicate::GroupLeakedShareAtMost(share) => {
            peaks_in_run(profile, group())
                && group().allocated_count - group().freed_count <= share_of(share.0, group().allocated_count)
        }
        Predicate::GroupPeakAt(bound) => {
            peaks_in_run(profile, group()) && within(*bound, group().own_peak_at_us - start)
        }
        Predicate::PtmallocMmaped => !jemalloc && mmaped,
        Predicate::PtmallocNotMmaped => !jemalloc && !mmaped,
        Predicate::PtmallocFromMainArena => !jemalloc && !other_arena,
        Predicate::PtmallocNotFromMainArena => !jemalloc && other_arena,
        Predicate::Jemalloc => jemalloc,
        Predicate::NotJemalloc => !jemalloc,
        Predicate::Marker(marker) => allocation.marker == *marker,
        Predicate::Thread(thread) => allocation.thread == *thread,
        other => panic!("no meaning is written down for {other}"),
    }
}

pub(crate) fn within(bound: Bound, value: u64) -> bool {
    match bound {
        Bound::AtLeast(limit) => value >= limit,
        Bound::AtMost(limit) => value <= limit,
        Bound::MoreThan(limit) => value > limit,
        Bound::LessThan(limit) => value < limit,
    }
}

fn lifetime(birth: u64, death: Option<u64>, end: u64) -> u64 {
    death.unwrap_or(end).saturating_sub(birth)
}

fn freed_at(allocation: &Allocation, set: &BacktraceSet) -> bool {
    allocation.death_backtrace.is_some_and(|backtrace| set.contains(backtrace))
}

fn function(frame: &Frame<'_>, pattern: &Pattern) -> bool {
    frame.function.or(frame.raw_function).is_some_and(|name| found(pattern, name))
}

fn source(frame: &Frame<'_>, pattern: &Pattern) -> bool {
    frame.source.is_some_and(|path| found(pattern, path))
}

/// The patterns of these tests are words, which need no regular expressions to be found.
fn found(pattern: &Pattern, name: &str) -> bool {
    name.contains(pattern.as_str())
}

fn peaks_in_run(profile: &Profile, group: &BacktraceSummary) -> bool {
    let (start, end) = run(profile);
    start <= group.own_peak_at_us && group.own_peak_at_us <= end
}

fn share_of(share: f64, count: u64) -> u64 {
    (count as f64 * share) as u64
}
