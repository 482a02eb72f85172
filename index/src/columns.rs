//! The sections of one segment, opened and checked together.

use std::ops::Range;

use bytehound_store::{Column, Number, Segment};
use rayon::prelude::*;

use crate::IndexError;
use crate::layout::{
    FrameRecord, MalloptRecord, MapRecord, NONE, RegionRecord, RemovalRecord, StackKeys, ThreadNameRecord,
    UsageRecord, Zone, section,
};
use crate::model::BacktraceId;

/// All sections of a segment. Whoever holds one knows that every checksum was right and the lengths agree.
pub(crate) struct Columns<'a> {
    pub(crate) birth: Column<'a, u64>,
    pub(crate) death: Column<'a, u64>,
    pub(crate) size: Column<'a, u64>,
    pub(crate) extra: Column<'a, u32>,
    pub(crate) address: Column<'a, u64>,
    pub(crate) backtrace: Column<'a, u32>,
    pub(crate) thread: Column<'a, u32>,
    pub(crate) flags: Column<'a, u8>,
    pub(crate) marker: Column<'a, u32>,
    pub(crate) id: Column<'a, u32>,
    pub(crate) chain: Column<'a, u32>,
    pub(crate) death_backtrace: Column<'a, u32>,
    pub(crate) death_thread: Column<'a, u32>,
    /// See [`crate::chronicle::Chronicle`].
    pub(crate) chronicle: &'a [u64],
    pub(crate) deaths: Column<'a, u32>,
    pub(crate) zones: &'a [Zone],
    chain_offsets: &'a [u32],
    chain_rows: &'a [u32],
    backtrace_offsets: &'a [u32],
    /// Streamed when written, and so folded when all are the same frame.
    backtrace_frames: Column<'a, u32>,
    pub(crate) frames: &'a [FrameRecord],
    pub(crate) stack_keys: &'a [StackKeys],
    string_offsets: &'a [u64],
    string_bytes: &'a [u8],
    pub(crate) maps: &'a [MapRecord],
    regions: &'a [RegionRecord],
    pub(crate) removals: &'a [RemovalRecord],
    usage: &'a [UsageRecord],
    pub(crate) mallopts: &'a [MalloptRecord],
    pub(crate) thread_names: &'a [ThreadNameRecord],
}

impl<'a> Columns<'a> {
    /// Those of a segment with a layout that is read.
    pub(crate) fn of(segment: &'a Segment, layout: u32) -> Result<Self, IndexError> {
        segment.section_names().into_par_iter().try_for_each(|name| segment.verify(name))?;
        let columns = Self {
            birth: segment.column(section::BIRTH)?,
            death: segment.column(section::DEATH)?,
            size: segment.column(section::SIZE)?,
            extra: segment.column(section::EXTRA)?,
            address: segment.column(section::ADDRESS)?,
            backtrace: segment.column(section::BACKTRACE)?,
            thread: segment.column(section::THREAD)?,
            flags: segment.column(section::FLAGS)?,
            marker: segment.column(section::MARKER)?,
            id: segment.column(section::ID)?,
            chain: segment.column(section::CHAIN)?,
            death_backtrace: segment.column(section::DEATH_BACKTRACE)?,
            death_thread: segment.column(section::DEATH_THREAD)?,
            chronicle: segment.slice(section::CHRONICLE)?,
            deaths: segment.column(section::DEATHS)?,
            zones: segment.slice(section::ZONES)?,
            chain_offsets: segment.slice(section::CHAIN_OFFSETS)?,
            chain_rows: segment.slice(section::CHAIN_ROWS)?,
            backtrace_offsets: segment.slice(section::BACKTRACE_OFFSETS)?,
            backtrace_frames: segment.column(section::BACKTRACE_FRAMES)?,
            frames: segment.slice(section::FRAMES)?,
            stack_keys: segment.slice(section::STACK_KEYS)?,
            string_offsets: segment.slice(section::STRING_OFFSETS)?,
            string_bytes: segment.slice(section::STRING_BYTES)?,
            maps: segment.slice(section::MAPS)?,
            regions: segment.slice(section::MAP_REGIONS)?,
            removals: segment.slice(section::MAP_REMOVALS)?,
            usage: segment.slice(section::MAP_USAGE)?,
            mallopts: segment.slice(section::MALLOPTS)?,
            thread_names: if layout < 6 { &[] } else { segment.slice(section::THREAD_NAMES)? },
        };
        columns.check_lengths()?;
        Ok(columns)
    }

    pub(crate) fn row_count(&self) -> u32 {
        self.birth.len() as u32
    }

    pub(crate) fn backtrace_count(&self) -> u32 {
        ends(self.backtrace_offsets) as u32
    }

    pub(crate) fn chain_count(&self) -> usize {
        ends(self.chain_offsets)
    }

