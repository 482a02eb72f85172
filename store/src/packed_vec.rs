//! A long list of numbers, written once from first to last: packed, and in a file but for its end.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use memmap2::Mmap;

use crate::segment::BlockEntry;
use crate::{BLOCK_LEN, BlockColumn, Column, Number, PackedBlock, Result, Scratch, StoreError, durable};

/// A list that grows. Its file has no name from the start: it goes with the list, however the process ends.
#[derive(Debug)]
pub struct PackedVec<T> {
    file: File,
    path: PathBuf,
    offset: u64,
    blocks: Vec<BlockEntry>,
    /// What is not in the file yet.
    pending: Vec<T>,
}

/// A list that is whole, and can be read.
#[derive(Debug)]
pub struct PackedList<T> {
    map: Option<Mmap>,
    blocks: Vec<BlockEntry>,
    len: usize,
    numbers: std::marker::PhantomData<T>,
}

impl<T: Number> PackedVec<T> {
    /// An empty list in `scratch`.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let path = scratch.fresh_path();
        let file = durable::create_file(&path)?;
        durable::remove_file(&path)?;
        Ok(Self { file, path, offset: 0, blocks: Vec::new(), pending: Vec::new() })
    }

    /// Appends a number.
    #[inline]
    pub fn push(&mut self, number: T) -> Result<()> {
        self.pending.push(number);
        if self.pending.len() == BLOCK_LEN { self.write_pending() } else { Ok(()) }
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
        // Nothing can be mapped where there is nothing.
        let map = (self.offset > 0).then(|| map_read_only(&self.file)).transpose();
        let map = map.map_err(StoreError::io("map", &self.path))?;
        Ok(PackedList { map, blocks: self.blocks, len, numbers: std::marker::PhantomData })
    }

    #[cold]
    fn write_pending(&mut self) -> Result<()> {
        let block = PackedBlock::of(&self.pending);
        self.pending.clear();
        self.blocks.push(BlockEntry::new(&block, self.offset));
        let bytes: &[u8] = bytemuck::cast_slice(&block.words);
        self.offset += bytes.len() as u64;
        self.file.write_all(bytes).map_err(StoreError::io("write", &self.path))
    }
}

impl<T: Number> PackedList<T> {
    /// The numbers.
    #[must_use]
    pub fn column(&self) -> Column<'_, T> {
        let words = self.map.as_ref().map_or(&[][..], |map| bytemuck::cast_slice(map));
        Column::Packed(BlockColumn::new(words, &self.blocks, self.len))
    }

    /// How many blocks there are: at least one, since a column of a segment has one too.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len().max(1)
    }

    /// The numbers from `block` times [`BLOCK_LEN`] on, packed as they are, for a column of a segment.
    #[must_use]
    pub fn block(&self, block: usize) -> PackedBlock {
        match (self.blocks.get(block), &self.map) {
            (Some(entry), Some(map)) => entry.block::<T>(bytemuck::cast_slice(map)),
            (Some(entry), None) => entry.block::<T>(&[]),
            (None, _) => PackedBlock::of::<T>(&[]),
        }
    }
}

fn map_read_only(file: &File) -> io::Result<Mmap> {
    // SAFETY: the file was created for this list with `create_new` and unlinked at once, so nobody else can open, write
    // or truncate it; the list itself never writes to it again.
    unsafe { Mmap::map(file) }
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
            (0..len).for_each(|at| list.push(number(at)).expect("room for one"));
            assert_eq!(list.len(), len);
            let list = list.finish().expect("what was written");
            assert!(list.column().iter(0..len).eq((0..len).map(number)), "{len} numbers");
        }
    }
}
