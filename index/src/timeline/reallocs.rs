//! Reallocs among the rows that a timeline is about.

use std::ops::Range;

use rayon::prelude::*;

use crate::chronicle::Chronicle;
use crate::columns::Columns;
use crate::layout::BLOCK_ROWS;
use crate::{Cancel, IndexError};

/// Chains that a thread looks at together.
const CHAINS_AT_ONCE: usize = 1 << 13;

pub(super) struct Reallocs {
    /// Rows that came out of one of which the old row is asked for too, a bit each; empty when there are none.
    reborn: Vec<u64>,
    /// The deaths, in order, of rows reallocated in the µs of their birth to rows that are not asked for. The chronicle
    /// has them die right before those are born; seen alone, they die when the µs ends.
    late: Vec<usize>,
}

impl Reallocs {
    /// `words` has a bit a row.
    pub(super) fn among(
        columns: &Columns<'_>,
        chronicle: &Chronicle<'_>,
        words: &[u64],
        cancel: &Cancel,
    ) -> Result<Self, IndexError> {
        let count = columns.chain_count();
        let starts: Vec<usize> = (0..count).step_by(CHAINS_AT_ONCE).collect();
        let look = |start: usize| {
            cancel.check()?;
            Ok(among(columns, chronicle, words, start..count.min(start + CHAINS_AT_ONCE)))
        };
        let found: Vec<_> = starts.into_par_iter().map(look).collect::<Result<_, IndexError>>()?;
        let mut reallocs = Self { reborn: Vec::new(), late: Vec::new() };
        if found.iter().any(|(reborn, _)| !reborn.is_empty()) {
            reallocs.reborn = vec![0; words.len()];
        }
        for (reborn, late) in found {
            reborn.into_iter().for_each(|row| reallocs.reborn[row as usize / 64] |= 1 << (row % 64));
            reallocs.late.extend(late);
        }
        reallocs.late.sort_unstable();
        Ok(reallocs)
    }

    /// The late deaths among some operations.
    pub(super) fn late_in(&self, operations: &Range<usize>) -> &[usize] {
        let place = |operation: usize| self.late.partition_point(|late| *late < operation);
        &self.late[place(operations.start)..place(operations.end)]
    }

    /// How many of some rows came out of a realloc.
    pub(super) fn reborn(&self, rows: Range<usize>) -> u64 {
        if self.reborn.is_empty() || rows.is_empty() {
            return 0;
        }
        let (first, last) = (rows.start / 64, rows.end / 64);
        let mut count = 0;
        for index in first..=last {
            let mut word = self.reborn.get(index).copied().unwrap_or(0);
            if index == first {
                word &= u64::MAX << (rows.start % 64);
            }
            if index == last {
                word &= !(u64::MAX << (rows.end % 64));
            }
            count += u64::from(word.count_ones());
        }
        count
    }
}

/// The reborn rows and the late deaths of some chains.
fn among(
    columns: &Columns<'_>,
    chronicle: &Chronicle<'_>,
    words: &[u64],
    chains: Range<usize>,
) -> (Vec<u32>, Vec<usize>) {
    let is_asked = |row: u32| words[row as usize / 64] >> (row % 64) & 1 == 1;
    let (mut reborn, mut late) = (Vec::new(), Vec::new());
    for pair in chains.flat_map(|chain| columns.chain(chain).windows(2)) {
        let (old, new) = (pair[0], pair[1]);
        match (is_asked(old), is_asked(new)) {
            (true, true) => reborn.push(new),
            (true, false) if is_at_once(columns, old, new) => late.push(chronicle.birth_of(new) - 1),
            _ => {}
        }
    }
    (reborn, late)
}

/// Whether both are born in the same µs. Zones tell most that are not.
fn is_at_once(columns: &Columns<'_>, old: u32, new: u32) -> bool {
    let [old_births, new_births] = [old, new].map(|row| columns.zones[row as usize / BLOCK_ROWS].birth);
    old_births[1] >= new_births[0] && columns.birth.at(old as usize) == columns.birth.at(new as usize)
}
