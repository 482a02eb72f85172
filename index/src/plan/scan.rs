//! Evaluation of a plan over the columns, blocks in parallel.

use std::ops::Range;

use bytehound_store::{Column, Number};
use multiversion::multiversion;
use rayon::prelude::*;

use super::chains::lifetime;
use super::territory::{Territory, Walk};
use super::{Plan, Test, is_known_member};
use crate::bit_set::ones;
use crate::columns::Columns;
use crate::layout::BLOCK_ROWS;
use crate::row_set::{Block, Words, block_len, first_row, range_words};
use crate::span::Span;
use crate::{Blocks, Cancel, IndexError, RowSet};

/// Rows of a column that are read at a time: few enough to stay in the nearest cache.
const READ: usize = 4096;
/// Looking a row up takes as long as reading so many.
const SPARSE: usize = 32;

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

/// What [`scan`] looks into.
pub(super) fn looked_into(plan: &Plan<'_>, base: &RowSet) -> Blocks {
    let touched = blocks(&plan.rows);
    let mut looked = Blocks { skipped: base.block_count() - touched.len(), ..Blocks::default() };
    for index in touched {
        let zone = &plan.columns.zones[index];
        let count = match is_skipped(plan, base, index) {
            true => &mut looked.skipped,
            false if plan.tests.iter().all(|test| test.holds_throughout(zone)) => &mut looked.taken,
            false => &mut looked.tested,
        };
        *count += 1;
    }
    looked
}

/// Whether the zone tells that no row of a block is found.
fn is_skipped(plan: &Plan<'_>, base: &RowSet, index: usize) -> bool {
    let zone = &plan.columns.zones[index];
    matches!(base.block(index), Block::Empty) || plan.tests.iter().any(|test| test.holds_nowhere(zone))
}

fn scan_block(plan: &Plan<'_>, base: &RowSet, index: usize) -> Block {
    let zone = &plan.columns.zones[index];
    if is_skipped(plan, base, index) {
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
            Self::Lifetime(span) => keep_lifetimes(columns, *span, plan.end_us, first, words),
            Self::Chain(test) => test.keep(columns, first, words),
            Self::Territory(territory) => keep_rows_of(columns, territory, first, words),
        }
    }
}

/// Tests one column, 64 rows at a time: without a branch a row, where any of the 64 is still asked for.
pub(super) fn keep<T: Number>(
    column: &Column<'_, T>,
    first: u32,
    words: &mut Words,
    holds: impl Fn(T) -> bool,
) {
    if let Column::Constant { value, .. } = column {
        if !holds(*value) {
            words.fill(0);
        }
        return;
    }
    if is_sparse(words) {
        return keep_rows(first, words, |row| holds(column.at(row as usize)));
    }
    let mut buffer = Vec::new();
    let rows = block_from(first, column.len());
    for (words, start) in words.chunks_mut(READ / 64).zip(rows.clone().step_by(READ)) {
        let values = column.read(start..rows.end.min(start + READ), &mut buffer);
        keep_values(values, words, &holds);
    }
}

/// Compiled for each set of instructions.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
fn keep_values<T: Number>(values: &[T], words: &mut [u64], holds: &impl Fn(T) -> bool) {
    for (word, chunk) in words.iter_mut().zip(values.chunks(64)).filter(|(word, _)| **word != 0) {
        *word &= bits(chunk.iter().map(|value| holds(*value)));
    }
}

/// Tests how long rows lived, as [`keep`] does.
pub(super) fn keep_lifetimes(columns: &Columns<'_>, span: Span, end_us: u64, first: u32, words: &mut Words) {
    let rows = block_from(first, columns.birth.len());
    let (mut births, mut deaths) = (Vec::new(), Vec::new());
    let births = columns.birth.read(rows.clone(), &mut births).chunks(64);
    let lives = births.zip(columns.death.read(rows, &mut deaths).chunks(64));
    for (word, (births, deaths)) in words.iter_mut().zip(lives).filter(|(word, _)| **word != 0) {
        let lives = births.iter().zip(deaths);
        *word &= bits(lives.map(|(birth, death)| span.contains(lifetime(*birth, *death, end_us))));
    }
}

/// Whether so few rows are still asked for that looking each of them up takes less than reading the block.
fn is_sparse(words: &Words) -> bool {
    words.iter().map(|word| word.count_ones()).sum::<u32>() as usize * SPARSE < BLOCK_ROWS
}

/// Tests the rows that are still asked for one by one.
fn keep_rows(first: u32, words: &mut Words, mut holds: impl FnMut(u32) -> bool) {
    let failing: Vec<u32> = ones(words).filter(|offset| !holds(first + offset)).collect();
    failing.into_iter().for_each(|offset| words[offset as usize / 64] &= !(1 << (offset % 64)));
}

/// Rows of a block are in order of birth. Most begin in what is held all that time: only the others need a closer look.
fn keep_rows_of(columns: &Columns<'_>, territory: &Territory, first: u32, words: &mut Words) {
    let [earliest, latest] = columns.zones[first as usize / BLOCK_ROWS].birth;
    let steady = territory.throughout(earliest, latest);
    let mut sure = *words;
    keep(&columns.address, first, &mut sure, |address| steady.has(address));
    words.iter_mut().zip(&sure).for_each(|(word, sure)| *word &= !sure);
    if words.iter().any(|word| *word != 0) {
        look_closer(columns, territory.between(earliest, latest), first, words);
    }
    words.iter_mut().zip(&sure).for_each(|(word, sure)| *word |= sure);
}

fn look_closer(columns: &Columns<'_>, mut walk: Walk, first: u32, words: &mut Words) {
    let rows = block_from(first, columns.birth.len());
    let (mut births, mut addresses, mut sizes, mut extras) = Default::default();
    let births = columns.birth.read(rows.clone(), &mut births);
    let addresses = columns.address.read(rows.clone(), &mut addresses);
    let sizes = columns.size.read(rows.clone(), &mut sizes);
    let extras = columns.extra.read(rows, &mut extras);
    keep_rows(first, words, |row| {
        let at = (row - first) as usize;
        walk.holds(births[at], addresses[at], sizes[at].saturating_add(u64::from(extras[at])))
    });
}

/// The rows of the block that begins with `first`.
fn block_from(first: u32, row_count: usize) -> Range<usize> {
    first as usize..row_count.min(first as usize + BLOCK_ROWS)
}

/// Up to 64 answers, the first in the lowest bit. They become bytes first, which compilers do many at a time; one
/// multiplication then gathers the lowest bits of eight bytes in the highest byte.
#[inline(always)]
fn bits(answers: impl Iterator<Item = bool>) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bytes = [0; 64];
    bytes.iter_mut().zip(answers).for_each(|(byte, answer)| *byte = u8::from(answer));
    let (eights, _) = bytes.as_chunks::<8>();
    let gathered = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    gathered.rev().fold(0, |bits, byte| bits << 8 | byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::bits;

    proptest! {
        #[test]
        fn every_answer_is_in_its_bit(answers in prop::collection::vec(any::<bool>(), 0..=64)) {
            let expected = answers.iter().rev().fold(0, |bits, answer| bits << 1 | u64::from(*answer));
            prop_assert_eq!(bits(answers.iter().copied()), expected);
        }
    }
}
