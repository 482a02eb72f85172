//! A long list of numbers, written once from first to last: packed, and in a file but for its end.

use std::marker::PhantomData;

use crate::segment::BlockEntry;
use crate::{
    BLOCK_LEN, BlockColumn, Column, Extremes, Number, PackedBlock, Result, Scratch, WrittenList, WrittenVec,
};

/// A list that grows.
#[derive(Debug)]
pub struct PackedVec<T> {
    words: WrittenVec<u64>,
    blocks: Vec<BlockEntry>,
    extremes: Vec<Extremes>,
    /// What is not in the file yet.
    pending: Vec<T>,
    /// Memory for a packed block.
    spare: Vec<u64>,
}

/// A list that is whole, and can be read.
#[derive(Debug)]
pub struct PackedList<T> {
    words: WrittenList<u64>,
    blocks: Vec<BlockEntry>,
    extremes: Vec<Extremes>,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Number> PackedVec<T> {
    /// An empty list in `scratch`.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let words = WrittenVec::new(scratch)?;
        Ok(Self { words, blocks: Vec::new(), extremes: Vec::new(), pending: Vec::new(), spare: Vec::new() })
    }

    /// Appends a number.
    #[inline]
    pub fn push(&mut self, number: T) -> Result<()> {
        self.pending.push(number);
        if self.pending.len() == BLOCK_LEN { self.write_pending() } else { Ok(()) }
    }

    /// Appends one number of each record.
    pub fn extend<R>(&mut self, records: &[R], number: impl Fn(&R) -> T) -> Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            let (fitting, others) = rest.split_at(rest.len().min(BLOCK_LEN - self.pending.len()));
            self.pending.extend(fitting.iter().map(&number));
            if self.pending.len() == BLOCK_LEN {
                self.write_pending()?;
            }
            rest = others;
        }
        Ok(())
    }

    /// The length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len() * BLOCK_LEN + self.pending.len()
    }

    /// Whether there is no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the list.
    pub fn finish(mut self) -> Result<PackedList<T>> {
        let len = self.len();
        if !self.pending.is_empty() {
            self.write_pending()?;
        }
        let Self { words, blocks, extremes, .. } = self;
        Ok(PackedList { words: words.finish()?, blocks, extremes, len, numbers: PhantomData })
    }

    #[cold]
    fn write_pending(&mut self) -> Result<()> {
        let block = PackedBlock::within(std::mem::take(&mut self.spare), &self.pending);
        self.pending.clear();
        self.extremes.push(block.extremes());
        self.blocks.push(BlockEntry::new(&block, size_of::<u64>() as u64 * self.words.len() as u64));
        self.words.extend_from_slice(&block.words)?;
        self.spare = block.words;
        Ok(())
    }
}

impl<T: Number> PackedList<T> {
    /// The numbers.
    #[must_use]
    pub fn column(&self) -> Column<'_, T> {
        Column::Packed(BlockColumn::new(self.words.as_slice(), &self.blocks, self.len))
    }

    /// How many blocks there are: at least one, since a column of a segment has one too.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len().max(1)
    }

    /// The numbers from `block` times [`BLOCK_LEN`] on, packed as they are, for a column of a segment.
    #[must_use]
    pub fn block(&self, block: usize) -> PackedBlock {
        match self.blocks.get(block) {
            Some(entry) => entry.block::<T>(self.words.as_slice(), self.extremes(block)),
            None => PackedBlock::of::<T>(&[]),
        }
    }

    /// What the numbers of a block lie between.
    #[must_use]
    pub fn extremes(&self, block: usize) -> Extremes {
        self.extremes.get(block).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_list_of_any_length_comes_back() {
        let store = Store::temporary().expect("a temporary directory");
        let scratch = store.scratch().expect("a scratch directory");
        for len in [0, 1, BLOCK_LEN, 2 * BLOCK_LEN + 300] {
            let mut list = PackedVec::new(&scratch).expect("an empty list");
            let number = |at: usize| if at.is_multiple_of(100) { u32::MAX } else { at as u32 / 3 };
            let (some, rest) = (len / 3, Vec::from_iter(len / 3..len));
            (0..some).for_each(|at| list.push(number(at)).expect("room for one"));
            list.extend(&rest, |at| number(*at)).expect("room for the rest");
            assert_eq!(list.len(), len);
            let list = list.finish().expect("what was written");
            assert!(list.column().iter(0..len).eq((0..len).map(number)), "{len} numbers");
        }
    }
}
