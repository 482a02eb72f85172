//! A long list of plain values, written once from first to last, and then read: in a file, so that it takes no memory.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::fs::File;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::PathBuf;

use bytemuck::Pod;
use memmap2::Mmap;

use crate::{Result, Scratch, StoreError, durable};

/// A list that grows. Its file has no name from the start: it goes with the list, however the process ends.
///
/// Every addition is written at once, so what is added should be long.
#[derive(Debug)]
pub struct WrittenVec<T> {
    file: File,
    path: PathBuf,
    len: usize,
    values: PhantomData<T>,
}

/// A list that is whole, and can be read.
#[derive(Debug)]
pub struct WrittenList<T> {
    map: Option<Mmap>,
    values: PhantomData<T>,
}

impl<T: Pod> WrittenVec<T> {
    /// An empty list in `scratch`.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let path = scratch.fresh_path();
        let file = durable::create_file(&path)?;
        durable::remove_file(&path)?;
        Ok(Self { file, path, len: 0, values: PhantomData })
    }

    /// Appends values.
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<()> {
        self.file.write_all(bytemuck::cast_slice(values)).map_err(StoreError::io("write", &self.path))?;
        self.len += values.len();
        Ok(())
    }

    /// The length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the list.
    pub fn finish(self) -> Result<WrittenList<T>> {
        // Nothing can be mapped where there is nothing.
        let map = (self.len > 0).then(|| map_read_only(&self.file)).transpose();
        Ok(WrittenList { map: map.map_err(StoreError::io("map", &self.path))?, values: PhantomData })
    }
}

impl<T: Pod> WrittenList<T> {
    /// All values.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.map.as_ref().map_or(&[][..], |map| bytemuck::cast_slice(map))
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
    fn what_was_written_piece_by_piece_is_one_list() {
        let store = Store::temporary().expect("a temporary directory");
        let scratch = store.scratch().expect("a scratch directory");
        let values: Vec<u64> = (0..100_000).map(|at| at * at).collect();
        let mut list = WrittenVec::new(&scratch).expect("an empty list");
        values.chunks(9_999).for_each(|some| list.extend_from_slice(some).expect("room for some"));
        assert_eq!(list.len(), values.len());
        assert_eq!(list.finish().expect("what was written").as_slice(), values);
    }

    #[test]
    fn an_empty_list_is_empty() {
        let store = Store::temporary().expect("a temporary directory");
        let list =
            WrittenVec::<u32>::new(&store.scratch().expect("a scratch directory")).expect("an empty list");
        assert!(list.is_empty());
        assert!(list.finish().expect("nothing").as_slice().is_empty());
    }
}
