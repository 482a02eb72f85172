//! The chronicle followed in parts, side by side: each part tells what changed and how high it went, seen from its
//! beginning; put together in order they are the timeline.

use std::ops::Range;

use bytehound_store::Column;
use rayon::prelude::*;

use super::change::{Change, Live, timeline};
use super::reader::{Reader, walk};
use super::reallocs::Reallocs;
use super::{Grid, Timeline};
use crate::chronicle::Chronicle;
use crate::columns::Columns;
use crate::{Cancel, IndexError, RowSet};

/// Operations that a thread follows at a time: enough that reading sizes of rows born before them is worth it.
const PART_MIN: usize = 1 << 15;
/// Parts for each thread, so that none waits long for the others.
const PARTS: usize = 2;

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
        self.each_part(operations, |part| self.follow(part.clone(), &mut self.reader(&part)))
    }

    /// What changed in each bucket; a bucket that lies in several parts comes several times.
    fn buckets(&self, operations: Range<usize>) -> Result<Vec<(u64, Change)>, IndexError> {
        Ok(self.each_part(operations, |part| self.buckets_of(part))?.concat())
    }

    /// Parts are followed side by side.
    fn each_part<T: Send>(
        &self,
        operations: Range<usize>,
        follow: impl Fn(Range<usize>) -> Result<T, IndexError> + Sync,
    ) -> Result<Vec<T>, IndexError> {
        let share = operations.len().div_ceil(PARTS * rayon::current_num_threads());
        let parts = self.chronicle.parts(operations, share.max(PART_MIN)).into_par_iter();
        parts.with_max_len(1).map(&follow).collect()
    }

    fn reader(&self, operations: &Range<usize>) -> Reader<'_> {
        Reader::new(&self.chronicle, self.size, self.words, operations.clone(), self.cancel)
    }

    fn buckets_of(&self, operations: Range<usize>) -> Result<Vec<(u64, Change)>, IndexError> {
        let mut changes = Vec::new();
        let mut reader = self.reader(&operations);
        let mut rest = operations;
        while !rest.is_empty() {
            let index = self.grid.bucket(self.chronicle.time(rest.start));
            let next = (index + 1).saturating_mul(self.grid.width_us.max(1));
            let end = self.chronicle.first_since(next, rest.clone());
            let change = self.follow(rest.start..end, &mut reader)?;
            if !change.is_nothing() {
                changes.push((index, change));
            }
            rest.start = end;
        }
        Ok(changes)
    }

    fn follow(&self, operations: Range<usize>, reader: &mut Reader<'_>) -> Result<Change, IndexError> {
        let mut change = Change::NOTHING;
        let rows = [operations.start, operations.end].map(|operation| self.chronicle.born_before(operation));
        change.reallocated = self.reallocs.reborn(rows[0]..rows[1]);
        let mut rest = operations;
        while let Some(&first) = self.reallocs.late_in(&rest).first() {
            walk(reader, rest.start..first, &mut change)?;
            rest.start = self.follow_late(first..rest.end, reader, &mut change)?;
        }
        walk(reader, rest, &mut change)?;
        Ok(change)
    }

    /// The rest of a µs, from its first late death: late deaths come last. Tells where the next µs begins.
    fn follow_late(
        &self,
        operations: Range<usize>,
        reader: &mut Reader<'_>,
        change: &mut Change,
    ) -> Result<usize, IndexError> {
        let next_us = self.chronicle.time(operations.start).saturating_add(1);
        let end = self.chronicle.first_since(next_us, operations.clone());
        let late = self.reallocs.late_in(&(operations.start..end));
        let mut start = operations.start;
        for operation in late {
            walk(reader, start..*operation, change)?;
            start = operation + 1;
        }
        walk(reader, start..end, change)?;
        for operation in late {
            let (row, births) = self.chronicle.operation(*operation);
            reader.operation(row, births, change);
        }
        Ok(end)
    }
}
