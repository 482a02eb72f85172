//! All operations of a capture in order of time, for whoever wants to go through them.

use super::operations::Operation;
use super::rows::FinishedRows;
use crate::IndexError;

/// Operations that are handed over at a time.
const BATCH: usize = 512;

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
        let mut operations = self.rows.log.operations(&self.rows.births, &self.rows.deaths);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            batch.extend(operations.by_ref().take(BATCH));
            if batch.is_empty() {
                return Ok(());
            }
            take(&batch)?;
            batch.clear();
        }
    }
}
