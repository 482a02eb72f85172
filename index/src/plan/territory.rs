//! Which addresses some maps held at which time, and the allocations that were made there.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::columns::Columns;
use crate::layout::{MapRecord, NEVER, RegionRecord};
use crate::{Cancel, IndexError, MapSet};

/// The leases of some maps, in order of `since`. No two of them hold the same address at the same time.
pub(super) struct Territory(Vec<Lease>);

/// Addresses held for some time; both ends are excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    from: u64,
    to: u64,
    since: u64,
    until: u64,
}

impl Territory {
    pub(super) fn of(columns: &Columns<'_>, maps: &MapSet, cancel: &Cancel) -> Result<Self, IndexError> {
        let mut steps = Steps::default();
        for map in maps.iter().filter_map(|id| columns.maps.get(id.0 as usize)) {
            steps.take(columns, map);
        }
        Ok(Self(steps.into_leases(cancel)?))
    }

    /// What is held from one instant to another without a break.
    pub(super) fn throughout(&self, first: u64, last: u64) -> Steady {
        let steady = self.0.iter().filter(|lease| lease.since <= first && lease.until > last);
        let mut ranges: Vec<(u64, u64)> = steady.map(|lease| (lease.from, lease.to)).collect();
        ranges.sort_unstable();
        Steady { ranges, latest: Cell::default() }
    }

    /// What is held between two instants, to be walked through in order of time.
    pub(super) fn between(&self, first: u64, last: u64) -> Walk {
        let mut coming: Vec<Lease> =
            self.0.iter().filter(|lease| lease.since <= last && lease.until > first).copied().collect();
        coming.reverse();
        Walk { coming, held: BTreeMap::new(), ends: BinaryHeap::new(), known: Known::default() }
    }
}

/// Addresses that are held all the time.
pub(super) struct Steady {
    /// From, to; ascending.
    ranges: Vec<(u64, u64)>,
    /// The latest answers, as far as they go: small and large blocks mostly lie apart.
    latest: Cell<[Stretch; 2]>,
}

/// Addresses of which all are held, or none.
#[derive(Clone, Copy, Default)]
struct Stretch {
    from: u64,
    to: u64,
    is_held: bool,
}

impl Steady {
    #[inline]
    pub(super) fn has(&self, address: u64) -> bool {
        let [latest, other] = self.latest.get();
        if latest.from <= address && address < latest.to {
            return latest.is_held;
        }
        if other.from <= address && address < other.to {
            return other.is_held;
        }
        let found = self.look(address);
        self.latest.set([found, latest]);
        found.is_held
    }

    #[inline(never)]
    fn look(&self, address: u64) -> Stretch {
        let place = self.ranges.partition_point(|(_, to)| *to <= address);
        let next = self.ranges.get(place).copied();
        if let Some((from, to)) = next.filter(|(from, _)| *from <= address) {
            return Stretch { from, to, is_held: true };
        }
        let before = place.checked_sub(1).map_or(0, |before| self.ranges[before].1);
        Stretch { from: before, to: next.map_or(u64::MAX, |(from, _)| from), is_held: false }
    }
}

/// A territory while time goes by.
pub(super) struct Walk {
    /// The next lease is the last.
    coming: Vec<Lease>,
    held: BTreeMap<u64, Lease>,
    /// When the held leases end, and where they lie.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    known: Known,
}

/// The latest answer, as far as it goes: the next block mostly lies near, at the same maps.
#[derive(Default)]
struct Known {
    from: u64,
    to: u64,
    until: u64,
    is_held: bool,
}

impl Known {
    fn answer(&self, time: u64, from: u64, to: u64) -> Option<bool> {
        let applies = match self.is_held {
            true => from < self.to && self.from < to,
            false => self.from <= from && to <= self.to,
        };
        (time < self.until && applies).then_some(self.is_held)
    }
}

impl Walk {
    /// Whether something of `size` bytes at `address` lies in it at `time`, which must not go back.
    pub(super) fn holds(&mut self, time: u64, address: u64, size: u64) -> bool {
        let end = address.saturating_add(size.max(1));
        if let Some(answer) = self.known.answer(time, address, end) {
            return answer;
        }
        self.known = self.look(time, address, end);
        self.known.is_held
    }

    fn look(&mut self, time: u64, address: u64, end: u64) -> Known {
        while let Some(lease) = self.coming.pop_if(|lease| lease.since <= time) {
            if lease.until > time {
                self.ends.push(Reverse((lease.until, lease.from)));
                self.end_leases(lease.since);
                self.held.insert(lease.from, lease);
            }
        }
        self.end_leases(time);
        let before = self.held.range(..end).next_back().map(|(_, lease)| lease);
        if let Some(lease) = before.filter(|lease| lease.to > address) {
            return Known { from: lease.from, to: lease.to, until: lease.until, is_held: true };
        }
        let next_end = self.ends.peek().map_or(NEVER, |Reverse((until, _))| *until);
        Known {
            from: before.map_or(0, |lease| lease.to),
            to: self.held.range(end..).next().map_or(u64::MAX, |(from, _)| *from),
            until: self.coming.last().map_or(next_end, |lease| next_end.min(lease.since)),
            is_held: false,
        }
    }

    fn end_leases(&mut self, time: u64) {
        while let Some(Reverse((until, from))) = self.ends.peek().copied()
            && until <= time
        {
            self.ends.pop();
            if self.held.get(&from).is_some_and(|lease| lease.until == until) {
                self.held.remove(&from);
            }
        }
    }
}

