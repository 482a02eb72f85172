//! Sets of rows: what a selection evaluates to.

mod disjoint;

use std::ops::Range;

use crate::bit_set::ones;
use crate::layout::BLOCK_ROWS;
use crate::model::Row;

/// Words of one block's bitmap.
pub(crate) const BLOCK_WORDS: usize = BLOCK_ROWS / 64;

/// A block with at most this many rows is kept as a list: 2 bytes a row instead of 8 KiB.
const LISTED_ROWS_MAX: u32 = 2048;

/// A set of rows of one profile. Immutable; combined with others it gives new sets.
///
/// Kept block by block (the blocks of the segment): nothing, everything, a short list or a bitmap, together with the
/// number of rows before each block, so that [`RowSet::nth`] looks into one block only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    universe: u32,
    blocks: Vec<Block>,
    /// `starts[b]` rows lie in blocks before `b`; one more entry than blocks.
    starts: Vec<u32>,
}

/// The rows of one block. Always in the smallest of its forms, so that equal sets are equal values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Empty,
    Full,
    Listed(Box<[u16]>),
    Bits(Box<[u64; BLOCK_WORDS]>),
}

/// The bits of one block while it is worked on.
pub(crate) type Words = [u64; BLOCK_WORDS];

impl RowSet {
    /// No row of a profile that has `universe` rows.
    #[must_use]
    pub fn empty(universe: u32) -> Self {
        Self::from_blocks(universe, vec![Block::Empty; block_count(universe)])
    }

    /// Every row of a profile that has `universe` rows.
    #[must_use]
    pub fn full(universe: u32) -> Self {
        Self::from_blocks(universe, vec![Block::Full; block_count(universe)])
    }

    /// The given rows; those beyond `universe` are left out.
    #[must_use]
    pub fn of_rows(universe: u32, rows: impl IntoIterator<Item = Row>) -> Self {
        let mut rows: Vec<u32> = rows.into_iter().map(|row| row.0).filter(|row| *row < universe).collect();
        rows.sort_unstable();
        let mut blocks = vec![Block::Empty; block_count(universe)];
        for run in rows.chunk_by(|a, b| block_of(*a) == block_of(*b)) {
            let mut words = [0; BLOCK_WORDS];
            run.iter().for_each(|row| set(&mut words, offset_in_block(*row)));
            let block = block_of(run[0]);
            blocks[block] = Block::from_words(&words, block_len(universe, block));
        }
        Self::from_blocks(universe, blocks)
    }

    pub(crate) fn from_blocks(universe: u32, blocks: Vec<Block>) -> Self {
        let mut starts = Vec::with_capacity(blocks.len() + 1);
        let mut total = 0;
        starts.push(0);
        for (index, block) in blocks.iter().enumerate() {
            total += block.count(block_len(universe, index));
            starts.push(total);
        }
        Self { universe, blocks, starts }
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::from(self.total())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How many rows the profile has.
    #[must_use]
    pub fn universe(&self) -> u32 {
        self.universe
    }

    /// Whether it has `row`.
    #[must_use]
    pub fn contains(&self, row: Row) -> bool {
        row.0 < self.universe && self.blocks[block_of(row.0)].contains(offset_in_block(row.0))
    }

    /// The row that has `index` rows of the set before it.
    #[must_use]
    pub fn nth(&self, index: u64) -> Option<Row> {
        let index = u32::try_from(index).ok().filter(|index| *index < self.total())?;
        let block = self.starts.partition_point(|start| *start <= index) - 1;
        let offset = self.blocks[block].nth(index - self.starts[block])?;
        Some(Row(first_row(block) + offset))
    }

    /// Its rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.blocks.len()).flat_map(|index| self.iter_block(index))
    }

