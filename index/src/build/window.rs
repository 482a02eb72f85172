//! A column that is read nearly from first to last.

use std::ops::Range;

use bytehound_store::{Column, Number};

/// Numbers that are read at a time.
const LEN: usize = 1 << 10;

/// Some numbers of a column, unpacked: those that are most likely asked for next.
pub(super) struct Window<'a, T> {
    column: Column<'a, T>,
    start: usize,
    numbers: Vec<T>,
}

impl<'a, T: Number> Window<'a, T> {
    pub(super) fn new(column: Column<'a, T>) -> Self {
        Self { column, start: 0, numbers: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&mut self, index: usize) -> T {
        match self.numbers.get(index.wrapping_sub(self.start)) {
            Some(&number) => number,
            None => self.get_elsewhere(index),
        }
    }

    /// Some numbers.
    pub(super) fn read(&mut self, range: Range<usize>) -> &[T] {
        self.start = range.start;
        self.column.copy_to(range, &mut self.numbers);
        &self.numbers
    }

    #[cold]
    fn get_elsewhere(&mut self, index: usize) -> T {
        let next = self.start + self.numbers.len();
        // Who goes back, or far ahead, is better served one by one.
        if (next..next + LEN).contains(&index) {
            self.start = index;
            let end = self.column.len().min((index / LEN + 1) * LEN);
            self.column.copy_to(index..end, &mut self.numbers);
        }
        self.column.at(index)
    }
}
