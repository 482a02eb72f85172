//! Slices kept once each, numbered in order of first appearance.

use bytemuck::Pod;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Slices, one behind the other: stack traces are slices of u32, strings slices of u8.
pub(crate) struct Slices<T> {
    offsets: Vec<u64>,
    items: Vec<T>,
}

/// Slices that can be found.
pub(crate) struct Interner<T> {
    slices: Slices<T>,
    /// By hash; a slice whose hash is taken by another one is under the next free number above it.
    numbers: FxHashMap<u64, u32>,
}

impl<T> Slices<T> {
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

impl<T: Pod + Eq> Interner<T> {
    pub(crate) fn new() -> Self {
        Self { slices: Slices { offsets: vec![0], items: Vec::new() }, numbers: FxHashMap::default() }
    }

    /// The number of `slice`, a new one when it was never seen.
    pub(crate) fn intern(&mut self, slice: &[T]) -> u32 {
        let mut hash = xxh3_64(bytemuck::cast_slice(slice));
        while let Some(&number) = self.numbers.get(&hash) {
            if self.slices.get(number) == slice {
                return number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = self.slices.len();
        self.numbers.insert(hash, number);
        self.slices.items.extend_from_slice(slice);
        self.slices.offsets.push(self.slices.items.len() as u64);
        number
    }

    /// The slices so far.
    pub(crate) fn slices(&self) -> &Slices<T> {
        &self.slices
    }

    /// The slices, when there will be no more.
    pub(crate) fn into_slices(self) -> Slices<T> {
        self.slices
    }
}
