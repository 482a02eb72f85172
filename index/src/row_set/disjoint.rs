//! Sets that may have rows in common, and what of each is left when every row belongs to the first set that has it.

use std::sync::Arc;

use rayon::prelude::*;

use super::{BLOCK_WORDS, Block, RowSet, Words, block_len, offset_is_set, set};

impl RowSet {
    /// Of every set what no set before it has. All are of one profile.
    pub(crate) fn disjoint(sets: &[Arc<Self>]) -> Vec<Self> {
        let universe = sets.first().map_or(0, |first| first.universe);
        let of_block = |index: usize| {
            let (mut seen, len) = ([0; BLOCK_WORDS], block_len(universe, index));
            let own = sets.iter().map(|set| set.blocks[index].take_new(len, &mut seen));
            own.collect::<Vec<_>>().into_iter()
        };
        let blocks = 0..sets.first().map_or(0, |first| first.blocks.len());
        let mut blocks: Vec<_> = blocks.into_par_iter().map(of_block).collect();
        let own = |_| Self::from_blocks(universe, blocks.iter_mut().filter_map(Iterator::next).collect());
        sets.iter().map(own).collect()
    }
}

impl Block {
    /// What was not seen of it, which is seen from now on.
    fn take_new(&self, len: u32, seen: &mut Words) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Listed(offsets) => {
                let new = offsets.iter().copied().filter(|offset| !offset_is_set(seen, (*offset).into()));
                let new: Vec<u16> = new.collect();
                new.iter().for_each(|offset| set(seen, (*offset).into()));
                Self::of_offsets(new, len)
            }
            Self::Full | Self::Bits(_) => {
                let mut words = self.words(len);
                for (word, seen) in words.iter_mut().zip(seen) {
                    let all = *word | *seen;
                    *word &= !*seen;
                    *seen = all;
                }
                Self::from_words(&words, len)
            }
        }
    }
}
