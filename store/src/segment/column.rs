//! A column as its reader sees it.

use std::ops::Range;

/// The values of a section, or the one value that they all have.
///
/// Loops that matter match on it once, outside; [`get`](Self::get) and [`iter`](Self::iter) are for the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column<'a, T> {
    /// All values, one after the other.
    Values(&'a [T]),
    /// `len` times the same value.
    Constant {
        /// The value.
        value: T,
        /// How many there are.
        len: usize,
    },
}

impl<'a, T: Copy> Column<'a, T> {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
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
        match self {
            Self::Values(values) => values.get(row).copied(),
            Self::Constant { value, len } => (row < *len).then_some(*value),
        }
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
        let column = self.part(rows);
        (0..column.len()).map(move |row| column.at(row))
    }

    /// Some rows as a column of their own.
    ///
    /// # Panics
    /// When a row of the range does not exist, as a slice does.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        match *self {
            Self::Values(values) => Self::Values(&values[rows]),
            Self::Constant { value, len } => {
                assert!(rows.start <= rows.end && rows.end <= len, "rows {rows:?} of a column of {len}");
                Self::Constant { value, len: rows.len() }
            }
        }
    }
}
