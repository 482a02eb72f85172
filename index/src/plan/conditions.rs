//! A conjunction of predicates, sorted by what they look at and reduced: one range a number, whatever was asked how often.

use crate::layout::{NEVER, flags};
use crate::model::Manifest;
use crate::span::Span;
use crate::{BacktraceSet, Bound, MapSet, Predicate};

/// What a row must fulfil. Instants are µs since 1970 here.
pub(super) struct Conditions<'p> {
    pub(super) birth: Span,
    /// Of the column: what leaked died at [`NEVER`].
    pub(super) death: Span,
    pub(super) size: Span,
    pub(super) address: Span,
    pub(super) lifetime: Span,
    /// By value of the `flags` column.
    pub(super) flags: [bool; 256],
    pub(super) markers: Vec<u32>,
    pub(super) threads: Vec<u32>,
    pub(super) deallocated_at: Vec<&'p BacktraceSet>,
    pub(super) not_deallocated_at: Vec<&'p BacktraceSet>,
    pub(super) maps: Vec<&'p MapSet>,
    pub(super) chain: ChainConditions,
    pub(super) stack: Vec<&'p Predicate>,
}

/// What the chain of a row must fulfil.
pub(super) struct ChainConditions {
    pub(super) first_size: Span,
    pub(super) last_size: Span,
    pub(super) length: Span,
    pub(super) lifetime: Span,
    pub(super) position: Span,
    /// When its last allocation died.
    pub(super) last_death: Span,
}

impl<'p> Conditions<'p> {
    /// No condition at all.
    pub(super) fn none() -> Self {
        Self {
            birth: Span::ALL,
            death: Span::ALL,
            size: Span::ALL,
            address: Span::ALL,
            lifetime: Span::ALL,
            flags: [true; 256],
            markers: Vec::new(),
            threads: Vec::new(),
            deallocated_at: Vec::new(),
            not_deallocated_at: Vec::new(),
            maps: Vec::new(),
            chain: ChainConditions::none(),
            stack: Vec::new(),
        }
    }

