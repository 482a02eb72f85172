//! The chronicle followed in parts, side by side: each part tells what changed and how high it went, seen from its
//! beginning; put together in order they are the timeline.

use std::ops::Range;

use bytehound_store::Column;
use rayon::prelude::*;

use super::change::{Change, Live, timeline};
use super::reallocs::Reallocs;
use super::{Grid, Timeline};
use crate::chronicle::{Chronicle, Stretch};
use crate::columns::Columns;
use crate::{Cancel, IndexError, RowSet};

/// Operations that a thread follows at a time: enough that reading sizes of rows born before them is worth it, and few
/// enough that all threads have some.
const PART: Range<usize> = 1 << 15..1 << 22;
/// Parts for each thread.
const PARTS: usize = 2;
/// Rows before the first of a part whose sizes are read too: nearly all that die in it are among them.
const ROWS_BEFORE: usize = 1 << 19;
/// Sizes that are read together.
const ROWS_READ: usize = 1 << 12;
/// The size of rows of at least this size is looked up again.
const LARGE: u32 = u32::MAX >> 1;

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
    let chronicle = Chronicle::of(columns);
    let reallocs = Reallocs::among(columns, &chronicle, &words, cancel)?;
    let all = 0..chronicle.len();
    let first = chronicle.first_since(known.at_us, all.clone());
    let start = chronicle.first_since(grid.start_us, first..all.end);
    let end = grid.end_us.checked_add(1).map_or(all.end, |end| chronicle.first_since(end, start..all.end));
    let sweep = Sweep { size: &columns.size, chronicle, grid, words: &words, reallocs, cancel };
    let live = sweep.before(first..start)?.iter().fold(known.live, |live, change| live.after(change));
    Ok(timeline(grid, live, sweep.buckets(start..end)?))
}

struct Sweep<'a> {
    size: &'a Column<'a, u64>,
    chronicle: Chronicle<'a>,
    grid: Grid,
    /// The rows asked for, a bit each.
    words: &'a [u64],
    reallocs: Reallocs,
    cancel: &'a Cancel,
}

impl Sweep<'_> {
    /// What changed over parts of some operations.
    fn before(&self, operations: Range<usize>) -> Result<Vec<Change>, IndexError> {
        self.each_part(operations, |part| self.follow(part.clone(), &self.read(part)))
    }

    /// What changed in each bucket; a bucket that lies in several parts comes several times.
    fn buckets(&self, operations: Range<usize>) -> Result<Vec<(u64, Change)>, IndexError> {
        Ok(self.each_part(operations, |part| self.buckets_of(part))?.concat())
    }

    /// Parts are followed side by side.
    fn each_part<T: Send>(
        &self,
        operations: Range<usize>,
        follow: impl Fn(Range<usize>) -> T + Sync,
    ) -> Result<Vec<T>, IndexError> {
        let share = operations.len() / (PARTS * rayon::current_num_threads());
        let parts = self.chronicle.parts(operations, share.clamp(PART.start, PART.end)).into_par_iter();
        parts.map(|part| self.cancel.check().map(|()| follow(part))).collect()
    }

    fn buckets_of(&self, operations: Range<usize>) -> Vec<(u64, Change)> {
        let mut changes = Vec::new();
        let part = self.read(operations.clone());
        let mut rest = operations;
        while !rest.is_empty() {
            let index = self.grid.bucket(self.chronicle.time(rest.start));
            let next = (index + 1).saturating_mul(self.grid.width_us.max(1));
            let end = self.chronicle.first_since(next, rest.clone());
            let change = self.follow(rest.start..end, &part);
            if change.operations > 0 {
                changes.push((index, change));
            }
            rest.start = end;
        }
        changes
    }

    fn follow(&self, operations: Range<usize>, part: &Part<'_>) -> Change {
        let mut change = Change::NOTHING;
        let rows = [operations.start, operations.end].map(|operation| self.chronicle.born_before(operation));
        change.reallocated = self.reallocs.reborn(rows[0]..rows[1]);
        let mut rest = operations;
        while let Some(&first) = self.reallocs.late_in(&rest).first() {
            self.walk(rest.start..first, part, &mut change);
            rest.start = self.follow_late(first..rest.end, part, &mut change);
        }
        self.walk(rest, part, &mut change);
        change
    }

    /// The rest of a µs, from its first late death: late deaths come last. Tells where the next µs begins.
    fn follow_late(&self, operations: Range<usize>, part: &Part<'_>, change: &mut Change) -> usize {
        let next_us = self.chronicle.time(operations.start).saturating_add(1);
        let end = self.chronicle.first_since(next_us, operations.clone());
        let late = self.reallocs.late_in(&(operations.start..end));
        let mut start = operations.start;
        for operation in late {
            self.walk(start..*operation, part, change);
            start = operation + 1;
        }
        self.walk(start..end, part, change);
        for operation in late {
            let (row, births) = self.chronicle.operation(*operation);
            let (size, asked) = part.of_row(row);
            change.operation(size, births.into(), asked);
        }
        end
    }

    fn walk(&self, operations: Range<usize>, part: &Part<'_>, change: &mut Change) {
        let mut all = *change;
        part.stretch.walk(operations, |row, births| {
            let (size, asked) = part.of_row(row);
            all.operation(size, births.into(), asked);
        });
        *change = all;
    }

    fn read(&self, operations: Range<usize>) -> Part<'_> {
        let stretch = self.chronicle.stretch(operations);
        let first = stretch.rows.start.saturating_sub(ROWS_BEFORE) / ROWS_READ * ROWS_READ;
        let (mut near, mut buffer) = (Vec::with_capacity(stretch.rows.end - first), Vec::new());
        for start in (first..stretch.rows.end).step_by(ROWS_READ) {
            let rows = start..stretch.rows.end.min(start + ROWS_READ);
            let sizes = self.size.read(rows, &mut buffer);
            for (sizes, word) in sizes.chunks(64).zip(&self.words[start / 64..]) {
                near.extend(sizes.iter().enumerate().map(|(bit, size)| known(*size, word >> bit & 1)));
            }
        }
        Part { stretch, size: self.size, words: self.words, first_near: first as u32, near }
    }
}

/// Operations, and what is known of the rows that most of them are about.
struct Part<'a> {
    stretch: Stretch<'a>,
    size: &'a Column<'a, u64>,
    words: &'a [u64],
    first_near: u32,
    /// See [`known`].
    near: Vec<u32>,
}

/// The size of a row, at most [`LARGE`], above the bit that says whether the row is asked for. 0 if it is not.
#[inline(always)]
fn known(size: u64, asked: u64) -> u32 {
    let size = size.min(LARGE.into()) as u32;
    (size << 1 | 1) & (asked as u32).wrapping_neg()
}

impl Part<'_> {
    /// The size of a row and 1; or 0 and 0 if it is not asked for.
    #[inline(always)]
    fn of_row(&self, row: u32) -> (u64, u64) {
        match self.near.get(row.wrapping_sub(self.first_near) as usize) {
            Some(&known) if known >> 1 < LARGE => ((known >> 1).into(), (known & 1).into()),
            _ => self.of_row_afar(row),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_row_afar(&self, row: u32) -> (u64, u64) {
        let asked = self.words[row as usize / 64] >> (row % 64) & 1;
        (if asked == 1 { self.size.at(row as usize) } else { 0 }, asked)
    }
}