    /// Rows in either.
    ///
    /// # Panics
    /// Here and below: when the two are of profiles that have not the same number of rows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, Block::union)
    }

    /// Rows in this one but not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, Block::difference)
    }

    /// Rows in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, Block::intersection)
    }

    /// What it occupies.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Block::heap_bytes).sum();
        size_of::<Self>() + self.starts.len() * 4 + self.blocks.len() * size_of::<Block>() + blocks
    }

    /// All rows as bits, one word after the other.
    pub(crate) fn to_words(&self) -> Vec<u64> {
        let mut words = Vec::with_capacity(self.blocks.len() * BLOCK_WORDS);
        for (index, block) in self.blocks.iter().enumerate() {
            words.extend_from_slice(&block.words(block_len(self.universe, index)));
        }
        words
    }

    /// The rows of one block in order.
    pub(crate) fn iter_block(&self, index: usize) -> impl Iterator<Item = Row> + '_ {
        let offsets = self.blocks[index].offsets(block_len(self.universe, index));
        offsets.map(move |offset| Row(first_row(index) + offset))
    }

    /// One block.
    pub(crate) fn block(&self, index: usize) -> &Block {
        &self.blocks[index]
    }

    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    fn total(&self) -> u32 {
        self.starts[self.blocks.len()]
    }

    fn combine(&self, other: &Self, with: impl Fn(&Block, &Block, u32) -> Block) -> Self {
        assert_eq!(self.universe, other.universe, "sets of rows of different profiles");
        let pairs = self.blocks.iter().zip(&other.blocks).enumerate();
        let blocks = pairs.map(|(index, (a, b))| with(a, b, block_len(self.universe, index))).collect();
        Self::from_blocks(self.universe, blocks)
    }
}

impl Block {
    /// The smallest form of the first `len` bits.
    pub(crate) fn from_words(words: &Words, len: u32) -> Self {
        let count: u32 = words.iter().map(|word| word.count_ones()).sum();
        match count {
            0 => Self::Empty,
            _ if count == len => Self::Full,
            1..=LISTED_ROWS_MAX => {
                Self::Listed(ones(words).map(|offset| u16::try_from(offset).unwrap_or(u16::MAX)).collect())
            }
            _ => Self::Bits(Box::new(*words)),
        }
    }

    /// The smallest form of some rows, ascending, of a block of `len`.
    pub(crate) fn of_offsets(offsets: Vec<u16>, len: u32) -> Self {
        match offsets.len() as u32 {
            0 => Self::Empty,
            count if count == len => Self::Full,
            1..=LISTED_ROWS_MAX => Self::Listed(offsets.into()),
            _ => {
                let mut words = [0; BLOCK_WORDS];
                offsets.iter().for_each(|offset| set(&mut words, u32::from(*offset)));
                Self::Bits(Box::new(words))
            }
        }
    }

    /// Its bits, in a block of `len` rows.
    pub(crate) fn words(&self, len: u32) -> Words {
        match self {
            Self::Empty => [0; BLOCK_WORDS],
            Self::Full => range_words(0, len),
            Self::Listed(offsets) => {
                let mut words = [0; BLOCK_WORDS];
                offsets.iter().for_each(|offset| set(&mut words, u32::from(*offset)));
                words
            }
            Self::Bits(words) => **words,
        }
    }

