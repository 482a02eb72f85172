//! The chronicle followed in parts, side by side: each part tells what changed and how high it went, seen from its
//! beginning; put together in order they are the timeline.

use std::ops::Range;

use bytehound_store::Column;
use rayon::prelude::*;

use super::reallocs::Reallocs;
use super::{Grid, Timeline};
use crate::chronicle::Chronicle;
use crate::columns::Columns;
use crate::model::TimeBucket;
use crate::{Cancel, IndexError, RowSet};

/// Operations that a thread follows at a time.
const PART: usize = 1 << 15;

/// What is live at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) bytes: u64,
    pub(super) count: u64,
}

/// A moment, and what was live of the rows asked for right before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) at_us: u64,
    pub(super) live: Live,
}

/// The timeline of `rows`, of which something is known before the grid begins.
pub(super) fn sweep(
    columns: &Columns<'_>,
    rows: &RowSet,
    grid: Grid,
    known: Known,
    cancel: &Cancel,
) -> Result<Timeline, IndexError> {
    let words = rows.to_words();
    let reallocs = Reallocs::among(columns, &words, cancel)?;
    let chronicle = Chronicle::of(columns);
    let all = 0..chronicle.len();
    let first = chronicle.first_since(known.at_us, all.clone());
    let start = chronicle.first_since(grid.start_us, first..all.end);
    let end = grid.end_us.checked_add(1).map_or(all.end, |end| chronicle.first_since(end, start..all.end));
    let sweep = Sweep { columns, chronicle, grid, words: &words, reallocs, cancel };
    let before = sweep.before(first..start)?;
    let mut live = Live {
        bytes: known.live.bytes.wrapping_add_signed(before.bytes),
        count: known.live.count.wrapping_add_signed(before.count),
    };
    let mut timeline =
        Timeline { grid, live_bytes_start: live.bytes, live_count_start: live.count, points: Vec::new() };
    for (index, change) in sweep.buckets(start..end)? {
        if timeline.points.last().is_none_or(|point| point.index != index) {
            timeline.points.push(TimeBucket { index, ..TimeBucket::default() });
        }
        if let Some(point) = timeline.points.last_mut() {
            change.add_to(point, &mut live);
        }
    }
    Ok(timeline)
}

struct Sweep<'a> {
    columns: &'a Columns<'a>,
    chronicle: Chronicle<'a>,
    grid: Grid,
    /// The rows asked for, a bit each.
    words: &'a [u64],
    reallocs: Reallocs,
    cancel: &'a Cancel,
}

impl Sweep<'_> {
    /// What changed over some operations.
    fn before(&self, operations: Range<usize>) -> Result<Change, IndexError> {
        let parts = self.chronicle.parts(operations, PART).into_par_iter();
        let sum = |a: Change, b: Change| {
            Ok(Change { bytes: a.bytes.wrapping_add(b.bytes), count: a.count + b.count, ..a })
        };
        parts
            .map(|part| {
                self.cancel.check()?;
                Ok(self.follow(part.clone(), &self.sizes_near(&part)))
            })
            .try_reduce(Change::default, sum)
    }

    /// What changed in each bucket; a bucket that lies in several parts comes several times.
    fn buckets(&self, operations: Range<usize>) -> Result<Vec<(u64, Change)>, IndexError> {
        let parts = self.chronicle.parts(operations, PART).into_par_iter();
        let parts: Vec<_> = parts
            .map(|part| {
                self.cancel.check()?;
                Ok(self.buckets_of(part))
            })
            .collect::<Result<_, IndexError>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn buckets_of(&self, part: Range<usize>) -> Vec<(u64, Change)> {
        let mut changes = Vec::new();
        let sizes = self.sizes_near(&part);
        let mut rest = part;
        while !rest.is_empty() {
            let index = self.grid.bucket(self.chronicle.time(rest.start));
            let next = (index + 1).saturating_mul(self.grid.width_us.max(1));
            let end = self.chronicle.first_since(next, rest.clone());
            let change = self.follow(rest.start..end, &sizes);
            if change.operations > 0 {
                changes.push((index, change));
            }
            rest.start = end;
        }
        changes
    }

    fn follow(&self, operations: Range<usize>, sizes: &Sizes<'_>) -> Change {
        let mut change = self.follow_selected(operations.clone(), sizes);
        let rows = [operations.start, operations.end].map(|operation| self.chronicle.born_before(operation));
        change.reallocated = self.reallocs.reborn(rows[0]..rows[1]);
        change
    }

    fn follow_selected(&self, operations: Range<usize>, sizes: &Sizes<'_>) -> Change {
        let mut change = Change::NOTHING;
        let mut late = Late::default();
        self.chronicle.walk(operations, |row, births| {
            if self.words[row as usize / 64] >> (row % 64) & 1 == 0 {
                return;
            }
            let size = sizes.of(row);
            if !self.reallocs.late.is_empty() {
                late.settle(self.chronicle.time_of(row, births), &mut change);
                if births == 0 && self.reallocs.late.contains(&row) {
                    late.put_off(self.chronicle.time_of(row, 0), size);
                    return;
                }
            }
            change.operation(size, births);
        });
        late.end(&mut change);
        change
    }

    /// The sizes of the rows born in a part, and of those born shortly before: most that die in it are among them.
    fn sizes_near(&self, part: &Range<usize>) -> Sizes<'_> {
        let rows = [part.start, part.end].map(|operation| self.chronicle.born_before(operation));
        let start = rows[0].saturating_sub(PART);
        let mut near = Vec::new();
        let size = &self.columns.size;
        size.copy_to(start..rows[1], &mut near);
        Sizes { all: size, start: start as u32, near }
    }
}

