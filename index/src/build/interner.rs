//! Slices kept once each, numbered in order of first appearance.

use bytemuck::Pod;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Stack traces are slices of u32, strings slices of u8.
pub(crate) struct Interner<T> {
    offsets: Vec<u64>,
    items: Vec<T>,
    /// By hash; a slice whose hash is taken by another one is under the next free number above it.
    numbers: FxHashMap<u64, u32>,
}

impl<T: Pod + Eq> Interner<T> {
    pub(crate) fn new() -> Self {
        Self { offsets: vec![0], items: Vec::new(), numbers: FxHashMap::default() }
    }

    /// The number of `slice`, a new one when it was never seen.
    pub(crate) fn intern(&mut self, slice: &[T]) -> u32 {
        let mut hash = xxh3_64(bytemuck::cast_slice(slice));
        while let Some(&number) = self.numbers.get(&hash) {
            if self.get(number) == slice {
                return number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = self.len();
        self.numbers.insert(hash, number);
        self.items.extend_from_slice(slice);
        self.offsets.push(self.items.len() as u64);
        number
    }

    pub(crate) fn get(&self, number: u32) -> &[T] {
        let at = number as usize;
        &self.items[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    pub(crate) fn len(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    /// Slice `n` is `items()[offsets()[n]..offsets()[n + 1]]`.
    pub(crate) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }
}
