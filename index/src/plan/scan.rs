//! Evaluation of a plan over the columns, blocks in parallel.

use std::ops::Range;

use bytehound_store::{Column, Number};
use rayon::prelude::*;

use super::territory::Territory;
use super::{Plan, Test, chains, is_known_member};
use crate::columns::Columns;
use crate::layout::BLOCK_ROWS;
use crate::row_set::{Block, Words, block_len, first_row, ones, range_words};
use crate::{Cancel, IndexError, RowSet};

/// The rows of `base` that fulfil `plan`.
pub(super) fn scan(plan: &Plan<'_>, base: &RowSet, cancel: &Cancel) -> Result<RowSet, IndexError> {
    let touched = blocks(&plan.rows);
    let scan_one = |index: usize| {
        cancel.check()?;
        if touched.contains(&index) { Ok(scan_block(plan, base, index)) } else { Ok(Block::Empty) }
    };
    let blocks = (0..base.block_count()).into_par_iter().map(scan_one).collect::<Result<_, IndexError>>()?;
    Ok(RowSet::from_blocks(base.universe(), blocks))
}

/// The blocks that `rows` lie in.
pub(super) fn blocks(rows: &Range<u32>) -> Range<usize> {
    rows.start as usize / BLOCK_ROWS..(rows.end as usize).div_ceil(BLOCK_ROWS)
}

fn scan_block(plan: &Plan<'_>, base: &RowSet, index: usize) -> Block {
    let zone = &plan.columns.zones[index];
    if matches!(base.block(index), Block::Empty) || plan.tests.iter().any(|test| test.holds_nowhere(zone)) {
        return Block::Empty;
    }
    let len = block_len(base.universe(), index);
    let first = first_row(index);
    let mut words = base.block(index).words(len);
    let asked =
        range_words(plan.rows.start.saturating_sub(first), plan.rows.end.saturating_sub(first).min(len));
    words.iter_mut().zip(&asked).for_each(|(word, asked)| *word &= asked);
    for test in plan.tests.iter().filter(|test| !test.holds_throughout(zone)) {
        test.keep(plan, first, &mut words);
    }
    Block::from_words(&words, len)
}

impl Test {
    /// Clears the bits of rows it does not hold for; bit 0 is row `first`.
    fn keep(&self, plan: &Plan<'_>, first: u32, words: &mut Words) {
        let columns = plan.columns;
        match self {
            Self::Death(span) => keep(&columns.death, first, words, |death| span.contains(death)),
            Self::Size(span) => keep(&columns.size, first, words, |size| span.contains(size)),
            Self::Address(span) => keep(&columns.address, first, words, |address| span.contains(address)),
            Self::Flags(allowed) => keep(&columns.flags, first, words, |flags| allowed[usize::from(flags)]),
            Self::Marker(wanted) => keep(&columns.marker, first, words, |marker| marker == *wanted),
            Self::Thread(wanted) => keep(&columns.thread, first, words, |thread| thread == *wanted),
            Self::Backtrace(set) => {
                keep(&columns.backtrace, first, words, |backtrace| set.contains(backtrace as usize));
            }
            Self::DeallocatedAt(set) => {
                keep(&columns.death_backtrace, first, words, |backtrace| is_known_member(backtrace, set));
            }
            Self::NotDeallocatedAt(set) => {
                keep(&columns.death_backtrace, first, words, |backtrace| !is_known_member(backtrace, set));
            }
            Self::Lifetime(span) => {
                keep_rows(first, words, |row| span.contains(lifetime(columns, row, plan.end_us)))
            }
            Self::Chain(test) => keep_rows(first, words, |row| test.holds(columns, row)),
            Self::Territory(territory) => keep_rows_of(columns, territory, first, words),
        }
    }
}

/// Tests one column, 64 rows at a time: without a branch a row, where any of the 64 is still asked for.
fn keep<T: Number>(column: &Column<'_, T>, first: u32, words: &mut Words, holds: impl Fn(T) -> bool) {
    if let Column::Constant { value, .. } = column {
        if !holds(*value) {
            words.fill(0);
        }
        return;
    }
    let rows = first as usize..column.len().min(first as usize + BLOCK_ROWS);
    let mut buffer = Vec::new();
    let chunks = column.read(rows, &mut buffer).chunks(64);
    for (word, chunk) in words.iter_mut().zip(chunks).filter(|(word, _)| **word != 0) {
        *word &= chunk.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(holds(*value)));
    }
}

/// Tests the rows that are still asked for one by one.
fn keep_rows(first: u32, words: &mut Words, mut holds: impl FnMut(u32) -> bool) {
    let failing: Vec<u32> = ones(words).filter(|offset| !holds(first + offset)).collect();
    failing.into_iter().for_each(|offset| words[offset as usize / 64] &= !(1 << (offset % 64)));
}

/// Rows of a block are in order of birth.
fn keep_rows_of(columns: &Columns<'_>, territory: &Territory, first: u32, words: &mut Words) {
    let [earliest, latest] = columns.zones[first as usize / BLOCK_ROWS].birth;
    let mut walk = territory.between(earliest, latest);
    keep_rows(first, words, |row| {
        let at = row as usize;
        let usable = columns.size.at(at).saturating_add(u64::from(columns.extra.at(at)));
        walk.holds(columns.birth.at(at), columns.address.at(at), usable)
    });
}

fn lifetime(columns: &Columns<'_>, row: u32, end_us: u64) -> u64 {
    chains::lifetime(columns.birth.at(row as usize), columns.death.at(row as usize), end_us)
}
