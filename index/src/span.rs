//! Ranges of one number, made of bounds.

use crate::predicate::Bound;

/// The numbers from `from` to `to`, both included; none when `from > to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Span {
    pub(crate) const ALL: Self = Self { from: 0, to: u64::MAX };
    pub(crate) const NONE: Self = Self { from: 1, to: 0 };

    pub(crate) fn at_least(from: u64) -> Self {
        Self { from, to: u64::MAX }
    }

    pub(crate) fn at_most(to: u64) -> Self {
        Self { from: 0, to }
    }

    /// Without a branch, since scans ask it of every row.
    #[inline]
    pub(crate) fn contains(self, value: u64) -> bool {
        (self.from <= value) & (value <= self.to)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.from > self.to
    }

    pub(crate) fn intersect(&mut self, other: Self) {
        *self = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
    }

    /// Whether all numbers between these extremes are in it.
    pub(crate) fn covers(self, extremes: [u64; 2]) -> bool {
        self.from <= extremes[0] && extremes[1] <= self.to
    }

    /// Whether no number between these extremes is in it.
    pub(crate) fn misses(self, extremes: [u64; 2]) -> bool {
        self.is_empty() || extremes[1] < self.from || self.to < extremes[0]
    }
}

impl From<Bound> for Span {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::AtLeast(value) => Self::at_least(value),
            Bound::AtMost(value) => Self::at_most(value),
            Bound::MoreThan(value) => value.checked_add(1).map_or(Self::NONE, Self::at_least),
            Bound::LessThan(value) => value.checked_sub(1).map_or(Self::NONE, Self::at_most),
        }
    }
}
