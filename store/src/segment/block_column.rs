//! A column of packed blocks.

use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use multiversion::multiversion;
use xxhash_rust::xxh3::xxh3_64;

use super::BLOCK_LEN;
use super::packed::{Extremes, FRAME, Number, PackedBlock, PackedWords};

/// Where one block of a column lies: the element of a section of blocks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct BlockEntry {
    /// First byte in the file, a multiple of 16.
    pub(super) offset: u64,
    /// Its words of 8 bytes; none in a block of equal numbers.
    pub(super) words: u32,
    /// Its numbers: [`BLOCK_LEN`], but for the last of a column.
    pub(super) count: u32,
    /// What all numbers of a block without words are; else how many lowest bits are left out.
    pub(super) value: u64,
    /// Of its bytes.
    pub(super) checksum: u64,
}

impl BlockEntry {
    pub(crate) fn new(block: &PackedBlock, offset: u64) -> Self {
        Self {
            offset,
            words: block.words.len() as u32,
            count: block.count,
            value: block.value,
            checksum: block.checksum,
        }
    }

    /// The block, as it was packed.
    pub(crate) fn block<T: Number>(&self, words: &[u64], extremes: Extremes) -> PackedBlock {
        PackedBlock {
            element_size: size_of::<T>() as u32,
            count: self.count,
            value: self.value,
            words: words[self.word_range()].to_vec(),
            checksum: self.checksum,
            extremes,
        }
    }

    /// Whether both are of equal numbers, and these are equal.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.words == 0 && other.words == 0 && self.value == other.value
    }

    /// Its bytes in the file.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(u64::from(self.words) * 8)
    }

    /// Whether its bytes are in the file, and as they were written.
    pub(super) fn is_sound(&self, words: &[u64]) -> bool {
        let stored = self.offset.is_multiple_of(16).then(|| words.get(self.word_range())).flatten();
        stored.is_some_and(|stored| xxh3_64(bytemuck::cast_slice(stored)) == self.checksum)
    }

    #[inline]
    fn word_range(&self) -> Range<usize> {
        let start = (self.offset / 8) as usize;
        start..start + self.words as usize
    }
}

/// Whether blocks follow each other as [`BlockColumn`] takes it, and have `count` numbers in all.
pub(super) fn add_up(blocks: &[BlockEntry], count: u64) -> bool {
    let (full, last) = match blocks.split_last() {
        Some((last, full)) => (full, u64::from(last.count)),
        None => (blocks, 0),
    };
    last <= BLOCK_LEN as u64
        && full.iter().all(|block| block.count as usize == BLOCK_LEN)
        && (full.len() as u64 * BLOCK_LEN as u64).checked_add(last) == Some(count)
}

/// Some numbers of a column whose blocks are packed.
#[derive(Clone, Copy, Debug)]
pub struct BlockColumn<'a, T> {
    /// The file.
    words: &'a [u64],
    blocks: &'a [BlockEntry],
    start: usize,
    len: usize,
    numbers: PhantomData<T>,
}

impl<'a, T: Number> BlockColumn<'a, T> {
    /// The blocks must be sound, and add up to `len`.
    pub(crate) fn new(words: &'a [u64], blocks: &'a [BlockEntry], len: usize) -> Self {
        Self { words, blocks, start: 0, len, numbers: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn at(&self, row: usize) -> T {
        assert!(row < self.len, "row {row} of a column of {}", self.len);
        let row = self.start + row;
        let entry = &self.blocks[row / BLOCK_LEN];
        if entry.words == 0 {
            return T::narrow(entry.value);
        }
        self.packed(entry).at(row % BLOCK_LEN)
    }

    pub(super) fn part(&self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.len, "rows {rows:?} of a column of {}", self.len);
        Self { start: self.start + rows.start, len: rows.len(), ..*self }
    }

    /// Writes all numbers to `out`, which has as many, a frame at a time.
    pub(super) fn write_to(&self, mut out: &mut [T]) {
        let mut row = self.start;
        while !out.is_empty() {
            let entry = &self.blocks[row / BLOCK_LEN];
            let len = out.len().min(BLOCK_LEN - row % BLOCK_LEN);
            let (block, rest) = out.split_at_mut(len);
            match entry.words {
                0 => block.fill(T::narrow(entry.value)),
                _ => write_frames(self.packed(entry), row % BLOCK_LEN, block),
            }
            (out, row) = (rest, row + len);
        }
    }

    #[inline]
    fn packed(&self, entry: &BlockEntry) -> PackedWords<'a> {
        let words = &self.words[entry.word_range()];
        PackedWords { words, count: entry.count as usize, shift: entry.value as u32 & 63 }
    }
}

/// Whole frames are unpacked where they are to be, with the widest instructions that the processor has: all of it is inlined,
/// to be compiled for each set of them.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl+avx512cd+avx2+bmi1+bmi2+lzcnt+popcnt",
    "x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"
))]
fn write_frames<T: Number>(packed: PackedWords<'_>, start: usize, out: &mut [T]) {
    let (first, rest) = out.split_at_mut(out.len().min(start.next_multiple_of(FRAME) - start));
    let (frames, last) = rest.as_chunks_mut::<FRAME>();
    let index = start.div_ceil(FRAME);
    let mut frame = [T::zeroed(); FRAME];
    if !first.is_empty() {
        packed.unpack(index - 1, &mut frame);
        first.copy_from_slice(&frame[start % FRAME..][..first.len()]);
    }
    frames.iter_mut().zip(index..).for_each(|(frame, index)| packed.unpack(index, frame));
    if !last.is_empty() {
        packed.unpack(index + frames.len(), &mut frame);
        last.copy_from_slice(&frame[..last.len()]);
    }
}
