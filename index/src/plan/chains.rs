//! Conditions on chains: answered once a chain; rows that are alone answer for themselves.

use super::conditions::ChainConditions;
use super::scan::{block_from, keep, keep_lifetimes, keep_rows};
use crate::allocation::position;
use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::{NEVER, NONE};
use crate::row_set::Words;
use crate::span::Span;

/// Tells of any row whether its chain fulfils the conditions.
pub(super) struct ChainTest {
    conditions: ChainConditions,
    /// Chains that fulfil all but the position.
    chains: BitSet,
    end_us: u64,
}

impl ChainTest {
    /// `end_us` is T1: until then lives what was never freed.
    pub(super) fn new(columns: &Columns<'_>, conditions: ChainConditions, end_us: u64) -> Self {
        let chains = BitSet::of(columns.chain_count(), |chain| {
            holds(columns, &conditions, end_us, columns.chain(chain))
        });
        Self { conditions, chains, end_us }
    }

    /// Clears the bits of rows it does not hold for; bit 0 is row `first`.
    pub(super) fn keep(&self, columns: &Columns<'_>, first: u32, words: &mut Words) {
        let mut alone = *words;
        keep(&columns.chain, first, &mut alone, |chain| chain == NONE);
        words.iter_mut().zip(&alone).for_each(|(word, alone)| *word &= !alone);
        let mut chains = Vec::new();
        let chains = columns.chain.read(block_from(first, columns.chain.len()), &mut chains);
        keep_rows(first, words, |row| self.holds(columns, row, chains[(row - first) as usize] as usize));
        self.keep_alone(columns, first, &mut alone);
        words.iter_mut().zip(&alone).for_each(|(word, alone)| *word |= alone);
    }

    /// A row that is alone is the first and the last of its chain.
    fn keep_alone(&self, columns: &Columns<'_>, first: u32, words: &mut Words) {
        let asked = &self.conditions;
        if !asked.position.contains(0) || !asked.length.contains(1) {
            words.fill(0);
            return;
        }
        let mut size = asked.first_size;
        size.intersect(asked.last_size);
        if size != Span::ALL {
            keep(&columns.size, first, words, |value| size.contains(value));
        }
        if asked.last_death != Span::ALL {
            keep(&columns.death, first, words, |death| asked.last_death.contains(death));
        }
        if asked.lifetime != Span::ALL {
            keep_lifetimes(columns, asked.lifetime, self.end_us, first, words);
        }
    }

    /// Whether it holds for a row that is not alone.
    fn holds(&self, columns: &Columns<'_>, row: u32, chain: usize) -> bool {
        let place = self.conditions.position;
        self.chains.contains(chain)
            && (place == Span::ALL || place.contains(position(columns.chain(chain), row) as u64))
    }
}

/// Whether a chain fulfils all but the position. Only what is asked is looked up.
fn holds(columns: &Columns<'_>, asked: &ChainConditions, end_us: u64, chain: &[u32]) -> bool {
    let [first, .., last] = chain else { return false };
    let (first, last) = (*first as usize, *last as usize);
    let fulfils = |span: Span, value: &dyn Fn() -> u64| span == Span::ALL || span.contains(value());
    fulfils(asked.length, &|| chain.len() as u64)
        && fulfils(asked.first_size, &|| columns.size.at(first))
        && fulfils(asked.last_size, &|| columns.size.at(last))
        && fulfils(asked.last_death, &|| columns.death.at(last))
        && fulfils(asked.lifetime, &|| lifetime(columns.birth.at(first), columns.death.at(last), end_us))
}

/// How long it lived. Clocks of threads may disagree: a block that died before it was born lived for no time.
pub(super) fn lifetime(birth: u64, death: u64, end_us: u64) -> u64 {
    let end = if death == NEVER { end_us } else { death };
    end.saturating_sub(birth)
}
