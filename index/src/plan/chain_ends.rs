//! Which rows are in chains, and what the first and the last row of every chain say, together in memory: looked up row by
//! row it takes longer than the rest of a question about chains.

use std::sync::{Arc, OnceLock};

use bytehound_store::Column;
use rayon::prelude::*;

use crate::bit_set::BitSet;
use crate::columns::Columns;

/// What all ends of one profile may take.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Chains that a thread reads together.
const CHAINS_AT_ONCE: usize = 1 << 12;

/// Which number of a chain.
#[derive(Clone, Copy)]
pub(super) enum End {
    FirstSize,
    LastSize,
    Birth,
    Death,
}

/// Each number is read of all chains when it is first asked of any, and then kept, if there is room.
#[derive(Default)]
pub(crate) struct ChainEnds {
    numbers: [OnceLock<Box<[u64]>>; 4],
    rows: OnceLock<Arc<BitSet>>,
}

impl ChainEnds {
    /// What was read takes.
    pub(crate) fn kept_bytes(&self) -> usize {
        let numbers = self.numbers.iter().filter_map(OnceLock::get);
        let rows = self.rows.get().map_or(0, |rows| rows.memory_bytes());
        numbers.map(|numbers| size_of_val(&**numbers)).sum::<usize>() + rows
    }

    /// The rows that are not alone.
    pub(super) fn rows(&self, columns: &Columns<'_>) -> Arc<BitSet> {
        let rows = || Arc::new(rows_where(columns, |_| true, |_| true));
        Arc::clone(self.rows.get_or_init(rows))
    }

    /// A number of every chain, or `None` if it has to be looked up.
    pub(super) fn of(&self, columns: &Columns<'_>, end: End) -> Option<&[u64]> {
        let count = columns.chain_count();
        let is_kept = count * size_of::<u64>() * self.numbers.len() <= KEPT_BYTES_MAX;
        let all = || (0..count).into_par_iter().with_min_len(CHAINS_AT_ONCE);
        let read = || all().map(|chain| end.of(columns, columns.chain(chain))).collect();
        is_kept.then(|| &**self.numbers[end as usize].get_or_init(read))
    }
}

/// The rows at some places of some chains.
pub(super) fn rows_where(
    columns: &Columns<'_>,
    is_asked: impl Fn(usize) -> bool + Sync,
    is_place: impl Fn(usize) -> bool + Sync,
) -> BitSet {
    let chains = (0..columns.chain_count()).into_par_iter().with_min_len(CHAINS_AT_ONCE);
    BitSet::gathered(columns.row_count() as usize, |rows| {
        chains.filter(|chain| is_asked(*chain)).for_each(|chain| {
            let numbered = columns.chain(chain).iter().enumerate();
            numbered.filter(|(place, _)| is_place(*place)).for_each(|(_, row)| rows.insert(*row as usize));
        });
    })
}

impl End {
    /// Of a chain, which has rows.
    pub(super) fn of(self, columns: &Columns<'_>, chain: &[u32]) -> u64 {
        let (row, column): (_, &Column<'_, u64>) = match self {
            Self::FirstSize => (chain.first(), &columns.size),
            Self::LastSize => (chain.last(), &columns.size),
            Self::Birth => (chain.first(), &columns.birth),
            Self::Death => (chain.last(), &columns.death),
        };
        row.and_then(|row| column.get(*row as usize)).unwrap_or(0)
    }
}