struct Sizes<'a> {
    all: &'a Column<'a, u64>,
    start: u32,
    near: Vec<u64>,
}

impl Sizes<'_> {
    #[inline]
    fn of(&self, row: u32) -> u64 {
        let near = self.near.get(row.wrapping_sub(self.start) as usize);
        near.copied().unwrap_or_else(|| self.all.at(row as usize))
    }
}

/// Deaths put off to the end of their µs.
#[derive(Default)]
struct Late {
    at_us: u64,
    sizes: Vec<u64>,
}

impl Late {
    fn put_off(&mut self, at_us: u64, size: u64) {
        self.at_us = at_us;
        self.sizes.push(size);
    }

    /// What was put off happens before what happens later.
    fn settle(&mut self, now_us: u64, change: &mut Change) {
        if now_us != self.at_us {
            self.end(change);
        }
    }

    fn end(&mut self, change: &mut Change) {
        self.sizes.drain(..).for_each(|size| change.operation(size, 0));
    }
}

/// What some operations changed, seen from before the first of them. Sums of bytes wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    operations: u64,
    allocated: Live,
    reallocated: u64,
    bytes: i64,
    count: i64,
    bytes_max: i64,
    count_max: i64,
}

impl Change {
    const NOTHING: Self = Self {
        operations: 0,
        allocated: Live { bytes: 0, count: 0 },
        reallocated: 0,
        bytes: 0,
        count: 0,
        bytes_max: i64::MIN,
        count_max: i64::MIN,
    };

    /// A birth if `births` is 1, a death if it is 0.
    #[inline]
    fn operation(&mut self, size: u64, births: u32) {
        let births = u64::from(births);
        let deaths = births.wrapping_sub(1);
        self.operations += 1;
        self.allocated.count += births;
        self.allocated.bytes = self.allocated.bytes.wrapping_add(size & !deaths);
        // All bits are set for a death: then this is −size.
        self.bytes = self.bytes.wrapping_add(((size ^ deaths).wrapping_sub(deaths)).cast_signed());
        self.count += births.cast_signed() * 2 - 1;
        self.bytes_max = self.bytes_max.max(self.bytes);
        self.count_max = self.count_max.max(self.count);
    }

    /// Goes on from what is live, in a bucket.
    fn add_to(&self, point: &mut TimeBucket, live: &mut Live) {
        point.allocated_count += self.allocated.count;
        point.allocated_bytes = point.allocated_bytes.wrapping_add(self.allocated.bytes);
        point.freed_count += self.operations - self.allocated.count;
        let freed_bytes = self.allocated.bytes.wrapping_sub(self.bytes.cast_unsigned());
        point.freed_bytes = point.freed_bytes.wrapping_add(freed_bytes);
        point.reallocated_count += self.reallocated;
        point.live_bytes_max = point.live_bytes_max.max(live.bytes.wrapping_add_signed(self.bytes_max));
        point.live_count_max = point.live_count_max.max(live.count.wrapping_add_signed(self.count_max));
        live.bytes = live.bytes.wrapping_add_signed(self.bytes);
        live.count = live.count.wrapping_add_signed(self.count);
        point.live_bytes_end = live.bytes;
        point.live_count_end = live.count;
    }
}
