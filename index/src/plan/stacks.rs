//! Predicates that a backtrace fulfils or not, whatever its rows: answered once a backtrace.

use super::conditions::instants;
use super::names::{Name, frames};
use crate::bit_set::{BitSet, word};
use crate::columns::Columns;
use crate::model::{BacktraceId, BacktraceSummary};
use crate::span::Span;
use crate::{BacktraceSet, IndexError, Predicate, Profile};

/// The backtraces that fulfil `predicate`, which is one of these.
pub(crate) fn matching(profile: &Profile, predicate: &Predicate) -> Result<BitSet, IndexError> {
    let columns = profile.columns();
    let count = columns.backtrace_count() as usize;
    let group = |holds: &(dyn Fn(&BacktraceSummary) -> bool + Sync)| groups(profile, holds);
    match predicate {
        Predicate::Backtraces(set) => Ok(members(columns, set)),
        Predicate::NotBacktraces(set) => Ok(complement(&members(columns, set))),
        Predicate::BacktraceLength(bound) => {
            let span = Span::from(*bound);
            let length = |backtrace| columns.frames_of(BacktraceId(backtrace as u32)).len() as u64;
            Ok(BitSet::of(count, |backtrace| span.contains(length(backtrace))))
        }
        Predicate::PassingThroughFunction(pattern) => {
            Ok(passing(columns, &frames(profile, Name::Function, pattern)))
        }
        Predicate::NotPassingThroughFunction(pattern) => {
            Ok(complement(&passing(columns, &frames(profile, Name::Function, pattern))))
        }
        Predicate::PassingThroughSource(pattern) => {
            Ok(passing(columns, &frames(profile, Name::Source, pattern)))
        }
        Predicate::NotPassingThroughSource(pattern) => {
            Ok(complement(&passing(columns, &frames(profile, Name::Source, pattern))))
        }
        Predicate::PassingThroughFrame { function, source } => {
            let mut both = BitSet::clone(&frames(profile, Name::Function, function));
            both.intersect(&frames(profile, Name::Source, source));
            Ok(passing(columns, &both))
        }
        Predicate::GroupAllocations(bound) => group(&|summary| Span::from(*bound).contains(summary.rows)),
        Predicate::GroupInterval(bound) => {
            group(&|summary| Span::from(*bound).contains(summary.last_us.saturating_sub(summary.first_us)))
        }
        Predicate::GroupLeaked(bound) => group(&|summary| Span::from(*bound).contains(leaked(summary))),
        Predicate::GroupLeakedShareAtLeast(share) => {
            group(&|summary| leaked(summary) >= share.of(summary.allocated_count))
        }
        Predicate::GroupLeakedShareAtMost(share) => {
            group(&|summary| leaked(summary) <= share.of(summary.allocated_count))
        }
        Predicate::GroupPeakAt(bound) => {
            let span = instants(*bound, profile.manifest().start_us);
            group(&|summary| span.contains(summary.own_peak_at_us))
        }
        _ => Ok(BitSet::of(count, |_| true)),
    }
}

/// The members of `set` that exist.
pub(super) fn members(columns: &Columns<'_>, set: &BacktraceSet) -> BitSet {
    let mut members = BitSet::empty(columns.backtrace_count() as usize);
    set.iter().for_each(|id| members.insert(id.0 as usize));
    members
}

/// Groups that fulfil `holds`; any such question also wants the group's peak to lie within the run.
fn groups(
    profile: &Profile,
    holds: &(dyn Fn(&BacktraceSummary) -> bool + Sync),
) -> Result<BitSet, IndexError> {
    let run = profile.manifest().start_us..=profile.manifest().end_us;
    let summaries = profile.summaries()?;
    Ok(BitSet::of(profile.columns().backtrace_count() as usize, |backtrace| {
        let summary = summaries.get(backtrace);
        summary.is_some_and(|summary| run.contains(&summary.own_peak_at_us) && holds(summary))
    }))
}

fn leaked(summary: &BacktraceSummary) -> u64 {
    summary.allocated_count.saturating_sub(summary.freed_count)
}

fn complement(set: &BitSet) -> BitSet {
    BitSet::of(set.bound(), |number| !set.contains(number))
}

/// Backtraces with at least one of `frames`.
fn passing(columns: &Columns<'_>, frames: &BitSet) -> BitSet {
    let passes = |stack: &[u32]| stack.iter().any(|&frame| frames.contains(frame as usize));
    BitSet::of_words(columns.backtrace_count() as usize, |backtraces, buffer: &mut Vec<u32>| {
        word(columns.frames_of_each(backtraces, buffer).map(passes))
    })
}
