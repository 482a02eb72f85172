//! Rows counted by backtrace, blocks in parallel.

use std::ops::Range;

use rayon::prelude::*;

use crate::bit_set::ones;
use crate::columns::Columns;
use crate::layout::NEVER;
use crate::row_set::{block_len, block_rows};
use crate::{Cancel, IndexError, RowSet};

/// Rows looked at together: what is read of them stays in the cache of a core, beside the tallies.
const ROWS_AT_ONCE: usize = 1 << 12;

/// What some rows of one backtrace have in common. Rows are numbered with 32 bits, and so counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(super) bytes: u64,
    pub(super) leaked_bytes: u64,
    pub(super) min_size: u64,
    pub(super) max_size: u64,
    pub(super) count: u32,
    pub(super) leaked_count: u32,
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Tally {
    pub(super) const NOTHING: Self = Self {
        bytes: 0,
        leaked_bytes: 0,
        min_size: u64::MAX,
        max_size: 0,
        count: 0,
        leaked_count: 0,
        first: u32::MAX,
        last: 0,
    };

    /// Sums wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴, and differences stay right.
    #[inline]
    pub(super) fn add(&mut self, row: u32, size: u64, death: u64) {
        let leaked = u32::from(death == NEVER);
        self.count += 1;
        self.bytes = self.bytes.wrapping_add(size);
        self.leaked_count += leaked;
        self.leaked_bytes = self.leaked_bytes.wrapping_add(size * u64::from(leaked));
        self.min_size = self.min_size.min(size);
        self.max_size = self.max_size.max(size);
        self.first = self.first.min(row);
        self.last = self.last.max(row);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.leaked_count += other.leaked_count;
        self.leaked_bytes = self.leaked_bytes.wrapping_add(other.leaked_bytes);
        self.min_size = self.min_size.min(other.min_size);
        self.max_size = self.max_size.max(other.max_size);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// The tallies of all backtraces over the rows in some blocks, in a few parts: one for each thread.
pub(super) fn tally_blocks(
    columns: &Columns<'_>,
    rows: &RowSet,
    blocks: &[usize],
    cancel: &Cancel,
) -> Result<Vec<Vec<Tally>>, IndexError> {
    let share = blocks.len().div_ceil(rayon::current_num_threads()).max(1);
    let count = |blocks: &[usize]| {
        let mut counting = Counting::new(columns);
        for block in blocks {
            cancel.check()?;
            counting.block(rows, *block);
        }
        Ok(counting.tallies)
    };
    blocks.par_chunks(share).map(count).collect()
}

struct Counting<'a> {
    columns: &'a Columns<'a>,
    tallies: Vec<Tally>,
    backtraces: Vec<u32>,
    sizes: Vec<u64>,
    deaths: Vec<u64>,
}

impl<'a> Counting<'a> {
    fn new(columns: &'a Columns<'a>) -> Self {
        let tallies = vec![Tally::NOTHING; columns.backtrace_count() as usize];
        Self { columns, tallies, backtraces: Vec::new(), sizes: Vec::new(), deaths: Vec::new() }
    }

    fn block(&mut self, rows: &RowSet, index: usize) {
        let words = rows.block(index).words(block_len(rows.universe(), index));
        let block = block_rows(rows.universe(), index);
        for (words, start) in words.chunks(ROWS_AT_ONCE / 64).zip(block.clone().step_by(ROWS_AT_ONCE)) {
            if words.iter().any(|word| *word != 0) {
                self.part(words, start..block.end.min(start + ROWS_AT_ONCE));
            }
        }
    }

    fn part(&mut self, words: &[u64], rows: Range<usize>) {
        let first = rows.start as u32;
        let backtraces = self.columns.backtrace.read(rows.clone(), &mut self.backtraces);
        let sizes = self.columns.size.read(rows.clone(), &mut self.sizes);
        let deaths = self.columns.death.read(rows, &mut self.deaths);
        for offset in ones(words) {
            let at = offset as usize;
            // Backtraces that a damaged index names but does not have are passed over.
            if let Some(tally) = self.tallies.get_mut(backtraces[at] as usize) {
                tally.add(first + offset, sizes[at], deaths[at]);
            }
        }
    }
}
