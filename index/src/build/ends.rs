//! How rows end: told in the order of their ends, asked for by blocks of rows.
//!
//! Rows end in another order than they begin. The latest blocks are open: an end is written where it belongs. What ends in
//! a block that was closed comes late, and is kept apart.

use std::collections::VecDeque;

use bytehound_store::Scratch;

use super::late_ends::{FinishedLateEnds, LateEnds};
use super::lists::{Lists, lists};
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NEVER, NONE, flags};

lists!(
    /// How a row ends. The time is [`NEVER`], the backtrace and the thread are [`NONE`] where there are none; the link is
    /// that of a [`Link`].
    Fate,
    /// Those of all rows, so far.
    Fates,
    /// Those of all rows.
    FinishedFates,
    { time: u64, backtrace: u32, thread: u32, link: u32 }
);

impl Fate {
    /// That of a row that goes on.
    pub(super) const OPEN: Self = Self { time: NEVER, backtrace: NONE, thread: NONE, link: NONE };
}

/// A row that ends. It is told by its place where rows are in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) row: u32,
    pub(super) fate: Fate,
}

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

/// Blocks whose rows can end at once (24 MiB): what dies young, as most does, dies in these.
const OPEN_BLOCKS: usize = 16;

/// Ends so far.
pub(super) struct Ends {
    closed: Fates,
    /// The row that the first open block begins with.
    first_open: usize,
    open: VecDeque<Vec<Fate>>,
    /// Of rows in blocks that are closed.
    late: LateEnds,
}

/// All ends.
pub(super) struct FinishedEnds {
    fates: FinishedFates,
    late: FinishedLateEnds,
    rows: usize,
}

/// How the rows of a block end, one number each.
#[derive(Debug, Default)]
pub(super) struct BlockEnds {
    pub(super) time: Vec<u64>,
    pub(super) backtrace: Vec<u32>,
    pub(super) thread: Vec<u32>,
    pub(super) link: Vec<u32>,
}

impl Ends {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            closed: Fates::new(scratch)?,
            first_open: 0,
            open: VecDeque::new(),
            late: LateEnds::new(scratch)?,
        })
    }

    #[inline]
    pub(super) fn push(&mut self, end: End) -> Result<(), IndexError> {
        let Some(at) = (end.row as usize).checked_sub(self.first_open) else { return self.late.push(end) };
        match self.open.get_mut(at / BLOCK_ROWS) {
            Some(block) => {
                block[at % BLOCK_ROWS] = end.fate;
                Ok(())
            }
            None => self.push_ahead(end),
        }
    }

    /// Ends of `rows` rows are all of them.
    pub(super) fn finish(mut self, rows: usize) -> Result<FinishedEnds, IndexError> {
        while self.first_open < rows {
            let block = self.open.pop_front().unwrap_or_else(|| vec![Fate::OPEN; BLOCK_ROWS]);
            self.close(&block[..BLOCK_ROWS.min(rows - self.first_open)])?;
        }
        Ok(FinishedEnds { fates: self.closed.finish()?, late: self.late.finish()?, rows })
    }

    /// Opens blocks until the row is in one.
    #[cold]
    fn push_ahead(&mut self, end: End) -> Result<(), IndexError> {
        while end.row as usize >= self.first_open + self.open.len() * BLOCK_ROWS {
            let mut next = Vec::new();
            if self.open.len() == OPEN_BLOCKS {
                next = self.open.pop_front().unwrap_or_default();
                self.close(&next)?;
            }
            next.clear();
            next.resize(BLOCK_ROWS, Fate::OPEN);
            self.open.push_back(next);
        }
        self.push(end)
    }

    fn close(&mut self, block: &[Fate]) -> Result<(), IndexError> {
        self.first_open += block.len();
        self.closed.append(block)
    }
}

impl FinishedEnds {
    /// The ends of one block, packed, if nothing changed since; none has a link then.
    pub(super) fn packed(&self, block: usize) -> Option<&FinishedFates> {
        let has_links = self.fates.link.extremes(block).least != u64::from(NONE);
        (!has_links && !self.late.has(block)).then_some(&self.fates)
    }