/// Addresses taken and given back.
#[derive(Default)]
struct Steps(Vec<Step>);

/// In order of time; at one moment, addresses are given back before others are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    time: u64,
    is_taken: bool,
    from: u64,
    to: u64,
}

impl Steps {
    fn take(&mut self, columns: &Columns<'_>, map: &MapRecord) {
        self.push(map.mapped, true, map.address, end(map.address, map.size));
        let regions = columns.regions_of(map);
        if let Some(first) = regions.first().filter(|first| first.added > map.mapped) {
            // What the call gave is known only from now on.
            self.push(first.added, false, map.address, end(map.address, map.size));
        }
        for region in regions {
            self.push(region.added, true, region.address, end(region.address, region.size));
            self.give_back(columns, region);
        }
    }

    /// The parts that calls removed go when these were made; the rest when the region was listed no more. By then,
    /// something else may lie in the removed parts.
    fn give_back(&mut self, columns: &Columns<'_>, region: &RegionRecord) {
        let mut removals: Vec<_> = columns.removals_of(region).iter().collect();
        removals.sort_unstable_by_key(|removal| removal.address);
        let mut rest = region.address;
        for removal in removals {
            let to = end(removal.address, removal.size);
            self.push(removal.time, false, removal.address, to);
            self.push(region.removed, false, rest, removal.address);
            rest = rest.max(to);
        }
        self.push(region.removed, false, rest, end(region.address, region.size));
    }

    fn push(&mut self, time: u64, is_taken: bool, from: u64, to: u64) {
        if from < to && time != NEVER {
            self.0.push(Step { time, is_taken, from, to });
        }
    }

    fn into_leases(mut self, cancel: &Cancel) -> Result<Vec<Lease>, IndexError> {
        self.0.sort_unstable();
        let mut ledger = Ledger::default();
        for step in &self.0 {
            cancel.check()?;
            if step.is_taken {
                ledger.take(step.time, step.from, step.to);
            } else {
                ledger.give_back(step.time, step.from, step.to);
            }
        }
        let mut leases = ledger.ended;
        leases.extend(ledger.held.into_values());
        leases.sort_unstable_by_key(|lease| (lease.since, lease.from));
        Ok(leases)
    }
}

fn end(address: u64, size: u64) -> u64 {
    address.saturating_add(size)
}

#[derive(Default)]
struct Ledger {
    held: BTreeMap<u64, Lease>,
    ended: Vec<Lease>,
}

impl Ledger {
    /// Takes what nobody holds yet.
    fn take(&mut self, time: u64, from: u64, to: u64) {
        let mut free = from;
        for held in self.overlapping(from, to) {
            self.hold(Lease { from: free, to: held.from, since: time, until: NEVER });
            free = held.to;
        }
        self.hold(Lease { from: free, to, since: time, until: NEVER });
    }

    fn give_back(&mut self, time: u64, from: u64, to: u64) {
        for held in self.overlapping(from, to) {
            self.held.remove(&held.from);
            self.hold(Lease { to: from, ..held });
            self.hold(Lease { from: to, ..held });
            self.ended.push(Lease { from: held.from.max(from), to: held.to.min(to), until: time, ..held });
        }
    }

    fn hold(&mut self, lease: Lease) {
        if lease.from < lease.to {
            self.held.insert(lease.from, lease);
        }
    }

    fn overlapping(&self, from: u64, to: u64) -> Vec<Lease> {
        let first = self.held.range(..from).next_back().map(|(_, lease)| *lease).filter(|l| l.to > from);
        first.into_iter().chain(self.held.range(from..to).map(|(_, lease)| *lease)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESSES: u64 = 24;
    const TIMES: u64 = 16;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..TIMES, any::<bool>(), 0..ADDRESSES, 1..ADDRESSES)
            .prop_map(|(time, is_taken, from, size)| Step { time, is_taken, from, to: from + size });
        prop::collection::vec(step, 0..30)
    }

    /// Whether the address is held at that time: the last step before or at it decides.
    fn is_held(sorted: &[Step], time: u64, address: u64) -> bool {
        let about = sorted.iter().filter(|step| step.from <= address && address < step.to);
        about.take_while(|step| step.time <= time).last().is_some_and(|step| step.is_taken)
    }

    proptest! {
        #[test]
        fn an_address_is_held_from_when_it_is_taken_until_it_is_given_back(
            steps in steps(),
            first in 0..TIMES,
            size in 0..5_u64,
        ) {
            let mut sorted = steps.clone();
            sorted.sort_unstable();
            let mut listed = Steps::default();
            steps.iter().for_each(|step| listed.push(step.time, step.is_taken, step.from, step.to));
            let territory = Territory(listed.into_leases(&Cancel::new()).expect("nobody cancels"));
            let mut walk = territory.between(first, TIMES);
            let steady = territory.throughout(first, TIMES - 1);
            for address in 0..2 * ADDRESSES {
                let is_steady = steady.has(address);
                let is_always_held = (first..TIMES).all(|time| is_held(&sorted, time, address));
                prop_assert!(is_always_held || !is_steady, "{} is not always held", address);
            }
            for time in first..TIMES {
                for address in 0..2 * ADDRESSES {
                    let expected = (address..address + size.max(1)).any(|at| is_held(&sorted, time, at));
                    prop_assert_eq!(walk.holds(time, address, size), expected, "{} at {}", address, time);
                }
            }
        }
    }
}
