//! From what names a live block to what its end has to know of its birth: a hash table that can be looked into ahead of time.

use std::hash::{BuildHasher, RandomState};

use bytehound_format::AllocationId;

use crate::layout::NONE;

/// What names a block.
pub(super) trait Name: Copy + Eq {
    /// Different for different names, mostly.
    fn digest(self) -> u64;
}

impl Name for u64 {
    #[inline]
    fn digest(self) -> u64 {
        self
    }
}

impl Name for AllocationId {
    #[inline]
    fn digest(self) -> u64 {
        self.allocation ^ self.thread.rotate_left(40)
    }
}

/// A block that lives: how it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) time: u64,
    pub(super) size: u64,
    pub(super) extra: u32,
    pub(super) backtrace: u32,
    pub(super) row: u32,
    /// The number of its chain, or [`NONE`] for a row that is alone.
    pub(super) chain: u32,
}

/// Open addressing with linear probing: what is asked for lies in one cache line, mostly. What is removed leaves no trace,
/// so the table stays as fast as its load allows, however many blocks come and go.
///
/// The blocks themselves lie apart, and the place that was left last is taken first: most blocks die young, so most of
/// what is looked at was looked at a moment ago.
pub(super) struct BlockTable<N> {
    slots: Vec<Slot>,
    blocks: Vec<Block<N>>,
    /// The first of the places in `blocks` that were left, or [`NONE`].
    left: u32,
    len: usize,
    /// Nobody who writes a capture can know which names meet in one place.
    seed: u64,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Of the name: it says where its slot should be, and nearly always whether another name is meant.
    digest: u32,
    /// In `blocks`; [`NONE`] in an empty slot.
    place: u32,
}

#[derive(Clone, Copy)]
struct Block<N> {
    name: N,
    /// Of a place that was left, `row` is the one that was left before it.
    life: Life,
}

const FIRST_SLOTS: usize = 64;
const EMPTY: Slot = Slot { digest: 0, place: NONE };

impl<N: Name> Default for BlockTable<N> {
    fn default() -> Self {
        Self {
            slots: vec![EMPTY; FIRST_SLOTS],
            blocks: Vec::new(),
            left: NONE,
            len: 0,
            seed: RandomState::new().hash_one(0) | 1,
        }
    }
}

impl<N: Name> BlockTable<N> {
    /// The place that is probably this name's. It costs one look into memory and waits for no other, so looks that are
    /// taken in a row overlap, and bring near what the next steps need.
    #[inline]
    pub(super) fn glance(&self, name: N) -> u32 {
        self.slots[self.home(self.digest(name))].place
    }

    /// Something of what lies at a place, for the same reason.
    #[inline]
    pub(super) fn glance_at(&self, place: u32) -> u32 {
        self.blocks.get(place as usize).map_or(0, |block| block.life.row)
    }

    /// Whether a name has a block.
    pub(super) fn contains(&self, name: N) -> bool {
        self.find(name, self.digest(name)).is_ok()
    }

    /// Gives a name a block; returns the one it had.
    #[inline]
    pub(super) fn insert(&mut self, name: N, life: Life) -> Option<Life> {
        let digest = self.digest(name);
        match self.find(name, digest) {
            Ok(at) => {
                let block = &mut self.blocks[self.slots[at].place as usize];
                Some(std::mem::replace(&mut block.life, life))
            }
            Err(at) => {
                self.slots[at] = Slot { digest, place: self.settle(Block { name, life }) };
                self.len += 1;
                // Three quarters full: a grown table, the one before it and the blocks take 72 bytes a block together.
                if self.len * 4 > self.slots.len() * 3 {
                    self.grow();
                }
                None
            }
        }
    }

    /// Takes a name out; returns its block.
    #[inline]
    pub(super) fn remove(&mut self, name: N) -> Option<Life> {
        let mut hole = self.find(name, self.digest(name)).ok()?;
        let place = self.slots[hole].place;
        let mask = self.slots.len() - 1;
        let mut at = (hole + 1) & mask;
        while self.slots[at].place != NONE {
            // Who is not at home may have passed the hole on the way from there, and must not miss it.
            let from_home = at.wrapping_sub(self.home(self.slots[at].digest)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.slots[hole].place = NONE;
        self.len -= 1;
        Some(self.leave(place))
    }

    /// All blocks.
    pub(super) fn lives(&self) -> impl Iterator<Item = &Life> {
        let taken = self.slots.iter().filter(|slot| slot.place != NONE);
        taken.map(|slot| &self.blocks[slot.place as usize].life)
    }

    #[inline]
    fn settle(&mut self, block: Block<N>) -> u32 {
        match self.blocks.get_mut(self.left as usize) {
            Some(place) => {
                let next = std::mem::replace(place, block).life.row;
                std::mem::replace(&mut self.left, next)
            }
            None => {
                self.blocks.push(block);
                (self.blocks.len() - 1) as u32
            }
        }
    }

    #[inline]
    fn leave(&mut self, place: u32) -> Life {
        let life = &mut self.blocks[place as usize].life;
        let left = *life;
        life.row = std::mem::replace(&mut self.left, place);
        left
    }

    /// Where a name is, or else where it would be.
    #[inline]
    fn find(&self, name: N, digest: u32) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(digest);
        loop {
            let slot = self.slots[at];
            if slot.place == NONE {
                return Err(at);
            }
            if slot.digest == digest && self.blocks[slot.place as usize].name == name {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn digest(&self, name: N) -> u32 {
        // Both halves of the product together depend on all bits of the name.
        let product = u128::from(name.digest() ^ self.seed) * u128::from(self.seed);
        ((product >> 64) as u64 ^ product as u64) as u32
    }

    #[inline]
    fn home(&self, digest: u32) -> usize {
        digest as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let grown = vec![EMPTY; 2 * self.slots.len()];
        let slots = std::mem::replace(&mut self.slots, grown);
        let mask = self.slots.len() - 1;
        for slot in slots.into_iter().filter(|slot| slot.place != NONE) {
            let mut at = self.home(slot.digest);
            while self.slots[at].place != NONE {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_knows_what_a_map_of_the_standard_library_knows(
            steps in prop::collection::vec((0_u64..400, any::<bool>()), 0..2000)
        ) {
            let mut table = BlockTable::default();
            let mut known = HashMap::new();
            for (row, (name, is_born)) in (0..).zip(steps) {
                let name = name << 12;
                let life = Life { time: name, size: 1, extra: 2, backtrace: 3, row, chain: NONE };
                if is_born {
                    prop_assert_eq!(table.insert(name, life), known.insert(name, life));
                } else {
                    prop_assert_eq!(table.remove(name), known.remove(&name));
                }
                prop_assert_eq!(table.contains(name), known.contains_key(&name));
            }
            let mut rows: Vec<_> = table.lives().map(|life| life.row).collect();
            let mut expected: Vec<_> = known.into_values().map(|life| life.row).collect();
            rows.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(rows, expected);
        }
    }
}
