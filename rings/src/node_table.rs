//! Where nodes are found by what their stacks are.
//!
//! A table is a sequence of levels, each twice the one before. New nodes go into the last one, and whoever adds one
//! moves some entries of the first one over. When all were moved that level is searched no more: nearly every search
//! reads one cache line.
//!
//! An entry takes the first free place from where its fingerprint says. A place never becomes free again. Once there is a
//! next level, whoever comes to a free place freezes it: it leads on to that level. So what is
//! added to a level is there before the level is searched no more.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytehound_format::v2::batch::Node;

use crate::fingerprint::Fingerprint;
use crate::prefetch::prefetch;
use crate::region::{Plain, Region};

/// Zeroed memory is an empty one.
#[repr(C)]
pub(crate) struct NodeTable {
    levels: [Level; LEVELS],
    /// All levels before it were moved over.
    first: AtomicU32,
    last: AtomicU32,
}

#[repr(C)]
struct Level {
    /// Where its lines lie.
    offset: AtomicU64,
    /// Entries in it.
    count: AtomicU32,
    /// Stretches of it that somebody moves over, or has.
    claimed: AtomicU32,
    /// Stretches of it that were moved over.
    moved: AtomicU32,
    unused: AtomicU32,
}

/// Places for entries in one cache line.
#[repr(C, align(64))]
pub(crate) struct Line {
    /// 0 until the entry is whole.
    fingerprints: [AtomicU64; LINE],
    /// 0 while the place is free.
    nodes: [AtomicU32; LINE],
    unused: AtomicU32,
}

// SAFETY: numbers behind atomics.
#[expect(unsafe_code, reason = "lies in a region")]
unsafe impl Plain for Line {}

#[derive(Clone, Copy)]
struct Place<'a> {
    fingerprint: &'a AtomicU64,
    node: &'a AtomicU32,
}

const LEVELS: usize = 20;
const LEVEL_0_LINES: usize = 1 << 12;
/// Places of a line.
const LINE: usize = 5;
/// An entry lies in one of so many lines, or in the next level.
const PROBED: usize = 64;
/// Lines that are moved over together.
const STRETCH: usize = 16;
/// No node has this number.
const FROZEN: u32 = u32::MAX;

impl NodeTable {
    /// Fetches what a search will read first.
    fn prefetch(&self, region: &Region, fingerprint: Fingerprint) {
        let lines = self.probed(region, self.last(), fingerprint);
        if let Some(first) = lines.and_then(|mut lines| lines.next()) {
            prefetch(first);
        }
    }

