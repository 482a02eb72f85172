//! What happened in the span of the moment, up to it.

use std::ops::Range;

use rayon::prelude::*;

use super::balance::Balance;
use super::deaths::Deaths;
use crate::columns::Columns;
use crate::layout::BLOCK_ROWS;
use crate::row_set::{block_len, first_row};
use crate::span::Span;
use crate::{Cancel, IndexError};

/// Births and deaths at `instants`, all of one span.
pub(super) struct Edge<'a> {
    columns: &'a Columns<'a>,
    instants: Span,
    born: Range<u32>,
    /// Blocks that have any of them.
    blocks: Vec<usize>,
}

impl<'a> Edge<'a> {
    pub(super) fn of(columns: &'a Columns<'a>, deaths: &Deaths, instants: Span) -> Self {
        let born = columns.born(instants.from, instants.to);
        let births = born.start as usize / BLOCK_ROWS..(born.end as usize).div_ceil(BLOCK_ROWS);
        let mut edge = Self { columns, instants, born, blocks: Vec::new() };
        let has_any = |index: &usize| {
            births.contains(index) || deaths.can_be_in(*index, instants) && edge.has_deaths(*index)
        };
        edge.blocks = (0..columns.zones.len()).filter(has_any).collect();
        edge
    }

    /// All of it, or `None` if there is nothing.
    pub(super) fn balance(&self, cancel: &Cancel) -> Result<Option<Balance>, IndexError> {
        let share = self.blocks.len().div_ceil(rayon::current_num_threads()).max(1);
        let count = |blocks: &[usize]| {
            let mut balance = Balance::nothing(self.columns.backtrace_count());
            for index in blocks {
                cancel.check()?;
                self.count_block(*index, &mut balance);
            }
            Ok(balance)
        };
        let sum = |mut all: Balance, other: Balance| {
            all.add(&other);
            Ok(all)
        };
        self.blocks.par_chunks(share).map(count).try_reduce_with(sum).transpose()
    }

    fn has_deaths(&self, index: usize) -> bool {
        !self.instants.misses(self.columns.zones[index].death)
    }

    fn count_block(&self, index: usize, balance: &mut Balance) {
        let columns = self.columns;
        let first = first_row(index);
        let rows = first..first + block_len(columns.row_count(), index);
        for row in rows.start.max(self.born.start) as usize..rows.end.min(self.born.end) as usize {
            balance.birth(columns.backtrace.at(row), columns.size.at(row));
        }
        if !self.has_deaths(index) {
            return;
        }
        let rows = rows.start as usize..rows.end as usize;
        let deaths = rows.clone().zip(columns.death.iter(rows));
        for (row, _) in deaths.filter(|(_, death)| self.instants.contains(*death)) {
            balance.death(columns.backtrace.at(row), columns.size.at(row));
        }
    }
}
