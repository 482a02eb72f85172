//! Where allocations lie.

use std::ops::Range;

use rayon::prelude::*;

use crate::bit_set::ones;
use crate::columns::Columns;
use crate::layout::flags;
use crate::row_set::{block_len, block_rows, first_row};
use crate::{Cancel, IndexError, Profile, RowSet};

impl Profile {
    /// The addresses that allocations took, with what glibc writes before each; ascending. Those that touch or lie over each
    /// other are one range.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn extents(&self, rows: &RowSet, cancel: &Cancel) -> Result<Vec<Range<u64>>, IndexError> {
        let blocks = (0..rows.block_count()).into_par_iter();
        let of_block = |index: usize| {
            cancel.check()?;
            let mut extents = self.extents_of_block(rows, index);
            extents.sort_unstable_by_key(|extent| extent.start);
            Ok(joined(extents.into_iter(), std::iter::empty()))
        };
        let both = |a: Vec<Range<u64>>, b: Vec<Range<u64>>| {
            cancel.check()?;
            Ok(joined(a.into_iter(), b.into_iter()))
        };
        blocks.map(of_block).try_reduce(Vec::new, both)
    }

    /// From the first to the end of the last allocation that glibc served from its main arena.
    ///
    /// # Errors
    /// As [`Profile::extents`].
    pub fn main_heap(&self, cancel: &Cancel) -> Result<Option<Range<u64>>, IndexError> {
        let columns = self.columns();
        let ends_of_block = |index: usize| {
            cancel.check()?;
            Ok::<_, IndexError>(main_heap_of_block(columns, index))
        };
        let blocks = (0..columns.zones.len()).into_par_iter();
        let ends = blocks.map(ends_of_block).try_reduce(|| None, |a, b| Ok(wider(a, b)))?;
        Ok(ends
            .map(|ends| self.extent(ends.first.0, 0, 0).start..self.end(ends.last.0, ends.last.1 as usize)))
    }

    fn extents_of_block(&self, rows: &RowSet, index: usize) -> Vec<Range<u64>> {
        let columns = self.columns();
        let words = rows.block(index).words(block_len(rows.universe(), index));
        if words.iter().all(|word| *word == 0) {
            return Vec::new();
        }
        let block = block_rows(rows.universe(), index);
        let (mut addresses, mut sizes, mut extras, mut flags) = Default::default();
        let addresses = columns.address.read(block.clone(), &mut addresses);
        let sizes = columns.size.read(block.clone(), &mut sizes);
        let extras = columns.extra.read(block.clone(), &mut extras);
        let flags = columns.flags.read(block, &mut flags);
        let extent = |offset: u32| {
            let at = offset as usize;
            let usable = sizes[at].wrapping_add(u64::from(extras[at]));
            self.extent(addresses[at], usable, flags[at])
        };
        ones(&words).map(extent).collect()
    }

    /// What a block takes: one word before it, two if it has a mapping of its own, and all that can be used of it.
    fn extent(&self, address: u64, usable: u64, block_flags: u8) -> Range<u64> {
        let words = if block_flags & flags::MMAPED == 0 { 1 } else { 2 };
        let header = words * u64::from(self.manifest().pointer_size);
        address.saturating_sub(header)..address.saturating_add(usable)
    }

    fn end(&self, address: u64, row: usize) -> u64 {
        let columns = self.columns();
        address.saturating_add(columns.size.at(row).wrapping_add(u64::from(columns.extra.at(row))))
    }
}

/// The first and the last block of a heap, by address; of several at the last address, the latest.
#[derive(Clone, Copy)]
struct Ends {
    first: (u64, u32),
    last: (u64, u32),
}

fn wider(a: Option<Ends>, b: Option<Ends>) -> Option<Ends> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Ends { first: a.first.min(b.first), last: a.last.max(b.last) }),
        (one, none) => one.or(none),
    }
}

fn main_heap_of_block(columns: &Columns<'_>, index: usize) -> Option<Ends> {
    let block = block_rows(columns.row_count(), index);
    let (mut addresses, mut kinds) = (Vec::new(), Vec::new());
    let addresses = columns.address.read(block.clone(), &mut addresses);
    let kinds = columns.flags.read(block, &mut kinds);
    let rows = addresses.iter().zip(kinds).zip(first_row(index)..);
    let in_main_heap = rows.filter(|((_, kind), _)| *kind & (flags::MMAPED | flags::NON_MAIN_ARENA) == 0);
    let places = in_main_heap.map(|((address, _), row)| (*address, row));
    places.fold(None, |ends, place| wider(ends, Some(Ends { first: place, last: place })))
}

/// Puts two lists together, each in order of its starts; ranges that touch become one.
fn joined(
    a: impl ExactSizeIterator<Item = Range<u64>>,
    b: impl ExactSizeIterator<Item = Range<u64>>,
) -> Vec<Range<u64>> {
    let mut all: Vec<Range<u64>> = Vec::new();
    let (mut a, mut b) = (a.peekable(), b.peekable());
    loop {
        let is_first_next = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => a.start <= b.start,
            (next, _) => next.is_some(),
        };
        let Some(next) = (if is_first_next { a.next() } else { b.next() }) else { return all };
        match all.last_mut().filter(|last| next.start <= last.end) {
            Some(last) => last.end = last.end.max(next.end),
            None => all.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let one = joined([1..5, 2..3, 5..7, 8..8, 8..9].into_iter(), std::iter::empty());
        assert_eq!(one, [1..7, 8..9]);
        assert_eq!(joined(one.into_iter(), [0..1, 7..8, 20..30].into_iter()), [0..9, 20..30]);
    }
}
