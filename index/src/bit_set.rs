//! Sets of small numbers: backtraces, chains, strings.

/// A set of numbers below a bound, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitSet {
    words: Vec<u64>,
    bound: usize,
}

impl BitSet {
    /// The numbers below `bound` for which `member` holds.
    pub(crate) fn of(bound: usize, member: impl Fn(usize) -> bool) -> Self {
        let word = |index: usize| {
            let numbers = index * 64..bound.min(index * 64 + 64);
            numbers.filter(|number| member(*number)).fold(0, |word, number| word | 1 << (number % 64))
        };
        Self { words: (0..bound.div_ceil(64)).map(word).collect(), bound }
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.bound).filter(|number| self.contains(*number))
    }
}
