//! When calls are entered, and when the kernel is asked: about once a second, and once more at the end.
//!
//! A look at the kernel's list is put off, not the calls of the program: it takes no lock of ours, and asks the
//! kernel in pieces.

use core::time::Duration;

use super::apportion::Usage;
use super::book::{Book, Sink, tell_usage};
use super::listing::{Detail, Listing};
use super::memory_sample;
use super::reconcile::{Ranges, Reconciler};
use super::regions::{MapId, Moment, Origin, Region};
use super::residency::Pagemap;
use super::steps::Steps;
use crate::calls::{self, Landing};
use crate::clock::{self, Tick};
use crate::sys::Result;

const EVERY: Duration = Duration::from_secs(1);
/// Files that were just mapped get their names after this.
const SOON: Duration = Duration::from_millis(10);
/// Looks take at most this part of the writer's time.
const PART: u64 = 25;
/// A call that takes this long does not hold looks up: it may never come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches what is mapped.
pub(crate) struct Watch {
    is_on: bool,
    steps: Steps,
    book: Book,
    listing: Listing,
    /// A list that was taken, but calls of that time may still be missing.
    unsettled: Option<(Landing, u64)>,
    reconciler: Reconciler,
    touched: Ranges,
    pagemap: Pagemap,
    next_usage: u64,
    next_places: u64,
    apportioned: Vec<MapId>,
    /// Memory of this library that no call told of; noted at the first round.
    own: Option<(u64, u64)>,
}

impl Watch {
    /// Watches maps only if it is asked to; calls of `mallopt` always.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            steps: Steps::new(),
            book: Book::new(),
            listing: Listing::new(),
            unsettled: None,
            reconciler: Reconciler::new(),
            touched: Ranges::new(),
            pagemap: Pagemap::new(),
            next_usage: 0,
            next_places: 0,
            apportioned: Vec::with_capacity(64),
            own: Some(calls::memory()),
        }
    }

    /// Tells what has happened before `complete`, and looks if it is time to. The last time, it looks anyway.
    pub(crate) fn round<S: Sink>(&mut self, complete: Tick, last: bool, sink: &mut S) -> Result<()> {
        if let Some(memory) = self.own.take() {
            self.book.own(memory, clock::after(), sink);
        }
        let is_first = self.next_usage == 0;
        if is_first {
            // The first list also says whose code made the calls of before.
            self.look_if_due(last);
        }
        self.enter(complete, last, sink)?;
        if self.unsettled.is_none() && self.look_if_due(last) {
            self.enter(complete, last, sink)?;
        }
        Ok(())
    }

    fn enter<S: Sink>(&mut self, complete: Tick, last: bool, sink: &mut S) -> Result<()> {
        // First whether all calls of before the look have been reported, then what was.
        let settled = self.unsettled.is_some_and(|look| last || is_settled(look));
        self.steps.collect();
        if settled {
            self.unsettled = None;
            self.settle(sink)?;
        }
        let end = if self.unsettled.is_some() { complete.min(self.listing.began) } else { complete };
        self.enter_before(end, sink)
    }

    /// Looks if it is time to; says whether there is a list now.
    fn look_if_due(&mut self, last: bool) -> bool {
        let now = clock::nanoseconds();
        let is_unnamed = |region: &Region| region.origin == Origin::File && !region.told;
        let detail = if last || now >= self.next_usage {
            Detail::Usage
        } else if now >= self.next_places && self.book.regions.as_slice().iter().any(is_unnamed) {
            Detail::Places
        } else {
            return false;
        };
        if !self.is_on || self.listing.take(detail).is_err() {
            self.next_usage = now + EVERY.as_nanos() as u64;
            return false;
        }
        let end = clock::nanoseconds();
        let rest = (end - now) * PART;
        self.next_places = end + rest.max(SOON.as_nanos() as u64);
        if detail == Detail::Usage {
            self.next_usage = now + rest.max(EVERY.as_nanos() as u64);
        }
        self.unsettled = Some((calls::await_landing(), end));
        true
    }

    /// Enters the calls of before the list, and corrects the book by it.
    fn settle<S: Sink>(&mut self, sink: &mut S) -> Result<()> {
        self.enter_before(self.listing.began, sink)?;
        self.touched.set(self.steps.ranges());
        self.reconciler.correct(&mut self.book, &self.listing, &self.touched, sink)?;
        if self.listing.detail == Detail::Usage {
            self.take_usage(sink)?;
            memory_sample::tell(self.listing.ended, sink)?;
        }
        Ok(())
    }

    fn enter_before<S: Sink>(&mut self, end: Tick, sink: &mut S) -> Result<()> {
        for step in self.steps.take_before(end) {
            if self.is_on || step.is_no_mapping() {
                self.book.enter(&step, &self.listing, sink)?;
            }
        }
        Ok(())
    }

    /// Tells of each region what of it is in memory, if that has changed.
    fn take_usage<S: Sink>(&mut self, sink: &mut S) -> Result<()> {
        let now = Moment::new(self.listing.ended, sink);
        let known = self.apportioned.len();
        for listed in &self.listing.mappings {
            let places = self.book.regions.overlapping(listed.start, listed.end);
            for place in places {
                let Some(region) = self.book.regions.get_mut(place) else { break };
                let is_within = listed.start <= region.start && region.end <= listed.end;
                if !is_within || self.touched.meet(region.start, region.end) {
                    continue;
                }
                let is_all = (listed.start, listed.end) == (region.start, region.end);
                let usage = if is_all {
                    listed.usage
                } else {
                    let nothing = listed.usage == Usage::default();
                    let found = if nothing { None } else { self.pagemap.measure(region.start, region.end) };
                    note(&mut self.apportioned, region.map, known);
                    listed.usage.share(found.unwrap_or_default())
                };
                if usage != region.usage {
                    region.usage = usage;
                    tell_usage(region, now, sink)?;
                }
            }
        }
        let new = self.apportioned.get(known..).unwrap_or_default();
        memory_sample::tell_apportioned(new, now.tick, sink)?;
        self.apportioned.sort_unstable();
        Ok(())
    }
}

/// Notes a map among those that are new, unless the first `known` ones, which are in order, have it.
fn note(maps: &mut Vec<MapId>, map: MapId, known: usize) {
    let is_known = maps.get(..known).is_some_and(|known| known.binary_search(&map).is_ok());
    if !is_known && !maps.get(known..).is_some_and(|new| new.contains(&map)) {
        maps.push(map);
    }
}

fn is_settled((landing, since): (Landing, u64)) -> bool {
    landing.is_over() || clock::nanoseconds().saturating_sub(since) > PATIENCE.as_nanos() as u64
}