    /// The rows of a chain, first to last.
    pub(crate) fn chain(&self, index: usize) -> &'a [u32] {
        self.chain_rows.get(part_range(self.chain_offsets, index)).unwrap_or_default()
    }

    /// The chain that a row belongs to, unless it is alone.
    pub(crate) fn chain_of(&self, row: u32) -> Option<&'a [u32]> {
        let chain = self.chain.at(row as usize);
        (chain != NONE).then(|| self.chain(chain as usize))
    }

    /// The frames of a backtrace, outermost first, as indexes.
    pub(crate) fn frames_of(&self, backtrace: BacktraceId) -> Column<'a, u32> {
        let range = part_range(self.backtrace_offsets, backtrace.0 as usize);
        let exists = range.start <= range.end && range.end <= self.backtrace_frames.len();
        self.backtrace_frames.part(if exists { range } else { 0..0 })
    }

    /// The frames of several backtraces in a row: read at once, which takes far less than one by one.
    pub(crate) fn frames_of_each<'b>(
        &self,
        backtraces: Range<usize>,
        buffer: &'b mut Vec<u32>,
    ) -> impl Iterator<Item = &'b [u32]> + use<'a, 'b>
    where
        'a: 'b,
    {
        let ends = self.backtrace_offsets.get(backtraces.start..=backtraces.end).unwrap_or_default();
        let [first, last] = [ends.first(), ends.last()].map(|end| end.map_or(0, |&end| end as usize));
        let exist = first <= last && last <= self.backtrace_frames.len();
        let frames = self.backtrace_frames.read(if exist { first..last } else { 0..0 }, buffer);
        let place = move |end: u32| (end as usize).wrapping_sub(first);
        ends.windows(2).map(move |ends| frames.get(place(ends[0])..place(ends[1])).unwrap_or_default())
    }

    pub(crate) fn string_count(&self) -> usize {
        ends(self.string_offsets)
    }

    pub(crate) fn string(&self, index: u32) -> Option<&'a str> {
        let at = index as usize;
        let range = *self.string_offsets.get(at)? as usize..*self.string_offsets.get(at + 1)? as usize;
        std::str::from_utf8(self.string_bytes.get(range)?).ok()
    }

    /// The regions of a map.
    pub(crate) fn regions_of(&self, map: &MapRecord) -> &'a [RegionRecord] {
        self.regions.get(counted(map.first_region, map.region_count)).unwrap_or_default()
    }

    /// The calls that removed parts of a region.
    pub(crate) fn removals_of(&self, region: &RegionRecord) -> &'a [RemovalRecord] {
        self.removals.get(counted(region.first_removal, region.removal_count)).unwrap_or_default()
    }

    /// What a map needed over time.
    pub(crate) fn usage_of(&self, map: &MapRecord) -> &'a [UsageRecord] {
        self.usage.get(counted(map.first_usage, map.usage_count)).unwrap_or_default()
    }

    /// Rows born in `from..=to`: they lie together.
    pub(crate) fn born(&self, from: u64, to: u64) -> Range<u32> {
        let start = self.partition_by_birth(|birth| birth < from);
        start..self.partition_by_birth(|birth| birth <= to).max(start)
    }

    fn partition_by_birth(&self, before: impl Fn(u64) -> bool) -> u32 {
        let (mut start, mut end) = (0, self.birth.len());
        while start < end {
            let middle = start.midpoint(end);
            if before(self.birth.at(middle)) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        start as u32
    }

    fn check_lengths(&self) -> Result<(), IndexError> {
        let rows = self.birth.len();
        same_length(&self.death, rows, section::DEATH)?;
        same_length(&self.size, rows, section::SIZE)?;
        same_length(&self.extra, rows, section::EXTRA)?;
        same_length(&self.address, rows, section::ADDRESS)?;
        same_length(&self.backtrace, rows, section::BACKTRACE)?;
        same_length(&self.thread, rows, section::THREAD)?;
        same_length(&self.flags, rows, section::FLAGS)?;
        same_length(&self.marker, rows, section::MARKER)?;
        same_length(&self.id, rows, section::ID)?;
        same_length(&self.chain, rows, section::CHAIN)?;
        same_length(&self.death_backtrace, rows, section::DEATH_BACKTRACE)?;
        same_length(&self.death_thread, rows, section::DEATH_THREAD)?;
        let blocks = rows.div_ceil(crate::layout::BLOCK_ROWS);
        agree(u32::try_from(rows).is_ok(), section::BIRTH)?;
        agree(self.zones.len() == blocks, section::ZONES)?;
        agree(self.deaths.len() <= rows, section::DEATHS)?;
        agree(self.chronicle.len() == (rows + self.deaths.len()).div_ceil(64), section::CHRONICLE)?;
        agree(self.stack_keys.len() == self.backtrace_count() as usize, section::STACK_KEYS)
    }
}

fn same_length<T: Number>(column: &Column<'_, T>, rows: usize, name: &str) -> Result<(), IndexError> {
    agree(column.len() == rows, name)
}

fn agree(holds: bool, name: &str) -> Result<(), IndexError> {
    let what = || format!("section `{name}` has another length than the rest");
    if holds { Ok(()) } else { Err(IndexError::Damaged { what: what() }) }
}

/// How many parts a list of offsets delimits.
fn ends<T>(offsets: &[T]) -> usize {
    offsets.len().saturating_sub(1)
}

fn counted(first: u32, count: u32) -> Range<usize> {
    first as usize..first as usize + count as usize
}

/// Where part `index` lies; empty when there is no such part.
fn part_range(offsets: &[u32], index: usize) -> Range<usize> {
    match offsets.get(index..).unwrap_or_default() {
        [start, end, ..] => *start as usize..*end as usize,
        _ => 0..0,
    }
}
