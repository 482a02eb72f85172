//! What a program did to its heap, one step after the other. Births are in order already; deaths wait in a heap that never
//! holds more than what is live.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;

use crate::allocation::position;
use crate::columns::Columns;
use crate::layout::{NEVER, flags};
use crate::model::Row;
use crate::{Profile, RowSet};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A block is allocated; or comes out of a realloc of one that is not looked at.
    Allocate(Row),
    /// A block is freed; or reallocated to one that is not looked at.
    Free(Row),
    /// A block is reallocated.
    Reallocate {
        /// What it was.
        old: Row,
        /// What it became.
        new: Row,
    },
}

impl Profile {
    /// What was done to some blocks, in order of time. Within one µs what is older is freed first, and what is new last.
    pub fn operations<'a>(&'a self, rows: &'a RowSet) -> impl Iterator<Item = Operation> + 'a {
        Operations {
            columns: self.columns(),
            rows,
            births: rows.iter().peekable(),
            deaths: BinaryHeap::new(),
        }
    }
}

struct Operations<'a, B: Iterator<Item = Row>> {
    columns: &'a Columns<'a>,
    rows: &'a RowSet,
    births: Peekable<B>,
    deaths: BinaryHeap<Reverse<(u64, Phase, u32)>>,
}

/// The order of what happens in the same µs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    DeathsOfOlder,
    Births,
    DeathsOfNew,
}

impl<B: Iterator<Item = Row>> Iterator for Operations<'_, B> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let birth = self.births.peek().map(|row| (self.columns.birth.at(row.0 as usize), Phase::Births));
        let death = self.deaths.peek().map(|Reverse((at, phase, _))| (*at, *phase));
        match (birth, death) {
            (Some(birth), Some(death)) if death < birth => self.free(),
            (Some(_), _) => self.births.next().map(|row| self.bear(row)),
            (None, _) => self.free(),
        }
    }
}

impl<B: Iterator<Item = Row>> Operations<'_, B> {
    fn free(&mut self) -> Option<Operation> {
        self.deaths.pop().map(|Reverse((_, _, row))| Operation::Free(Row(row)))
    }

    fn bear(&mut self, row: Row) -> Operation {
        let [birth, death] = [&self.columns.birth, &self.columns.death].map(|times| times.at(row.0 as usize));
        if death != NEVER && self.successor(row).is_none() {
            let phase = if death > birth { Phase::DeathsOfOlder } else { Phase::DeathsOfNew };
            self.deaths.push(Reverse((death.max(birth), phase, row.0)));
        }
        match self.predecessor(row) {
            Some(old) => Operation::Reallocate { old, new: row },
            None => Operation::Allocate(row),
        }
    }

    /// The block that a realloc made of this one.
    fn successor(&self, row: Row) -> Option<Row> {
        let chain = self.columns.chain_of(row.0)?;
        let next = *chain.get(position(chain, row.0) + 1)?;
        self.reallocated(row.0, next).then_some(Row(next))
    }

    /// The block that a realloc made this one of.
    fn predecessor(&self, row: Row) -> Option<Row> {
        let chain = self.columns.chain_of(row.0)?;
        let before = *chain.get(position(chain, row.0).checked_sub(1)?)?;
        self.reallocated(before, row.0).then_some(Row(before))
    }

    /// Whether both are looked at, and the one became the other. Where clocks of threads disagreed, a block can seem to
    /// come out of one that is not there yet: then they are two blocks.
    fn reallocated(&self, old: u32, new: u32) -> bool {
        let is_looked_at = |row| self.rows.contains(Row(row));
        old < new
            && self.columns.flags.at(old as usize) & flags::REALLOCATED != 0
            && is_looked_at(old)
            && is_looked_at(new)
    }
}
