//! From what names a live block to what its end has to know of its birth: a hash table that can be looked into ahead of time.

use std::hash::{BuildHasher, RandomState};

use bytehound_store::Scratch;
use bytemuck::{Pod, Zeroable};

use super::prefetch::prefetch;
use super::slots::{Digest, Slots};
use super::spilling::SpillingVec;
use crate::IndexError;
use crate::layout::NONE;

/// A bucket in memory for so many blocks in memory: when a table has just grown, its buckets hold about four each.
const BLOCKS_A_BUCKET: usize = 4;

/// What names a block.
pub(super) trait Name: Pod + Eq {
    /// Different for different names, mostly.
    fn digest(self) -> u64;
}

impl Name for u64 {
    #[inline]
    fn digest(self) -> u64 {
        self
    }
}

/// An allocation's thread, and its number there: one number, since that is compared without a look into memory.
impl Name for u128 {
    #[inline]
    fn digest(self) -> u64 {
        let (thread, allocation) = ((self >> 64) as u64, self as u64);
        allocation ^ thread.rotate_left(40)
    }
}

/// A block that lives: how it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Life {
    pub(super) time: u64,
    pub(super) size: u64,
    pub(super) extra: u32,
    pub(super) backtrace: u32,
    pub(super) row: u32,
    /// The number of its chain, or [`NONE`] for a row that is alone.
    pub(super) chain: u32,
}

/// The blocks lie apart from what finds them, and the place that was left last is taken first: most blocks die young, so most
/// of what is looked at was looked at a moment ago.
pub(super) struct BlockTable<N> {
    slots: Slots,
    blocks: SpillingVec<Block<N>>,
    /// The first of the places in `blocks` that were left, or [`NONE`].
    left: u32,
    /// Nobody who writes a capture can know which names meet in one place.
    seed: u64,
}

/// Without gaps, so that it can be in a file; there would be none anyway, but only `packed` says so for any name.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, packed)]
struct Block<N> {
    name: N,
    /// Of a place that was left, `row` is the one that was left before it, and `size` is [`LEFT`].
    life: Life,
}

/// No block is as large.
const LEFT: u64 = u64::MAX;

impl<N: Name> BlockTable<N> {
    /// No blocks yet. So many of them are in memory at most, and all others in files.
    pub(super) fn new(scratch: &Scratch, blocks_max: usize) -> Self {
        Self {
            slots: Slots::new(scratch, blocks_max / BLOCKS_A_BUCKET),
            blocks: SpillingVec::new(Vec::new(), blocks_max, scratch),
            left: NONE,
            seed: RandomState::new().hash_one(0) | 1,
        }
    }

    /// Brings near what tells where a name's block is. What is brought near for many names in a row comes together; looks
    /// would wait one after the other.
    #[inline]
    pub(super) fn prefetch(&self, name: N) {
        self.slots.prefetch(self.digest(name));
    }

    /// The place that is probably this name's.
    #[inline]
    pub(super) fn glance(&self, name: N) -> u32 {
        self.slots.glance(self.digest(name)).unwrap_or(NONE)
    }

    /// Brings near what lies at a place.
    #[inline]
    pub(super) fn prefetch_at(&self, place: u32) {
        if let Some(block) = self.blocks.get(place as usize) {
            prefetch(block);
        }
    }

    /// Whether a name has a block.
    pub(super) fn contains(&self, name: N) -> bool {
        self.find(name, self.digest(name)).is_some()
    }

    /// How many blocks there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Gives a name a block; returns the one it had. An error when the disk has no room for it.
    #[inline(always)]
    pub(super) fn insert(&mut self, name: N, life: Life) -> Result<Option<Life>, IndexError> {
        let digest = self.digest(name);
        if let Some(place) = self.find(name, digest) {
            let block = &mut self.blocks[place as usize];
            let before = block.life;
            block.life = life;
            return Ok(Some(before));
        }
        let place = self.settle(name, life)?;
        self.slots.insert(digest, place)?;
        Ok(None)
    }

    /// Takes a name out; returns its block.
    #[inline]
    pub(super) fn remove(&mut self, name: N) -> Option<Life> {
        let digest = self.digest(name);
        let place = self.slots.remove(digest, |place| self.blocks[place as usize].is_of(name))?;
        Some(self.leave(place))
    }

    /// All blocks, from place to place.
    pub(super) fn lives(&self) -> impl Iterator<Item = Life> {
        self.blocks.iter().map(|block| block.life).filter(|life| life.size != LEFT)
    }

    #[inline(always)]
    fn settle(&mut self, name: N, life: Life) -> Result<u32, IndexError> {
        if let Some(place) = self.blocks.get_mut(self.left as usize) {
            let next = place.life.row;
            place.fill(name, life);
            return Ok(std::mem::replace(&mut self.left, next));
        }
        self.blocks.push(Block { name, life })?;
        Ok((self.blocks.len() - 1) as u32)
    }

    #[inline]
    fn leave(&mut self, place: u32) -> Life {
        let block = &mut self.blocks[place as usize];
        let left = block.life;
        (block.life.row, block.life.size) = (std::mem::replace(&mut self.left, place), LEFT);
        left
    }

    #[inline]
    fn find(&self, name: N, digest: Digest) -> Option<u32> {
        self.slots.find(digest, |place| self.blocks[place as usize].is_of(name))
    }

    #[inline]
    fn digest(&self, name: N) -> Digest {
        // Both halves of the product together depend on all bits of the name.
        let product = u128::from(name.digest() ^ self.seed) * u128::from(self.seed);
        Digest::new(((product >> 64) as u64 ^ product as u64) as u32)
    }
}

impl<N: Name> Block<N> {
    /// One by one, from registers: as a whole, a packed block is put together elsewhere first.
    #[inline(always)]
    fn fill(&mut self, name: N, Life { time, size, extra, backtrace, row, chain }: Life) {
        self.name = name;
        (self.life.time, self.life.size) = (time, size);
        (self.life.extra, self.life.backtrace) = (extra, backtrace);
        (self.life.row, self.life.chain) = (row, chain);
    }

    #[inline]
    fn is_of(&self, name: N) -> bool {
        name == { self.name }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytehound_store::Store;
    use proptest::prelude::*;

    use super::*;

    fn life(name: u64, row: u32) -> Life {
        Life { time: name, size: 1, extra: 2, backtrace: 3, row, chain: NONE }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_knows_what_a_map_of_the_standard_library_knows_wherever_its_blocks_lie(
            // All in files; the first blocks and the first buckets of each part in memory; all in memory.
            blocks_max in prop_oneof![Just(0_usize), 1_usize..600, Just(1 << 20)],
            steps in prop::collection::vec((0_u64..1500, 0_u8..3), 0..4000),
        ) {
            let store = Store::temporary().expect("a temporary directory");
            let mut table = BlockTable::new(&store.scratch().expect("a scratch directory"), blocks_max);
            let mut known = HashMap::new();
            for (row, (name, kind)) in (0..).zip(steps) {
                let name = name << 12;
                let life = life(name, row);
                if kind > 0 {
                    let before = table.insert(name, life).expect("room on the disk");
                    prop_assert_eq!(before, known.insert(name, life));
                } else {
                    prop_assert_eq!(table.remove(name), known.remove(&name));
                }
                prop_assert_eq!(table.contains(name), known.contains_key(&name));
                prop_assert_eq!(table.len(), known.len());
            }
            let mut rows: Vec<_> = table.lives().map(|life| life.row).collect();
            let mut expected: Vec<_> = known.into_values().map(|life| life.row).collect();
            rows.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(rows, expected);
        }
    }
}
