//! Sets of small numbers: backtraces, chains, strings.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

/// Words of a set that one thread makes at a time.
const WORDS_PER_TASK: usize = 64;

/// A set of numbers below a bound, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitSet {
    words: Vec<u64>,
    bound: usize,
}

/// Up to 64 answers as one word.
pub(crate) fn word(answers: impl Iterator<Item = bool>) -> u64 {
    (0..64).zip(answers).fold(0, |word, (bit, answer)| word | u64::from(answer) << bit)
}

impl BitSet {
    /// The numbers below `bound` for which `member` holds.
    pub(crate) fn of(bound: usize, member: impl Fn(usize) -> bool + Sync) -> Self {
        Self::of_words(bound, |numbers, ()| word(numbers.map(&member)))
    }

    /// The numbers below `bound` that `members` says in words of 64, with memory that it may use again.
    pub(crate) fn of_words<M: Default>(
        bound: usize,
        members: impl Fn(Range<usize>, &mut M) -> u64 + Sync,
    ) -> Self {
        let words = (0..bound.div_ceil(64)).into_par_iter().with_min_len(WORDS_PER_TASK);
        let word_of = |memory: &mut M, index| members(index * 64..bound.min(index * 64 + 64), memory);
        Self { words: words.map_init(M::default, word_of).collect(), bound }
    }

    /// The numbers that threads add side by side; those beyond the bound are left out.
    pub(crate) fn gathered(bound: usize, gather: impl FnOnce(&Gathering)) -> Self {
        let gathering = Gathering((0..bound.div_ceil(64)).map(|_| AtomicU64::new(0)).collect());
        gather(&gathering);
        Self { words: gathering.0.into_iter().map(AtomicU64::into_inner).collect(), bound }
    }

    /// The numbers from `64 * index` on, a bit each.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    pub(crate) fn empty(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(64)], bound }
    }

    /// Numbers beyond the bound are left out.
    pub(crate) fn insert(&mut self, number: usize) {
        if number < self.bound {
            self.words[number / 64] |= 1 << (number % 64);
        }
    }

    pub(crate) fn contains(&self, number: usize) -> bool {
        number < self.bound && self.words[number / 64] >> (number % 64) & 1 == 1
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.bound
    }

    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        ones(&self.words).map(|number| number as usize)
    }
}

/// A set while threads add to it.
pub(crate) struct Gathering(Vec<AtomicU64>);

impl Gathering {
    pub(crate) fn insert(&self, number: usize) {
        if let Some(word) = self.0.get(number / 64) {
            // Nothing is published through a bit: who reads the set has waited for the threads.
            word.fetch_or(1 << (number % 64), Ordering::Relaxed);
        }
    }
}

/// The positions of the bits set.
pub(crate) fn ones(words: &[u64]) -> impl Iterator<Item = u32> + '_ {
    words.iter().enumerate().flat_map(|(index, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            Some(index as u32 * 64 + bit)
        })
    })
}
