//! Sums over a whole capture.

use bytehound_index::{Profile, Row};

/// Blocks made, their bytes, and blocks that ended; a realloc that succeeds is both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks made.
    pub born: u64,
    /// Their bytes, as they were asked for.
    pub bytes: u64,
    /// Blocks that ended.
    pub died: u64,
}

/// The sums of a profile.
pub fn totals_of(profile: &Profile) -> Totals {
    let rows = (0..profile.row_count()).map(|row| profile.allocation(Row(row)));
    rows.fold(Totals::default(), |totals, block| Totals {
        born: totals.born + 1,
        bytes: totals.bytes + block.size,
        died: totals.died + u64::from(!block.is_leaked()),
    })
}
