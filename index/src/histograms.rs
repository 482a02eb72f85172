//! How sizes and lifetimes of allocations are distributed, by powers of two.

use rayon::prelude::*;

use crate::bit_set::ones;
use crate::columns::Columns;
use crate::layout::NEVER;
use crate::model::Row;
use crate::row_set::{block_len, first_row};
use crate::{Cancel, IndexError, Profile, RowSet, Selection};

/// One for 0, and one for each length in bits that a number can have.
const BINS: usize = 65;

/// The distributions of some allocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histograms {
    /// By requested size.
    pub sizes: Histogram,
    /// By lifetime in µs, of those that were freed.
    pub lifetimes: Histogram,
    /// Those that never were.
    pub never_freed: Tally,
}

/// Allocations by a number that they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram([Tally; BINS]);

/// How many allocations, and Σ size of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "said above")]
pub struct Tally {
    pub count: u64,
    pub bytes: u64,
}

/// Those whose number is in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The smallest number that belongs here.
    pub at_least: u64,
    /// And the largest.
    pub at_most: u64,
    /// What is here.
    pub tally: Tally,
}

impl Profile {
    /// How sizes and lifetimes of a selection are distributed.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn histograms(&self, selection: &Selection, cancel: &Cancel) -> Result<Histograms, IndexError> {
        of_rows(self.columns(), self.rows(selection, cancel)?.as_ref(), cancel)
    }
}

fn of_rows(columns: &Columns<'_>, rows: &RowSet, cancel: &Cancel) -> Result<Histograms, IndexError> {
    let count_block = |mut counted: Histograms, index: usize| {
        cancel.check()?;
        let words = rows.block(index).words(block_len(rows.universe(), index));
        ones(&words).for_each(|offset| counted.add(columns, Row(first_row(index) + offset)));
        Ok(counted)
    };
    let merge = |all: Histograms, others: Histograms| Ok::<_, IndexError>(all.with(&others));
    (0..rows.block_count())
        .into_par_iter()
        .try_fold(Histograms::nothing, count_block)
        .try_reduce(Histograms::nothing, merge)
}

impl Histograms {
    fn nothing() -> Self {
        Self { sizes: Histogram::nothing(), lifetimes: Histogram::nothing(), never_freed: Tally::default() }
    }

    fn add(&mut self, columns: &Columns<'_>, row: Row) {
        let at = row.0 as usize;
        let (size, death) = (columns.size.at(at), columns.death.at(at));
        let one = Tally { count: 1, bytes: size };
        self.sizes.add(size, one);
        match death {
            NEVER => self.never_freed.add(one),
            death => self.lifetimes.add(death.saturating_sub(columns.birth.at(at)), one),
        }
    }

    fn with(mut self, other: &Self) -> Self {
        self.sizes.merge(&other.sizes);
        self.lifetimes.merge(&other.lifetimes);
        self.never_freed.add(other.never_freed);
        self
    }
}

impl Histogram {
    /// The bins that have something, ascending.
    pub fn bins(&self) -> impl Iterator<Item = Bin> + '_ {
        let used = self.0.iter().enumerate().filter(|(_, tally)| tally.count > 0);
        used.map(|(bits, tally)| Bin {
            at_least: if bits == 0 { 0 } else { 1 << (bits - 1) },
            at_most: if bits == 0 { 0 } else { u64::MAX >> (u64::BITS as usize - bits) },
            tally: *tally,
        })
    }

    fn nothing() -> Self {
        Self([Tally::default(); BINS])
    }

    fn add(&mut self, number: u64, one: Tally) {
        self.0[(u64::BITS - number.leading_zeros()) as usize].add(one);
    }

    fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(tally, other)| tally.add(*other));
    }
}

impl Tally {
    /// Sums wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴.
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_in_the_bin_whose_range_has_it() {
        let mut histogram = Histogram::nothing();
        let numbers = [0, 1, 2, 3, 4, 1023, 1024, u64::MAX];
        numbers.iter().for_each(|number| histogram.add(*number, Tally { count: 1, bytes: *number }));
        let bins: Vec<_> = histogram.bins().map(|bin| (bin.at_least, bin.at_most, bin.tally.count)).collect();
        let expected = [
            (0, 0, 1),
            (1, 1, 1),
            (2, 3, 2),
            (4, 7, 1),
            (512, 1023, 1),
            (1024, 2047, 1),
            (1 << 63, u64::MAX, 1),
        ];
        assert_eq!(bins, expected);
    }
}
