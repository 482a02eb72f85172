//! A long list of bits, written once from first to last: in a file, so that it takes no memory.

use bytehound_store::{MappedVec, Scratch};

use crate::IndexError;

/// A list that grows.
pub(super) struct Bits {
    words: MappedVec<u64>,
    /// Those that are no whole word yet.
    word: u64,
    len: usize,
}

impl Bits {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self { words: MappedVec::new(scratch)?, word: 0, len: 0 })
    }

    /// So many times the same bit.
    #[inline]
    pub(super) fn push(&mut self, is_set: bool, mut count: usize) -> Result<(), IndexError> {
        let bits = u64::from(is_set).wrapping_neg();
        while self.len % 64 + count >= 64 {
            let fitting = 64 - self.len % 64;
            self.words.push(self.word | bits << (self.len % 64))?;
            (self.word, self.len, count) = (0, self.len + fitting, count - fitting);
        }
        self.word |= (bits & !(u64::MAX << count)) << (self.len % 64);
        self.len += count;
        Ok(())
    }

    /// All of them, lowest bits first.
    pub(super) fn finish(mut self) -> Result<MappedVec<u64>, IndexError> {
        if !self.len.is_multiple_of(64) {
            self.words.push(self.word)?;
        }
        Ok(self.words)
    }
}

#[cfg(test)]
mod tests {
    use bytehound_store::Store;

    use super::*;

    #[test]
    fn bits_come_back_however_many_were_pushed_at_once() {
        let store = Store::temporary().expect("a temporary directory");
        let mut bits = Bits::new(&store.scratch().expect("a scratch directory")).expect("no bits");
        let mut expected = Vec::new();
        for count in [0, 1, 62, 1, 1, 63, 64, 65, 0, 200, 3].into_iter().cycle().take(99) {
            let is_set = expected.len() % 3 != 0;
            bits.push(is_set, count).expect("room for some");
            expected.extend(vec![is_set; count]);
        }
        let words = bits.finish().expect("all of them");
        assert_eq!(words.len(), expected.len().div_ceil(64));
        let words = words.as_slice();
        assert!(
            (0..)
                .zip(expected)
                .all(|(at, is_set): (usize, _)| (words[at / 64] >> (at % 64) & 1 != 0) == is_set)
        );
    }
}