    /// The node with this fingerprint. It is not found while it is being added.
    #[inline(always)]
    pub(crate) fn find(&self, region: &Region, fingerprint: Fingerprint) -> Option<Node> {
        let first = self.first();
        'levels: for level in (first..=self.last()).rev() {
            for line in self.probed(region, level, fingerprint)? {
                for place in line.places() {
                    match place.fingerprint() {
                        Fingerprint(0) => continue 'levels,
                        found if found == fingerprint => return Some(Node(place.node())),
                        _ => {}
                    }
                }
            }
        }
        None
    }

    /// The node with this fingerprint, or the one that `make` gives; of two threads that add the same at once each may
    /// get its own. None if there is no memory.
    pub(crate) fn find_or_add(
        &self,
        region: &Region,
        fingerprint: Fingerprint,
        make: impl Fn() -> Option<Node>,
    ) -> Option<Node> {
        self.move_some(region);
        self.put(self.first(), region, fingerprint, make)
    }

    /// The memory of the level that comes next, if the last one is nearly full.
    pub(crate) fn next_level<'a>(&self, region: &'a Region) -> Option<&'a [Line]> {
        let last = self.last();
        let count = self.levels.get(last)?.count.load(Ordering::Relaxed) as usize;
        (full(last) / 8 * 7..full(last)).contains(&count).then(|| self.table(region, last + 1)).flatten()
    }

    /// As [`Self::find_or_add`], in a level or those behind it.
    fn put(
        &self,
        from: usize,
        region: &Region,
        fingerprint: Fingerprint,
        make: impl Fn() -> Option<Node>,
    ) -> Option<Node> {
        let mut ours = None;
        for (number, level) in self.levels.iter().enumerate().skip(from) {
            let places = self.places(region, number, fingerprint)?;
            self.last.fetch_max(number as u32, Ordering::AcqRel);
            for place in places {
                let found = match place.node() {
                    0 if number < self.last() || level.is_full(number) => place.take(FROZEN),
                    0 => {
                        ours = ours.or_else(&make);
                        place.take(ours?.0)
                    }
                    found => found,
                };
                if found == FROZEN {
                    break;
                }
                if ours == Some(Node(found)) {
                    level.count.fetch_add(1, Ordering::Relaxed);
                    // Release: whoever reads it finds the number, and the node behind that.
                    place.fingerprint.store(fingerprint.0, Ordering::Release);
                    return ours;
                }
                if place.fingerprint() == fingerprint {
                    return Some(Node(found));
                }
            }
        }
        None
    }

    /// Moves a stretch of the first level over, if there is a next one.
    fn move_some(&self, region: &Region) {
        let first = self.first();
        let Some(level) = self.levels.get(first).filter(|_| first < self.last()) else { return };
        let stretches = (lines(first) / STRETCH) as u32;
        if level.claimed.load(Ordering::Relaxed) >= stretches {
            return;
        }
        let stretch = level.claimed.fetch_add(1, Ordering::Relaxed) as usize;
        let lines = self.table(region, first).unwrap_or_default();
        let lines = lines.get(stretch * STRETCH..(stretch + 1) * STRETCH).unwrap_or_default();
        let places = || lines.iter().flat_map(Line::places);
        places().for_each(|place| self.prefetch(region, place.fingerprint()));
        // Whoever is left in the middle of it, or of adding an entry, leaves the level to be searched for good.
        let are_moved = places().all(|place| self.move_on(first + 1, place, region));
        // Acquire and release: who moves the last stretch speaks for all.
        if are_moved && level.moved.fetch_add(1, Ordering::AcqRel) + 1 == stretches {
            self.first.fetch_max(first as u32 + 1, Ordering::Release);
        }
    }

    /// Copies what is in a place to the levels from one on. Says whether all goes there that belongs here.
    fn move_on(&self, to: usize, place: Place<'_>, region: &Region) -> bool {
        let node = match place.node() {
            0 => place.take(FROZEN),
            node => node,
        };
        let fingerprint = place.fingerprint();
        node == FROZEN
            || fingerprint != Fingerprint(0)
                && self.put(to, region, fingerprint, || Some(Node(node))).is_some()
    }

    #[inline(always)]
    fn first(&self) -> usize {
        // Acquire: what was moved is found in the levels from here on.
        self.first.load(Ordering::Acquire) as usize
    }

    #[inline(always)]
    fn last(&self) -> usize {
        self.last.load(Ordering::Acquire) as usize
    }

    /// The places in a level for a node with this fingerprint, in the order in which they are taken.
    #[inline(always)]
    fn places<'a>(
        &self,
        region: &'a Region,
        level: usize,
        fingerprint: Fingerprint,
    ) -> Option<impl Iterator<Item = Place<'a>> + use<'a>> {
        Some(self.probed(region, level, fingerprint)?.flat_map(Line::places))
    }

    /// The lines of those. None if there is no memory.
    #[inline(always)]
    fn probed<'a>(
        &self,
        region: &'a Region,
        level: usize,
        fingerprint: Fingerprint,
    ) -> Option<impl Iterator<Item = &'a Line> + use<'a>> {
        let first = fingerprint.0 as usize % lines(level);
        let (before, from) = self.table(region, level)?.split_at_checked(first)?;
        Some(from.iter().chain(before).take(PROBED))
    }

    #[inline(always)]
    fn table<'a>(&self, region: &'a Region, level: usize) -> Option<&'a [Line]> {
        region.slice_or_make(&self.levels.get(level)?.offset, lines(level))
    }
}

/// How many entries keep searches in a level short.
fn full(level: usize) -> usize {
    lines(level) * LINE / 10 * 7
}

/// How many lines a level has.
#[inline(always)]
fn lines(level: usize) -> usize {
    LEVEL_0_LINES << level
}

impl Level {
    fn is_full(&self, number: usize) -> bool {
        self.count.load(Ordering::Relaxed) as usize >= full(number)
    }
}

impl Line {
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let places = self.fingerprints.iter().zip(&self.nodes);
        places.map(|(fingerprint, node)| Place { fingerprint, node })
    }
}

