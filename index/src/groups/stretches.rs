//! Tallies of long stretches of rows, kept: rows are in order of birth, so a long part of the time is whole stretches, and
//! little at its ends.

use std::sync::OnceLock;

use super::tally::{Tally, tally_blocks};
use crate::columns::Columns;
use crate::row_set::{Block, block_count};
use crate::{Cancel, IndexError, RowSet};

/// What the stretches of one profile may take.
const KEPT_BYTES_MAX: usize = 32 << 20;
/// More would not make the ends shorter than what putting the stretches together takes.
const STRETCHES_MAX: usize = 32;

/// The blocks of a profile, cut into stretches of equal length. A stretch is counted when it is first asked for as a
/// whole.
pub(crate) struct Stretches {
    row_count: u32,
    /// Blocks of one; 0 when there is no room for two.
    len: usize,
    kept: Vec<OnceLock<Box<[Tally]>>>,
}

impl Stretches {
    pub(crate) fn new(columns: &Columns<'_>) -> Self {
        Self::within(columns.row_count(), columns.backtrace_count(), KEPT_BYTES_MAX)
    }

    fn within(row_count: u32, backtraces: u32, bytes_max: usize) -> Self {
        let each = (backtraces as usize * size_of::<Tally>()).max(1);
        let most = (bytes_max / each).min(STRETCHES_MAX).min(block_count(row_count));
        let len = if most < 2 { 0 } else { block_count(row_count).div_ceil(most) };
        let count = if len == 0 { 0 } else { block_count(row_count).div_ceil(len) };
        Self { row_count, len, kept: (0..count).map(|_| OnceLock::new()).collect() }
    }

    /// What those that were counted take.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept.iter().filter_map(OnceLock::get).map(|tallies| size_of_val(&**tallies)).sum()
    }

    /// The stretches that `rows` has as a whole, and the other blocks in which it has any.
    pub(super) fn covering(&self, rows: &RowSet) -> (Vec<usize>, Vec<usize>) {
        let (mut whole, mut rest) = (Vec::new(), Vec::new());
        let blocks: Vec<usize> = (0..rows.block_count()).collect();
        for (stretch, blocks) in blocks.chunks(self.len.max(1)).enumerate() {
            let is_full = |block: &usize| matches!(rows.block(*block), Block::Full);
            if self.len > 0 && blocks.iter().all(is_full) {
                whole.push(stretch);
            } else {
                rest.extend(blocks.iter().filter(|block| !matches!(rows.block(**block), Block::Empty)));
            }
        }
        (whole, rest)
    }

    /// The tallies of one stretch.
    pub(super) fn tallies(
        &self,
        columns: &Columns<'_>,
        stretch: usize,
        cancel: &Cancel,
    ) -> Result<&[Tally], IndexError> {
        if let Some(tallies) = self.kept[stretch].get() {
            return Ok(tallies);
        }
        let end = block_count(self.row_count).min((stretch + 1) * self.len);
        let blocks: Vec<usize> = (stretch * self.len..end).collect();
        let parts = tally_blocks(columns, &RowSet::full(self.row_count), &blocks, cancel)?;
        let mut all = vec![Tally::NOTHING; columns.backtrace_count() as usize];
        for part in parts {
            all.iter_mut().zip(&part).for_each(|(tally, other)| tally.merge(other));
        }
        Ok(self.kept[stretch].get_or_init(|| all.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use crate::layout::BLOCK_ROWS;

    const BLOCKS: u32 = 10;

    fn rows(missing: Option<u32>) -> RowSet {
        let row_count = BLOCKS * BLOCK_ROWS as u32;
        let all = RowSet::full(row_count);
        missing.map_or(all.clone(), |row| all.difference(&RowSet::of_rows(row_count, [Row(row)])))
    }

    #[test]
    fn a_stretch_with_a_row_missing_is_counted_block_by_block() {
        let room_for_five = 5 * 100 * size_of::<Tally>();
        let stretches = Stretches::within(BLOCKS * BLOCK_ROWS as u32, 100, room_for_five);
        assert_eq!(stretches.covering(&rows(None)), (vec![0, 1, 2, 3, 4], vec![]));
        let in_third_block = 2 * BLOCK_ROWS as u32 + 5;
        assert_eq!(stretches.covering(&rows(Some(in_third_block))), (vec![0, 2, 3, 4], vec![2, 3]));
    }

    #[test]
    fn without_room_for_two_stretches_every_block_is_counted() {
        let stretches = Stretches::within(BLOCKS * BLOCK_ROWS as u32, 100, 100 * size_of::<Tally>());
        assert_eq!(stretches.covering(&rows(None)), (vec![], (0..BLOCKS as usize).collect()));
    }
}
