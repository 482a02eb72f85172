//! A column as its reader sees it.

use std::ops::Range;

use super::block_column::BlockColumn;
use super::packed::{FRAME, Number};

/// The values of a section, as they lie there.
///
/// Loops that matter take a block of values at a time, by [`read`](Self::read); [`at`](Self::at) and
/// [`iter`](Self::iter) are for the others.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a, T> {
    /// All values, one after the other.
    Values(&'a [T]),
    /// In packed blocks.
    Packed(BlockColumn<'a, T>),
    /// `len` times the same value.
    Constant {
        /// The value.
        value: T,
        /// How many there are.
        len: usize,
    },
}

impl<'a, T: Number> Column<'a, T> {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Packed(blocks) => blocks.len(),
            Self::Constant { len, .. } => *len,
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row that may not exist.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T> {
        (row < self.len()).then(|| self.at(row))
    }

    /// The value of a row that exists.
    ///
    /// # Panics
    /// When it does not, as a slice does.
    #[inline]
    #[must_use]
    pub fn at(&self, row: usize) -> T {
        match self {
            Self::Values(values) => values[row],
            Self::Packed(blocks) => blocks.at(row),
            Self::Constant { value, len } => {
                assert!(row < *len, "row {row} of a column of {len}");
                *value
            }
        }
    }

    /// The values of some rows.
    ///
    /// # Panics
    /// When a row of the range does not exist, as a slice does.
    pub fn iter(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = T> + use<'a, T> {
        Values { column: *self, ahead: rows.start..rows.start, end: rows.end, buffer: Vec::new() }
    }

    /// The values of some rows as a slice: as they lie in the file, or else in `buffer`, which is overwritten.
    /// Cheapest when the rows begin at a multiple of 128.
    ///
    /// # Panics
    /// When a row of the range does not exist, as a slice does.
    pub fn read<'b>(&self, rows: Range<usize>, buffer: &'b mut Vec<T>) -> &'b [T]
    where
        'a: 'b,
    {
        if let Self::Values(values) = self {
            return &values[rows];
        }
        self.copy_to(rows, buffer);
        buffer
    }

    /// As [`read`](Self::read), but always into `buffer`.
    ///
    /// # Panics
    /// When a row of the range does not exist, as a slice does.
    pub fn copy_to(&self, rows: Range<usize>, buffer: &mut Vec<T>) {
        let part = self.part(rows);
        // What is there is overwritten, and need not be cleared.
        buffer.resize(part.len(), T::zeroed());
        match part {
            Self::Values(values) => buffer.copy_from_slice(values),
            Self::Packed(blocks) => blocks.write_to(buffer),
            Self::Constant { value, .. } => buffer.fill(value),
        }
    }

    /// Some rows as a column of their own.
    ///
    /// # Panics
    /// When a row of the range does not exist, as a slice does.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        match *self {
            Self::Values(values) => Self::Values(&values[rows]),
            Self::Packed(blocks) => Self::Packed(blocks.part(rows)),
            Self::Constant { value, len } => {
                assert!(rows.start <= rows.end && rows.end <= len, "rows {rows:?} of a column of {len}");
                Self::Constant { value, len: rows.len() }
            }
        }
    }
}

/// Values one by one, read some frames at a time.
struct Values<'a, T> {
    column: Column<'a, T>,
    /// Rows of the buffer's rest, which is at its end.
    ahead: Range<usize>,
    end: usize,
    buffer: Vec<T>,
}

/// Rows that are read at a time.
const READ: usize = 8 * FRAME;

impl<T: Number> Iterator for Values<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.ahead.is_empty() {
            let start = self.ahead.end;
            let end = self.end.min((start / READ + 1) * READ);
            if start >= end {
                return None;
            }
            self.column.copy_to(start..end, &mut self.buffer);
            self.ahead = start..end;
        }
        let at = self.buffer.len() - self.ahead.len();
        self.ahead.start += 1;
        self.buffer.get(at).copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.ahead.start);
        (left, Some(left))
    }
}

impl<T: Number> ExactSizeIterator for Values<'_, T> {}