impl Place<'_> {
    /// 0 if it is free.
    #[inline(always)]
    fn node(self) -> u32 {
        // Acquire: the node was made before.
        self.node.load(Ordering::Acquire)
    }

    /// 0 while the entry is not whole.
    #[inline(always)]
    fn fingerprint(self) -> Fingerprint {
        // Acquire: the number was stored before.
        Fingerprint(self.fingerprint.load(Ordering::Acquire))
    }

    /// What the place has, now that it is not free: this, if it was.
    fn take(self, node: u32) -> u32 {
        // Release: whoever finds the number finds the node behind it.
        let taken = self.node.compare_exchange(0, node, Ordering::AcqRel, Ordering::Acquire);
        taken.map_or_else(|theirs| theirs, |_| node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::region;

    fn fingerprint(number: u32) -> Fingerprint {
        Fingerprint::outside(0).calling(number.into())
    }

    /// Adds the nodes of so many numbers, unless they are there.
    fn fill(table: &NodeTable, region: &Region, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let added = table.find_or_add(region, fingerprint(number), || Some(Node(number)));
            assert_eq!(added, Some(Node(number)));
        }
    }

    fn table() -> NodeTable {
        // SAFETY: zeroed memory is an empty one.
        #[expect(unsafe_code, reason = "as it lies in a region")]
        unsafe {
            core::mem::zeroed()
        }
    }

    #[test]
    fn entries_move_to_larger_levels_until_one_holds_all() {
        let (table, region) = (table(), region(64 << 20));
        let (mut settled, mut levels) = (0, 0);
        for number in 1..400_000 {
            fill(&table, region, number..=number);
            settled += u32::from(table.first() == table.last());
            levels = levels.max(table.last() - table.first());
        }
        assert!(table.last() >= 4 && levels == 1, "a level is empty before the next one but one begins");
        assert!(settled > 300_000, "one level has all most of the time: {settled}");
        assert!((1..400_000).all(|number| table.find(region, fingerprint(number)) == Some(Node(number))));
        assert_eq!(table.find(region, fingerprint(400_000)), None);
    }

    #[test]
    fn the_next_level_is_known_before_it_is_needed() {
        let (table, region) = (table(), region(64 << 20));
        fill(&table, region, 1..full(0) as u32 / 8 * 7);
        assert!(table.next_level(region).is_none());
        fill(&table, region, full(0) as u32 / 8 * 7..full(0) as u32);
        assert_eq!(table.last(), 0);
        let next = table.next_level(region).unwrap().as_ptr_range();
        fill(&table, region, full(0) as u32..full(0) as u32 + 10);
        assert_eq!(table.last(), 1);
        assert_eq!(table.table(region, 1).unwrap().as_ptr_range(), next);
        assert!(table.next_level(region).is_none());
    }

    #[test]
    fn one_that_is_being_added_is_found_later_in_its_level() {
        let (table, region) = (table(), region(64 << 20));
        fill(&table, region, 1..=1);
        let place = table.places(region, 0, fingerprint(1)).unwrap().next().unwrap();
        place.fingerprint.store(0, Ordering::Relaxed);
        assert_eq!(table.find(region, fingerprint(1)), None);
        fill(&table, region, 2..100_000);
        assert_eq!(table.first(), 0, "the level is searched for good");
        assert!(table.last() > 0);
        place.fingerprint.store(fingerprint(1).0, Ordering::Release);
        assert!((1..100_000).all(|number| table.find(region, fingerprint(number)) == Some(Node(number))));
    }

    #[test]
    fn what_threads_add_is_there_once_they_have_however_often_the_table_grows() {
        let (table, region) = (table(), region(256 << 20));
        let (made, numbers) = (AtomicU32::new(0), 1..150_000);
        let add = |number: u32| {
            let make = || Some(Node(made.fetch_add(1, Ordering::Relaxed) << 18 | number));
            let node = table.find_or_add(region, fingerprint(number), make).unwrap();
            assert_eq!(node.0 % (1 << 18), number);
            node
        };
        let all = || numbers.clone().map(add).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            scope.spawn(all);
            scope.spawn(all);
        });
        let after = made.load(Ordering::Relaxed);
        let found = numbers.clone().map(|number| table.find(region, fingerprint(number)).unwrap());
        assert!(all().into_iter().eq(found));
        assert_eq!(made.load(Ordering::Relaxed), after, "none is added again");
    }
}