    /// All of `predicates`, and what comes with the first of any.
    pub(super) fn of(predicates: &[&'p Predicate], manifest: &Manifest) -> Self {
        let mut conditions = Self::none();
        conditions.birth.intersect(Span { from: manifest.start_us, to: manifest.end_us });
        conditions.death.intersect(after(manifest.start_us));
        for predicate in predicates {
            conditions.add(predicate, manifest);
        }
        conditions
    }

    fn add(&mut self, predicate: &'p Predicate, manifest: &Manifest) {
        let run = Span { from: manifest.start_us, to: manifest.end_us.min(NEVER - 1) };
        let since_start = |bound| instants(bound, manifest.start_us);
        match predicate {
            Predicate::Size(bound) => self.size.intersect((*bound).into()),
            Predicate::Address(bound) => self.address.intersect((*bound).into()),
            Predicate::Lifetime(bound) => self.lifetime.intersect((*bound).into()),
            Predicate::Allocated(bound) => self.birth.intersect(since_start(*bound)),
            Predicate::Deallocated(bound) => {
                self.death.intersect(run);
                self.death.intersect(since_start(*bound));
            }
            Predicate::LeakedOrDeallocatedAfter(at) => {
                self.death.intersect(after(instant(*at, manifest.start_us)))
            }
            Predicate::AliveAt(all) => {
                all.iter().for_each(|at| self.be_alive(instant(*at, manifest.start_us)))
            }
            Predicate::Leaked => self.death.intersect(after(run.to)),
            Predicate::Temporary => self.death.intersect(run),
            Predicate::DeallocationBacktraces(set) => self.deallocated_at.push(set),
            Predicate::NotDeallocationBacktraces(set) => self.not_deallocated_at.push(set),
            Predicate::Marker(marker) => self.markers.push(*marker),
            Predicate::Thread(thread) => self.threads.push(*thread),
            Predicate::FromMaps(maps) => self.maps.push(maps),
            Predicate::FirstSize(_)
            | Predicate::LastSize(_)
            | Predicate::ChainLength(_)
            | Predicate::ChainLifetime(_)
            | Predicate::ChainPosition(_)
            | Predicate::ChainLeaked => self.chain.add(predicate),
            Predicate::PtmallocMmaped => self.flag(flags::MMAPED | flags::JEMALLOC, flags::MMAPED),
            Predicate::PtmallocNotMmaped => self.flag(flags::MMAPED | flags::JEMALLOC, 0),
            Predicate::PtmallocFromMainArena => self.flag(flags::NON_MAIN_ARENA | flags::JEMALLOC, 0),
            Predicate::PtmallocNotFromMainArena => {
                self.flag(flags::NON_MAIN_ARENA | flags::JEMALLOC, flags::NON_MAIN_ARENA);
            }
            Predicate::Jemalloc => self.flag(flags::JEMALLOC, flags::JEMALLOC),
            Predicate::NotJemalloc => self.flag(flags::JEMALLOC, 0),
            Predicate::Backtraces(_)
            | Predicate::NotBacktraces(_)
            | Predicate::BacktraceLength(_)
            | Predicate::PassingThroughFunction(_)
            | Predicate::NotPassingThroughFunction(_)
            | Predicate::PassingThroughSource(_)
            | Predicate::NotPassingThroughSource(_)
            | Predicate::PassingThroughFrame { .. }
            | Predicate::GroupAllocations(_)
            | Predicate::GroupInterval(_)
            | Predicate::GroupLeaked(_)
            | Predicate::GroupLeakedShareAtLeast(_)
            | Predicate::GroupLeakedShareAtMost(_)
            | Predicate::GroupPeakAt(_) => self.stack.push(predicate),
        }
    }

    fn be_alive(&mut self, at: u64) {
        self.birth.intersect(Span::at_most(at));
        self.death.intersect(after(at));
    }

    fn flag(&mut self, mask: u8, wanted: u8) {
        for (value, allowed) in (0..=u8::MAX).zip(&mut self.flags) {
            *allowed &= value & mask == wanted;
        }
    }
}

impl ChainConditions {
    fn none() -> Self {
        Self {
            first_size: Span::ALL,
            last_size: Span::ALL,
            length: Span::ALL,
            lifetime: Span::ALL,
            position: Span::ALL,
            last_death: Span::ALL,
        }
    }

    fn add(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::FirstSize(bound) => self.first_size.intersect((*bound).into()),
            Predicate::LastSize(bound) => self.last_size.intersect((*bound).into()),
            Predicate::ChainLength(bound) => self.length.intersect((*bound).into()),
            Predicate::ChainLifetime(bound) => self.lifetime.intersect((*bound).into()),
            Predicate::ChainPosition(bound) => self.position.intersect((*bound).into()),
            _ => self.last_death.intersect(Span::at_least(NEVER)),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        let spans =
            [self.first_size, self.last_size, self.length, self.lifetime, self.position, self.last_death];
        spans.iter().all(|span| *span == Span::ALL)
    }
}

/// `offset` µs after `start`; never [`NEVER`], so that what leaked stays later than any instant.
pub(crate) fn instant(offset: u64, start: u64) -> u64 {
    start.saturating_add(offset).min(NEVER - 1)
}

/// A range of instants, from one of offsets.
pub(crate) fn instants(bound: Bound, start: u64) -> Span {
    match bound {
        Bound::AtLeast(offset) => Span::at_least(instant(offset, start)),
        Bound::AtMost(offset) => Span::at_most(instant(offset, start)),
        Bound::MoreThan(offset) => after(instant(offset, start)),
        Bound::LessThan(offset) => Span::from(Bound::LessThan(instant(offset, start))),
    }
}

/// Later than `instant`.
pub(crate) fn after(instant: u64) -> Span {
    Span::from(Bound::MoreThan(instant))
}
