//! Conditions on chains: answered once a chain; rows that are alone answer for themselves.

use super::conditions::ChainConditions;
use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::{NEVER, NONE};
use crate::span::Span;

/// Tells of any row whether its chain fulfils the conditions.
pub(super) struct ChainTest {
    conditions: ChainConditions,
    /// Chains that fulfil all but the position.
    chains: BitSet,
    /// Rows of chains that stand where they may, unless they may stand anywhere.
    placed: Option<BitSet>,
    end_us: u64,
}

impl ChainTest {
    /// `end_us` is T1: until then lives what was never freed.
    pub(super) fn new(columns: &Columns<'_>, conditions: ChainConditions, end_us: u64) -> Self {
        let chains = BitSet::of(columns.chain_count(), |chain| {
            matches!(columns.chain(chain), [first, .., last]
                if holds(columns, &conditions, end_us, [*first, *last], columns.chain(chain).len()))
        });
        let placed = (conditions.position != Span::ALL).then(|| placed(columns, conditions.position));
        Self { conditions, chains, placed, end_us }
    }

    pub(super) fn holds(&self, columns: &Columns<'_>, row: u32) -> bool {
        let chain = columns.chain.at(row as usize);
        if chain == NONE {
            return self.conditions.position.contains(0)
                && holds(columns, &self.conditions, self.end_us, [row, row], 1);
        }
        self.chains.contains(chain as usize)
            && self.placed.as_ref().is_none_or(|rows| rows.contains(row as usize))
    }
}

fn holds(
    columns: &Columns<'_>,
    conditions: &ChainConditions,
    end_us: u64,
    [first, last]: [u32; 2],
    length: usize,
) -> bool {
    let death = columns.death.at(last as usize);
    let lifetime = lifetime(columns.birth.at(first as usize), death, end_us);
    conditions.length.contains(length as u64)
        && conditions.first_size.contains(columns.size.at(first as usize))
        && conditions.last_size.contains(columns.size.at(last as usize))
        && conditions.last_death.contains(death)
        && conditions.lifetime.contains(lifetime)
}

fn placed(columns: &Columns<'_>, position: Span) -> BitSet {
    let mut rows = BitSet::empty(columns.row_count() as usize);
    for chain in 0..columns.chain_count() {
        let in_place = columns.chain(chain).iter().zip(0..).filter(|(_, at)| position.contains(*at));
        in_place.for_each(|(row, _)| rows.insert(*row as usize));
    }
    rows
}

/// How long it lived. Clocks of threads may disagree: a block that died before it was born lived for no time.
pub(super) fn lifetime(birth: u64, death: u64, end_us: u64) -> u64 {
    let end = if death == NEVER { end_us } else { death };
    end.saturating_sub(birth)
}
