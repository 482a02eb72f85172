//! All regions, in order of address. No two of them overlap.

use core::ops::Range;

use bytehound_format::Timestamp;

use super::apportion::Usage;
use super::book::Sink;
use super::names::Name;
use crate::clock::Tick;

/// Number of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MapId(pub(super) u64);

/// A part of a map that is one mapping, as far as the map goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) map: MapId,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    /// Whether the stream has it.
    pub(super) told: bool,
    /// From when on it is there.
    pub(super) since: Moment,
    pub(super) usage: Usage,
}

/// What a region shows, and how it may be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Bits of the format's `region_flags`.
    pub(super) flags: u32,
    pub(super) name: Name,
    pub(super) offset: u64,
    pub(super) inode: u64,
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// A tick, and its time as it was converted first: later conversions may differ by a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) tick: Tick,
    pub(super) time: Timestamp,
}

impl Moment {
    pub(super) fn new(tick: Tick, sink: &impl Sink) -> Self {
        Self { tick, time: sink.time(tick) }
    }
}

/// How a region is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A call mapped memory without a file. Its name is ours.
    Memory,
    /// A call mapped a file, whose name the kernel's list tells.
    File,
    /// This library's own.
    Own,
    /// It was found in the kernel's list.
    Found,
}

impl Region {
    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The part of this region within a range, with its share of what is in memory.
    pub(super) fn part(&self, start: u64, end: u64) -> Self {
        let (start, end) = (start.max(self.start), end.min(self.end));
        let offset = match self.kind.inode {
            0 if self.origin != Origin::File => self.kind.offset,
            _ => self.kind.offset + (start - self.start),
        };
        let usage = self.usage.scaled(end - start, self.len());
        Self { start, end, usage, kind: Kind { offset, ..self.kind }, ..*self }
    }
}

/// The regions.
#[derive(Debug, Default)]
pub(super) struct Regions(Vec<Region>);

impl Regions {
    pub(super) fn as_slice(&self) -> &[Region] {
        &self.0
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Region> {
        self.0.get_mut(at)
    }

    /// Places of the regions that have addresses in a range.
    pub(super) fn overlapping(&self, start: u64, end: u64) -> Range<usize> {
        let first = self.0.partition_point(|region| region.end <= start);
        let last = self.0.partition_point(|region| region.start < end);
        first..last.max(first)
    }

    /// Adds a region where there is none.
    pub(super) fn insert(&mut self, region: Region) {
        let at = self.0.partition_point(|other| other.end <= region.start);
        self.0.insert(at, region);
    }

    /// Takes a region out.
    pub(super) fn remove(&mut self, at: usize) -> Region {
        self.0.remove(at)
    }

    /// Puts all regions that `keep` says no to away, and others in.
    pub(super) fn exchange(&mut self, keep: impl Fn(&Region) -> bool, new: &[Region]) {
        self.0.retain(keep);
        self.0.extend_from_slice(new);
        self.0.sort_unstable_by_key(|region| region.start);
    }
}