    /// The offsets of its rows in the block, ascending.
    fn offsets(&self, len: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            Self::Empty => Box::new(std::iter::empty()),
            Self::Full => Box::new(0..len),
            Self::Listed(offsets) => Box::new(offsets.iter().map(|offset| u32::from(*offset))),
            Self::Bits(words) => Box::new(ones(words.as_slice())),
        }
    }

    fn count(&self, len: u32) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Full => len,
            Self::Listed(offsets) => offsets.len() as u32,
            Self::Bits(words) => words.iter().map(|word| word.count_ones()).sum(),
        }
    }

    fn contains(&self, offset: u32) -> bool {
        match self {
            Self::Empty => false,
            Self::Full => true,
            Self::Listed(offsets) => offsets.binary_search_by_key(&offset, |at| u32::from(*at)).is_ok(),
            Self::Bits(words) => offset_is_set(words, offset),
        }
    }

    fn nth(&self, index: u32) -> Option<u32> {
        match self {
            Self::Empty => None,
            Self::Full => Some(index),
            Self::Listed(offsets) => offsets.get(index as usize).map(|offset| u32::from(*offset)),
            Self::Bits(words) => nth_one(words, index),
        }
    }

    fn union(&self, other: &Self, len: u32) -> Self {
        match (self, other) {
            (Self::Full, _) | (_, Self::Full) => Self::Full,
            (Self::Empty, block) | (block, Self::Empty) => block.clone(),
            _ => self.zip(other, len, |a, b| a | b),
        }
    }

    fn difference(&self, other: &Self, len: u32) -> Self {
        match (self, other) {
            (Self::Empty, _) | (_, Self::Full) => Self::Empty,
            (block, Self::Empty) => block.clone(),
            (Self::Listed(offsets), _) => Self::some(offsets, len, |offset| !other.contains(offset)),
            _ => self.zip(other, len, |a, b| a & !b),
        }
    }

    fn intersection(&self, other: &Self, len: u32) -> Self {
        match (self, other) {
            (Self::Empty, _) | (_, Self::Empty) => Self::Empty,
            (Self::Full, block) | (block, Self::Full) => block.clone(),
            (Self::Listed(offsets), block) | (block, Self::Listed(offsets)) => {
                Self::some(offsets, len, |offset| block.contains(offset))
            }
            _ => self.zip(other, len, |a, b| a & b),
        }
    }

    /// Those of some rows for which `is_left` holds.
    fn some(offsets: &[u16], len: u32, is_left: impl Fn(u32) -> bool) -> Self {
        Self::of_offsets(offsets.iter().copied().filter(|offset| is_left((*offset).into())).collect(), len)
    }

    fn zip(&self, other: &Self, len: u32, with: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.words(len);
        let others = other.words(len);
        words.iter_mut().zip(&others).for_each(|(a, b)| *a = with(*a, *b));
        Self::from_words(&words, len)
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Full => 0,
            Self::Listed(offsets) => offsets.len() * 2,
            Self::Bits(_) => size_of::<Words>(),
        }
    }
}

/// How many blocks `universe` rows take.
pub(crate) fn block_count(universe: u32) -> usize {
    (universe as usize).div_ceil(BLOCK_ROWS)
}

/// How many rows block `index` of a profile with `universe` rows has.
pub(crate) fn block_len(universe: u32, index: usize) -> u32 {
    (universe as usize - index * BLOCK_ROWS).min(BLOCK_ROWS) as u32
}

/// The rows of block `index` of a profile with `universe` rows.
pub(crate) fn block_rows(universe: u32, index: usize) -> Range<usize> {
    let first = first_row(index) as usize;
    first..first + block_len(universe, index) as usize
}

/// The first row of block `index`.
pub(crate) fn first_row(index: usize) -> u32 {
    (index * BLOCK_ROWS) as u32
}

/// Bits `from..to` set.
pub(crate) fn range_words(from: u32, to: u32) -> Words {
    std::array::from_fn(|index| {
        let first = index as u32 * 64;
        below(to.saturating_sub(first)) & !below(from.saturating_sub(first))
    })
}

fn set(words: &mut Words, offset: u32) {
    words[offset as usize / 64] |= 1 << (offset % 64);
}

fn offset_is_set(words: &Words, offset: u32) -> bool {
    words[offset as usize / 64] >> (offset % 64) & 1 == 1
}

fn block_of(row: u32) -> usize {
    row as usize / BLOCK_ROWS
}

fn offset_in_block(row: u32) -> u32 {
    row % BLOCK_ROWS as u32
}

/// The lowest `count` bits.
fn below(count: u32) -> u64 {
    1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1)
}

fn nth_one(words: &Words, index: u32) -> Option<u32> {
    let mut left = index;
    for (at, word) in words.iter().enumerate() {
        let ones = word.count_ones();
        if left < ones {
            let rest = (0..left).fold(*word, |rest, _| rest & (rest - 1));
            return Some(at as u32 * 64 + rest.trailing_zeros());
        }
        left -= ones;
    }
    None
}
