//! How rows end: told in the order of their ends, asked for by blocks of rows.
//!
//! Rows end in another order than they begin, so nobody can write their ends where they belong. What comes is gathered, and
//! sorted by blocks whenever there is much of it: a block then finds its part in each of these runs.

use std::ops::Range;

use bytehound_store::{Column, Number, Scratch};

use super::lists::{Lists, lists};
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NONE, flags};

lists!(
    /// How a row ends. The row is its place where rows are in another order; the time is [`crate::layout::NEVER`], the
    /// backtrace and the thread are [`NONE`] where there are none; the link is that of a [`Link`].
    End,
    /// Ends that are sorted already.
    Sorted,
    /// All ends.
    FinishedSorted,
    { time: u64, row: u32, backtrace: u32, thread: u32, link: u32 }
);

/// The chain that a row is in, and whether a realloc made the next row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link(pub(super) u32);

impl Link {
    /// There are twice as many rows as chains, at least, so the numbers of chains leave a bit.
    const REALLOCATED: u32 = 1 << 31;

    /// `chain` is [`NONE`] for a row that is alone.
    pub(super) fn new(chain: u32, is_reallocated: bool) -> Self {
        Self(if is_reallocated { chain | Self::REALLOCATED } else { chain })
    }

    /// The number of the chain, or [`NONE`].
    pub(super) fn chain(self) -> u32 {
        if self.0 == NONE { NONE } else { self.0 & !Self::REALLOCATED }
    }

    /// [`flags`] of the row.
    pub(super) fn flags(self) -> u8 {
        let is_reallocated = self.0 != NONE && self.0 & Self::REALLOCATED != 0;
        if is_reallocated { flags::REALLOCATED } else { 0 }
    }
}

/// Ends that are sorted together (12 MiB, and as much again while they are).
const RUN: usize = 1 << 19;

/// Ends so far.
pub(super) struct Ends {
    pending: Vec<End>,
    run: Vec<End>,
    sorted: Sorted,
    len: usize,
    runs: Vec<Run>,
}

/// Ends that were sorted together.
#[derive(Debug)]
struct Run {
    /// Each block that has some, and where they begin.
    starts: Vec<(u32, usize)>,
    end: usize,
}

/// All ends.
pub(super) struct FinishedEnds {
    ends: FinishedSorted,
    runs: Vec<Run>,
}

impl Ends {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            pending: Vec::new(),
            run: Vec::new(),
            sorted: Sorted::new(scratch)?,
            len: 0,
            runs: Vec::new(),
        })
    }

    #[inline]
    pub(super) fn push(&mut self, end: End) -> Result<(), IndexError> {
        self.pending.push(end);
        if self.pending.len() < RUN { Ok(()) } else { self.write_run() }
    }

    pub(super) fn finish(mut self) -> Result<FinishedEnds, IndexError> {
        self.write_run()?;
        Ok(FinishedEnds { ends: self.sorted.finish()?, runs: self.runs })
    }

    #[cold]
    fn write_run(&mut self) -> Result<(), IndexError> {
        let block = |end: &End| end.row as usize / BLOCK_ROWS;
        let blocks = self.pending.iter().map(block).max().map_or(0, |last| last + 1);
        let mut places = vec![0; blocks];
        self.pending.iter().for_each(|end| places[block(end)] += 1);
        let (before, mut starts, mut sum) = (self.len, Vec::new(), 0);
        for (block, place) in (0..).zip(&mut places).filter(|(_, count)| **count > 0) {
            starts.push((block, before + sum));
            sum += std::mem::replace(place, sum);
        }
        let Some(&any) = self.pending.first() else { return Ok(()) };
        self.run.resize(self.pending.len(), any);
        for end in self.pending.drain(..) {
            let place = &mut places[block(&end)];
            self.run[*place] = end;
            *place += 1;
        }
        self.len += self.run.len();
        self.runs.push(Run { starts, end: self.len });
        self.sorted.append(&self.run)
    }
}

