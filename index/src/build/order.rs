//! The order of rows, where it is not that of the capture.

use bytehound_store::{MappedVec, Scratch};

use super::operations::Operation;
use crate::IndexError;
use crate::layout::NONE;

/// Rows by the order of their births.
pub(super) struct Order {
    /// The row at each place.
    rows: MappedVec<u32>,
    /// The place of each row.
    places: MappedVec<u32>,
}

impl Order {
    /// That of operations which are sorted by time.
    pub(super) fn of(operations: &[Operation], scratch: &Scratch) -> Result<Self, IndexError> {
        let mut rows = MappedVec::new(scratch)?;
        for operation in operations.iter().filter(|operation| operation.birth != NONE) {
            rows.push(operation.birth)?;
        }
        let mut places = MappedVec::new(scratch)?;
        places.resize_zeroed(rows.len())?;
        let of_row = places.as_mut_slice();
        rows.as_slice().iter().zip(0..).for_each(|(row, place)| of_row[*row as usize] = place);
        Ok(Self { rows, places })
    }

    pub(super) fn rows(&self) -> &[u32] {
        self.rows.as_slice()
    }

    pub(super) fn places(&self) -> &[u32] {
        self.places.as_slice()
    }
}