    /// The ends of one block.
    pub(super) fn block(&self, block: usize) -> BlockEnds {
        let start = block * BLOCK_ROWS;
        let rows = start..self.rows.min(start + BLOCK_ROWS);
        let mut ends = BlockEnds::default();
        self.fates.time.column().copy_to(rows.clone(), &mut ends.time);
        self.fates.backtrace.column().copy_to(rows.clone(), &mut ends.backtrace);
        self.fates.thread.column().copy_to(rows.clone(), &mut ends.thread);
        self.fates.link.column().copy_to(rows, &mut ends.link);
        self.late.of_block(block, |late| {
            let at = late.row as usize - start;
            ends.time[at] = late.time;
            ends.backtrace[at] = late.backtrace;
            ends.thread[at] = late.thread;
            ends.link[at] = late.link;
        });
        ends
    }

    /// The same ends, of rows that are numbered by their places.
    pub(super) fn placed(&self, place_of: &[u32], scratch: &Scratch) -> Result<Self, IndexError> {
        let mut placed = Ends::new(scratch)?;
        for (block, places) in place_of.chunks(BLOCK_ROWS).enumerate() {
            let ends = self.block(block);
            for (at, place) in places.iter().enumerate() {
                let fate = Fate {
                    time: ends.time[at],
                    backtrace: ends.backtrace[at],
                    thread: ends.thread[at],
                    link: ends.link[at],
                };
                if fate != Fate::OPEN {
                    placed.push(End { row: *place, fate })?;
                }
            }
        }
        placed.finish(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use bytehound_store::Store;

    use super::*;

    #[test]
    fn a_row_ends_as_it_was_told_however_late() {
        let store = Store::temporary().expect("a temporary directory");
        let scratch = store.scratch().expect("a scratch directory");
        let mut ends = Ends::new(&scratch).expect("no ends");
        let rows = (OPEN_BLOCKS + 3) * BLOCK_ROWS + 77;
        let mut expected = vec![Fate::OPEN; rows];
        let mut random = 1_u64;
        for row in 0..rows {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Most end soon, some late, some never; none begins in the block 4.
            let ended = match random >> 60 {
                0..8 => row,
                8..14 => row.saturating_sub((random >> 45) as usize % 999),
                _ => (random >> 20) as usize % (row + 1),
            };
            if expected[ended] == Fate::OPEN && ended / BLOCK_ROWS != 4 {
                let Link(link) = Link::new(random as u32 >> 8, random.is_multiple_of(2));
                let fate = Fate { time: row as u64, backtrace: NONE, thread: random as u32, link };
                ends.push(End { row: ended as u32, fate }).expect("room for one");
                expected[ended] = fate;
            }
        }
        let ends = ends.finish(rows).expect("all of them");
        check(&ends, &expected);
        assert!(ends.late.has(0) && !ends.late.has(OPEN_BLOCKS + 2) && ends.packed(4).is_some());

        let places: Vec<u32> = (0..rows as u32).rev().collect();
        expected.reverse();
        check(&ends.placed(&places, &scratch).expect("room for them"), &expected);
    }

    #[test]
    fn an_end_may_be_far_ahead_of_those_before() {
        let store = Store::temporary().expect("a temporary directory");
        let mut ends = Ends::new(&store.scratch().expect("a scratch directory")).expect("no ends");
        let rows = 3 * OPEN_BLOCKS * BLOCK_ROWS;
        let mut expected = vec![Fate::OPEN; rows];
        for row in [0, rows - 1, 1] {
            expected[row].time = row as u64;
            ends.push(End { row: row as u32, fate: expected[row] }).expect("room for one");
        }
        check(&ends.finish(rows).expect("all of them"), &expected);
    }

    fn check(ends: &FinishedEnds, expected: &[Fate]) {
        for (block, expected) in expected.chunks(BLOCK_ROWS).enumerate() {
            let found = ends.block(block);
            assert!(found.time.iter().eq(expected.iter().map(|fate| &fate.time)), "times of block {block}");
            assert!(found.thread.iter().eq(expected.iter().map(|fate| &fate.thread)), "block {block}");
            assert!(found.link.iter().eq(expected.iter().map(|fate| &fate.link)), "links of block {block}");
            assert!(found.backtrace.iter().all(|backtrace| *backtrace == NONE));
        }
    }

    #[test]
    fn a_link_tells_its_chain_and_what_followed() {
        assert_eq!((Link::new(7, true).chain(), Link::new(7, true).flags()), (7, flags::REALLOCATED));
        assert_eq!((Link::new(7, false).chain(), Link::new(7, false).flags()), (7, 0));
        assert_eq!((Link::new(NONE, false).chain(), Link::new(NONE, false).flags()), (NONE, 0));
    }
}
