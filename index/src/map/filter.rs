//! Conditions on maps, tested one map after the other: there are few.

use super::{Map, MapPredicate};
use crate::bit_set::BitSet;
use crate::layout::NEVER;
use crate::model::{BacktraceId, MapId};
use crate::plan::{after, instant, instants, matching_backtraces};
use crate::span::Span;
use crate::{BacktraceSet, Cancel, IndexError, Manifest, MapSet, Predicate, Profile};

impl Profile {
    /// The maps among some that fulfil a condition. As for allocations, what was mapped outside [T0, T1] or unmapped at
    /// or before T0 is left out too.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn select_maps(
        &self,
        among: &MapSet,
        predicate: &MapPredicate,
        cancel: &Cancel,
    ) -> Result<MapSet, IndexError> {
        cancel.check()?;
        let condition = Condition::of(self, predicate)?;
        let run = Span { from: self.manifest().start_us, to: self.manifest().end_us };
        let since_start = after(self.manifest().start_us);
        let is_meant = |id: &MapId| {
            self.map(*id).is_some_and(|map| {
                run.contains(map.mapped_us) && since_start.contains(end(&map)) && condition.holds(&map)
            })
        };
        Ok(among.iter().filter(is_meant).collect())
    }
}

/// One predicate, made ready for many maps.
enum Condition<'p> {
    Number(fn(&Map<'_>) -> u64, Span),
    Lifetime {
        until: u64,
        span: Span,
    },
    Alive(Vec<u64>),
    Flag(fn(&Map<'_>) -> bool, bool),
    /// Mapped at one of these.
    Stack(BitSet),
    NotMappedAt(&'p BacktraceSet),
    UnmappedAt(&'p BacktraceSet),
    NotUnmappedAt(&'p BacktraceSet),
}

impl<'p> Condition<'p> {
    fn of(profile: &Profile, predicate: &'p MapPredicate) -> Result<Self, IndexError> {
        let manifest = profile.manifest();
        let at = |offset: &u64| instant(*offset, manifest.start_us);
        Ok(match predicate {
            MapPredicate::Size(bound) => Self::Number(|map| map.size, (*bound).into()),
            MapPredicate::Address(bound) => Self::Number(|map| map.address, (*bound).into()),
            MapPredicate::Mapped(bound) => {
                Self::Number(|map| map.mapped_us, instants(*bound, manifest.start_us))
            }
            MapPredicate::Unmapped(bound) => {
                let mut span = run(manifest);
                span.intersect(instants(*bound, manifest.start_us));
                Self::Number(end, span)
            }
            MapPredicate::LeakedOrUnmappedAfter(offset) => Self::Number(end, after(at(offset))),
            MapPredicate::AliveAt(offsets) => Self::Alive(offsets.iter().map(at).collect()),
            MapPredicate::Lifetime(bound) => Self::Lifetime { until: manifest.end_us, span: (*bound).into() },
            MapPredicate::Leaked => Self::Number(end, after(run(manifest).to)),
            MapPredicate::Temporary => Self::Number(end, run(manifest)),
            MapPredicate::PeakRss(bound) => Self::Number(|map| map.peak_rss, (*bound).into()),
            MapPredicate::Jemalloc(wanted) => Self::Flag(|map| map.is_jemalloc(), *wanted),
            MapPredicate::Bytehound(wanted) => Self::Flag(|map| map.is_bytehound(), *wanted),
            MapPredicate::Readable(wanted) => Self::Flag(|map| map.access.readable, *wanted),
            MapPredicate::Writable(wanted) => Self::Flag(|map| map.access.writable, *wanted),
            MapPredicate::Executable(wanted) => Self::Flag(|map| map.access.executable, *wanted),
            MapPredicate::NotBacktraces(set) => Self::NotMappedAt(set),
            MapPredicate::UnmapBacktraces(set) => Self::UnmappedAt(set),
            MapPredicate::NotUnmapBacktraces(set) => Self::NotUnmappedAt(set),
            MapPredicate::Backtraces(set) => Self::stack(profile, Predicate::Backtraces(set.clone()))?,
            MapPredicate::BacktraceLength(bound) => Self::stack(profile, Predicate::BacktraceLength(*bound))?,
            MapPredicate::PassingThroughFunction(pattern) => {
                Self::stack(profile, Predicate::PassingThroughFunction(pattern.clone()))?
            }
            MapPredicate::NotPassingThroughFunction(pattern) => {
                Self::stack(profile, Predicate::NotPassingThroughFunction(pattern.clone()))?
            }
            MapPredicate::PassingThroughSource(pattern) => {
                Self::stack(profile, Predicate::PassingThroughSource(pattern.clone()))?
            }
            MapPredicate::NotPassingThroughSource(pattern) => {
                Self::stack(profile, Predicate::NotPassingThroughSource(pattern.clone()))?
            }
        })
    }

    /// What a backtrace fulfils or not is the same for maps and for allocations.
    fn stack(profile: &Profile, predicate: Predicate) -> Result<Self, IndexError> {
        matching_backtraces(profile, &predicate).map(Self::Stack)
    }

    fn holds(&self, map: &Map<'_>) -> bool {
        let mapped_at = map.call.and_then(|call| call.backtrace);
        let unmapped_at = map.unmapped_by.and_then(|call| call.backtrace);
        let is_in = |at: Option<BacktraceId>, set: &BacktraceSet| at.is_some_and(|id| set.contains(id));
        match self {
            Self::Number(number, span) => span.contains(number(map)),
            Self::Lifetime { until, span } => {
                span.contains(map.unmapped_us.unwrap_or(*until).saturating_sub(map.mapped_us))
            }
            Self::Alive(instants) => instants.iter().all(|at| map.mapped_us <= *at && end(map) > *at),
            Self::Flag(flag, wanted) => flag(map) == *wanted,
            Self::Stack(set) => mapped_at.is_some_and(|id| set.contains(id.0 as usize)),
            Self::NotMappedAt(set) => !is_in(mapped_at, set),
            Self::UnmappedAt(set) => is_in(unmapped_at, set),
            Self::NotUnmappedAt(set) => !is_in(unmapped_at, set),
        }
    }
}

/// When a map ends; [`NEVER`] comes after every instant.
fn end(map: &Map<'_>) -> u64 {
    map.unmapped_us.unwrap_or(NEVER)
}

fn run(manifest: &Manifest) -> Span {
    Span { from: manifest.start_us, to: manifest.end_us.min(NEVER - 1) }
}
