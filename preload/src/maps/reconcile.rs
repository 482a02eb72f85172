//! The kernel's list against the book: what no call told of is found, what is gone is taken out, files get their
//! names, and boundaries that the kernel drew (`mprotect`, growing stacks) become those of regions.
//!
//! A list is a moment's view, and calls go on. Ranges that calls have touched since are left alone.

use super::book::{Book, Sink};
use super::listing::{Listed, Listing};
use super::regions::{Kind, Moment, Origin, Region};
use crate::sys::Result;

/// Address ranges in order, none touching another.
#[derive(Debug)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(256))
    }

    pub(super) fn set(&mut self, ranges: impl Iterator<Item = (u64, u64)>) {
        self.0.clear();
        self.0.extend(ranges);
        self.0.sort_unstable();
        self.0.dedup_by(|next, before| {
            let touches = next.0 <= before.1;
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
    }

    pub(super) fn meet(&self, start: u64, end: u64) -> bool {
        let first = self.0.partition_point(|range| range.1 <= start);
        self.0.get(first).is_some_and(|range| range.0 < end)
    }
}

/// Kept for its memory.
#[derive(Debug)]
pub(super) struct Reconciler {
    found: Vec<Region>,
    gone: Vec<Region>,
}

impl Reconciler {
    pub(super) fn new() -> Self {
        Self { found: Vec::with_capacity(256), gone: Vec::with_capacity(64) }
    }

    /// Corrects the book by a list, but for what lies in `touched`.
    pub(super) fn correct<S: Sink>(
        &mut self,
        book: &mut Book,
        listing: &Listing,
        touched: &Ranges,
        sink: &mut S,
    ) -> Result<()> {
        let tick = listing.ended;
        let now = Moment::new(tick, sink);
        self.find(book, listing, now);
        let old = book.regions.as_slice();
        let is_same = |a: &Region, b: &Region| {
            (a.start, a.end, a.map, a.kind, a.told) == (b.start, b.end, b.map, b.kind, b.told)
        };
        let stays = |region: &Region| touched.meet(region.start, region.end);
        self.gone.clear();
        let is_found =
            |region: &Region| starting_at(&self.found, region.start).is_some_and(|it| is_same(it, region));
        self.gone.extend(old.iter().filter(|region| !stays(region) && !is_found(region)));
        // What is new: found, not there already, and not where something stays.
        let is_there = |region: &Region| {
            let mut places = book.regions.overlapping(region.start, region.end);
            places.any(|at| old.get(at).is_some_and(|other| is_same(other, region) || stays(other)))
        };
        self.found.retain(|region| !stays(region) && !is_there(region));
        let gone = &self.gone;
        book.regions.exchange(|region| starting_at(gone, region.start).is_none(), &self.found);
        for region in &self.gone {
            // One that was not told, and is told now as it is: nothing has gone.
            let is_told_now =
                || starting_at(&self.found, region.start).is_some_and(|it| it.map == region.map);
            if region.told || !is_told_now() {
                book.tell_gone(region, 0, 0, None, tick, sink)?;
            }
        }
        self.found.iter().try_for_each(|region| book.tell(region, sink))
    }

    /// What the regions would be, by the list alone.
    fn find(&mut self, book: &mut Book, listing: &Listing, now: Moment) {
        self.found.clear();
        for listed in &listing.mappings {
            let name = listing.name(listed);
            let first = self.found.len();
            let mut at = listed.start;
            for place in book.regions.overlapping(listed.start, listed.end) {
                let Some(&region) = book.regions.as_slice().get(place) else { break };
                if is_shown_by(&region, listed, name, book.names.get(region.kind.name)) {
                    self.find_new(at, region.start, listed, name, now, book);
                    self.find_known(&region, listed, name, first, now, book);
                    at = region.end.min(listed.end);
                }
            }
            self.find_new(at, listed.end, listed, name, now, book);
            if matches!(name, b"[heap]" | b"[stack]") {
                self.unite(first);
            }
        }
    }

    /// A part of a mapping that the book does not have.
    fn find_new(
        &mut self,
        start: u64,
        end: u64,
        listed: &Listed,
        name: &[u8],
        since: Moment,
        book: &mut Book,
    ) {
        if start >= end {
            return;
        }
        let (map, name) = (book.next_map(), book.names.intern(name));
        let (origin, usage) = (Origin::Found, Default::default());
        self.found.push(Region {
            start,
            end,
            map,
            kind: kind(listed, start, name),
            origin,
            told: true,
            since,
            usage,
        });
    }

    /// A part of a mapping that the book has: together with the part before it, if that is of the same map.
    fn find_known(
        &mut self,
        region: &Region,
        listed: &Listed,
        name: &[u8],
        first: usize,
        now: Moment,
        book: &mut Book,
    ) {
        let part = region.part(listed.start, listed.end);
        let name = match region.origin {
            Origin::Memory | Origin::Own => region.kind.name,
            Origin::File | Origin::Found => book.names.intern(name),
        };
        let shown = kind(listed, part.start, name);
        let kind = match region.origin {
            Origin::Memory | Origin::Own => Kind { flags: shown.flags, ..part.kind },
            Origin::File | Origin::Found => shown,
        };
        if let Some(before) = self.found.get_mut(first..).and_then(<[_]>::last_mut)
            && before.end == part.start
            && (before.map, before.origin) == (part.map, part.origin)
        {
            before.end = part.end;
            before.usage = before.usage + part.usage;
            before.since = now;
            return;
        }
        // Where a region that was told has changed, it did so by now. What is our own is of no interest before.
        let is_of_before = region.told || region.origin == Origin::Own;
        let since = if is_of_before { now } else { part.since };
        self.found.push(Region { kind, since, told: true, ..part });
    }

    /// Makes one region of those from `first` on: a heap or a stack that has grown.
    fn unite(&mut self, first: usize) {
        let Some(parts) = self.found.get(first..) else { return };
        let oldest = parts.iter().min_by_key(|region| region.map);
        let (Some(&oldest), Some(start), Some(end)) = (oldest, parts.first(), parts.last()) else { return };
        let united = Region { start: start.start, end: end.end, ..oldest };
        self.found.truncate(first);
        self.found.push(united);
    }
}

/// Whether a mapping can be what a region says that it is; otherwise others have mapped something there.
fn is_shown_by(region: &Region, listed: &Listed, name: &[u8], own_name: &str) -> bool {
    let Kind { offset, inode, major, minor, .. } = region.kind;
    let place = (listed.inode, listed.major, listed.minor);
    let is_aligned = || offset.wrapping_sub(region.start) == listed.offset.wrapping_sub(listed.start);
    match region.origin {
        // Shared memory without a file has one all the same.
        Origin::Memory | Origin::Own => {
            listed.inode == 0 || name.starts_with(b"/dev/zero") || name.starts_with(b"/anon_hugepage")
        }
        Origin::File if inode == 0 => listed.inode != 0 && is_aligned(),
        Origin::Found if inode == 0 => listed.inode == 0 && own_name.as_bytes() == name,
        Origin::File | Origin::Found => (inode, major, minor) == place && is_aligned(),
    }
}

fn kind(listed: &Listed, start: u64, name: super::names::Name) -> Kind {
    let Listed { flags, inode, major, minor, .. } = *listed;
    let offset = if inode == 0 { 0 } else { listed.offset + (start - listed.start) };
    Kind { flags, name, offset, inode, major, minor }
}

fn starting_at(regions: &[Region], start: u64) -> Option<&Region> {
    let at = regions.binary_search_by_key(&start, |region| region.start).ok()?;
    regions.get(at)
}
