//! From what names a block to its row: a hash table that can be looked into ahead of time.

use std::hash::{BuildHasher, RandomState};

use bytehound_format::AllocationId;

use crate::layout::NONE;

/// What names a block.
pub(super) trait Name: Copy + Eq {
    /// Some name.
    const ANY: Self;

    /// Different for different names, mostly.
    fn digest(self) -> u64;
}

impl Name for u64 {
    const ANY: Self = 0;

    #[inline]
    fn digest(self) -> u64 {
        self
    }
}

impl Name for AllocationId {
    const ANY: Self = Self::UNTRACKED;

    #[inline]
    fn digest(self) -> u64 {
        self.allocation ^ self.thread.rotate_left(40)
    }
}

/// Open addressing with linear probing: what is asked for lies in one cache line, mostly. What is removed leaves no trace,
/// so the table stays as fast as its load allows, however many blocks come and go.
pub(super) struct BlockTable<N> {
    slots: Vec<Slot<N>>,
    len: usize,
    /// Nobody who writes a capture can know which names meet in one place.
    seed: u64,
}

#[derive(Clone, Copy)]
struct Slot<N> {
    name: N,
    /// [`NONE`] in an empty slot.
    row: u32,
}

const FIRST_SLOTS: usize = 64;

impl<N: Name> Default for BlockTable<N> {
    fn default() -> Self {
        Self { slots: empty(FIRST_SLOTS), len: 0, seed: RandomState::new().hash_one(0) | 1 }
    }
}

impl<N: Name> BlockTable<N> {
    /// The row that is probably this name's. It costs one look into memory and waits for no other, so looks that are taken
    /// in a row overlap, and bring near what the next steps need.
    #[inline]
    pub(super) fn glance(&self, name: N) -> u32 {
        self.slots[self.home(name)].row
    }

    /// The row of a name.
    pub(super) fn get(&self, name: N) -> Option<u32> {
        self.find(name).ok().map(|at| self.slots[at].row)
    }

    /// Gives a name a row; returns the one it had.
    #[inline]
    pub(super) fn insert(&mut self, name: N, row: u32) -> Option<u32> {
        match self.find(name) {
            Ok(at) => Some(std::mem::replace(&mut self.slots[at].row, row)),
            Err(at) => {
                self.slots[at] = Slot { name, row };
                self.len += 1;
                // Three quarters full: a grown table and the one before it take 64 bytes a block together, at most.
                if self.len * 4 > self.slots.len() * 3 {
                    self.grow();
                }
                None
            }
        }
    }

    /// Takes a name out; returns its row.
    #[inline]
    pub(super) fn remove(&mut self, name: N) -> Option<u32> {
        let mut hole = self.find(name).ok()?;
        let row = self.slots[hole].row;
        let mask = self.slots.len() - 1;
        let mut at = (hole + 1) & mask;
        while self.slots[at].row != NONE {
            // Who is not at home may have passed the hole on the way from there, and must not miss it.
            let from_home = at.wrapping_sub(self.home(self.slots[at].name)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.slots[hole].row = NONE;
        self.len -= 1;
        Some(row)
    }

    /// All rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().map(|slot| slot.row).filter(|&row| row != NONE)
    }

    /// Where a name is, or else where it would be.
    #[inline]
    fn find(&self, name: N) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(name);
        loop {
            let slot = &self.slots[at];
            if slot.row == NONE {
                return Err(at);
            }
            if slot.name == name {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn home(&self, name: N) -> usize {
        // Both halves of the product together depend on all bits of the name.
        let product = u128::from(name.digest() ^ self.seed) * u128::from(self.seed);
        ((product >> 64) as usize ^ product as usize) & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let grown = empty(2 * self.slots.len());
        let slots = std::mem::replace(&mut self.slots, grown);
        for slot in slots.into_iter().filter(|slot| slot.row != NONE) {
            let (Ok(at) | Err(at)) = self.find(slot.name);
            self.slots[at] = slot;
        }
    }
}

fn empty<N: Name>(slots: usize) -> Vec<Slot<N>> {
    vec![Slot { name: N::ANY, row: NONE }; slots]
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
                if is_born {
                    prop_assert_eq!(table.insert(name, row), known.insert(name, row));
                } else {
                    prop_assert_eq!(table.remove(name), known.remove(&name));
                }
                prop_assert_eq!(table.get(name), known.get(&name).copied());
            }
            let (mut rows, mut expected): (Vec<_>, Vec<_>) = (table.rows().collect(), known.into_values().collect());
            rows.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(rows, expected);
        }
    }
}