impl FinishedEnds {
    /// Visits the ends of the rows of one block, in the order in which they came.
    pub(super) fn of_block(&self, block: usize, visit: impl FnMut(&End)) {
        let range = |run: &Run| {
            let at = run.starts.binary_search_by_key(&block, |(block, _)| *block as usize).ok()?;
            let end = run.starts.get(at + 1).map_or(run.end, |(_, next)| *next);
            Some(run.starts[at].1..end)
        };
        self.ends.read(self.runs.iter().filter_map(range), visit);
    }

    /// The same ends, of rows that are numbered by their places.
    pub(super) fn placed(&self, place_of: &[u32], scratch: &Scratch) -> Result<Self, IndexError> {
        let (mut ends, mut added) = (Ends::new(scratch)?, Ok(()));
        let end_of_run = self.runs.last().map_or(0, |run| run.end);
        let parts = (0..end_of_run).step_by(READ).map(|start| start..end_of_run.min(start + READ));
        self.ends.read(parts, |end| {
            if added.is_ok() {
                added = ends.push(End { row: place_of[end.row as usize], ..*end });
            }
        });
        added.and_then(|()| ends.finish())
    }
}

/// Ends that are read at a time.
const READ: usize = 1 << 12;

impl FinishedSorted {
    fn read(&self, ranges: impl Iterator<Item = Range<usize>>, mut visit: impl FnMut(&End)) {
        let (mut time, mut row, mut backtrace, mut thread, mut link) = Default::default();
        for range in ranges {
            copy(self.time.column(), &range, &mut time);
            copy(self.row.column(), &range, &mut row);
            copy(self.backtrace.column(), &range, &mut backtrace);
            copy(self.thread.column(), &range, &mut thread);
            copy(self.link.column(), &range, &mut link);
            for at in 0..range.len() {
                visit(&End {
                    time: time[at],
                    row: row[at],
                    backtrace: backtrace[at],
                    thread: thread[at],
                    link: link[at],
                });
            }
        }
    }
}

fn copy<T: Number>(column: Column<'_, T>, range: &Range<usize>, values: &mut Vec<T>) {
    column.copy_to(range.clone(), values);
}

#[cfg(test)]
mod tests {
    use bytehound_store::Store;

    use super::*;

    #[test]
    fn every_block_finds_its_ends_in_the_order_they_came() {
        let store = Store::temporary().expect("a temporary directory");
        let mut ends = Ends::new(&store.scratch().expect("a scratch directory")).expect("no ends");
        let mut expected = vec![Vec::new(); 9];
        let mut random = 1_u64;
        for time in 0..RUN as u64 * 2 + 77 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // None in the block 4.
            let block = [0, 1, 2, 3, 8][(random >> 60) as usize % 5];
            let row = (block * BLOCK_ROWS + (random >> 40) as usize % BLOCK_ROWS) as u32;
            let Link(link) = Link::new(random as u32 >> 8, random.is_multiple_of(2));
            let end = End { time, row, backtrace: NONE, thread: random as u32, link };
            ends.push(end).expect("room for one");
            expected[block].push(end);
        }
        let ends = ends.finish().expect("all of them");
        for (block, expected) in expected.iter().enumerate() {
            let mut found = Vec::new();
            ends.of_block(block, |end| found.push(*end));
            assert!(found == *expected, "block {block}");
        }
    }

    #[test]
    fn a_link_tells_its_chain_and_what_followed() {
        assert_eq!((Link::new(7, true).chain(), Link::new(7, true).flags()), (7, flags::REALLOCATED));
        assert_eq!((Link::new(7, false).chain(), Link::new(7, false).flags()), (7, 0));
        assert_eq!((Link::new(NONE, false).chain(), Link::new(NONE, false).flags()), (NONE, 0));
    }
}
