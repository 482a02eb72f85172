//! All operations of a capture in order of time, for whoever wants to go through them.

use super::operations::Operation;
use super::rows::FinishedRows;
use crate::IndexError;

/// Operations that are handed over at a time, if they were sorted.
const BATCH: usize = 1024;

/// The operations of some rows.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    pub(super) rows: &'a FinishedRows,
    /// `None` if they were recorded in order.
    pub(super) sorted: Option<&'a [Operation]>,
}

impl History<'_> {
    /// Hands all of them over, batch by batch.
    pub(super) fn tell(
        &self,
        mut take: impl FnMut(&[Operation]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        if let Some(operations) = self.sorted {
            return operations.chunks(BATCH).try_for_each(take);
        }
        let mut walk = self.rows.log.walk(&self.rows.births, &self.rows.deaths);
        let mut operations = Vec::new();
        while walk.next(&mut operations) {
            take(&operations)?;
        }
        Ok(())
    }
}
