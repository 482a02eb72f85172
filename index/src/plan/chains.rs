//! Conditions on chains: answered once a chain; rows that are alone answer for themselves.

use std::sync::Arc;

use super::chain_ends::{ChainEnds, End, rows_where};
use super::conditions::ChainConditions;
use super::scan::{keep, keep_lifetimes};
use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::NEVER;
use crate::row_set::Words;
use crate::span::Span;

/// Tells of any row whether its chain fulfils the conditions.
pub(super) struct ChainTest {
    conditions: ChainConditions,
    /// Rows that are not alone.
    chained: Arc<BitSet>,
    /// Those of them for which the conditions hold.
    found: BitSet,
    end_us: u64,
}

impl ChainTest {
    /// `end_us` is T1: until then lives what was never freed.
    pub(super) fn new(
        columns: &Columns<'_>,
        ends: &ChainEnds,
        conditions: ChainConditions,
        end_us: u64,
    ) -> Self {
        let kept = Kept::of(&conditions, columns, ends);
        let asked = Asked { columns, conditions: &conditions, end_us, kept };
        let place = conditions.position;
        let found = rows_where(columns, |chain| asked.holds(chain), |at| place.contains(at as u64));
        Self { chained: ends.rows(columns), found, conditions, end_us }
    }

    /// Clears the bits of rows it does not hold for; bit 0 is row `first`.
    pub(super) fn keep(&self, columns: &Columns<'_>, first: u32, words: &mut Words) {
        let mut alone = *words;
        for ((word, alone), index) in words.iter_mut().zip(&mut alone).zip(first as usize / 64..) {
            *alone &= !self.chained.word(index);
            *word &= self.found.word(index);
        }
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
}

/// What is asked of chains.
struct Asked<'a> {
    columns: &'a Columns<'a>,
    conditions: &'a ChainConditions,
    end_us: u64,
    kept: Kept<'a>,
}

/// The numbers that are asked of chains, where they are at hand.
struct Kept<'a>([Option<&'a [u64]>; 4]);

impl<'a> Kept<'a> {
    fn of(asked: &ChainConditions, columns: &Columns<'_>, ends: &'a ChainEnds) -> Self {
        let lives = asked.lifetime != Span::ALL;
        let wanted = [
            (End::FirstSize, asked.first_size != Span::ALL),
            (End::LastSize, asked.last_size != Span::ALL),
            (End::Birth, lives),
            (End::Death, lives || asked.last_death != Span::ALL),
        ];
        Self(wanted.map(|(end, is_wanted)| if is_wanted { ends.of(columns, end) } else { None }))
    }
}

impl Asked<'_> {
    /// Whether a chain fulfils all but the position. Only what is asked is looked up.
    fn holds(&self, chain: usize) -> bool {
        let asked = self.conditions;
        let value = |end: End| match self.kept.0[end as usize] {
            Some(values) => values[chain],
            None => end.of(self.columns, self.columns.chain(chain)),
        };
        let fulfils = |span: Span, value: &dyn Fn() -> u64| span == Span::ALL || span.contains(value());
        fulfils(asked.length, &|| self.columns.chain(chain).len() as u64)
            && fulfils(asked.first_size, &|| value(End::FirstSize))
            && fulfils(asked.last_size, &|| value(End::LastSize))
            && fulfils(asked.last_death, &|| value(End::Death))
            && fulfils(asked.lifetime, &|| lifetime(value(End::Birth), value(End::Death), self.end_us))
    }
}

/// How long it lived. Clocks of threads may disagree: a block that died before it was born lived for no time.
pub(super) fn lifetime(birth: u64, death: u64, end_us: u64) -> u64 {
    let end = if death == NEVER { end_us } else { death };
    end.saturating_sub(birth)
}
