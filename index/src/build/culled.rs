//! Allocations that a capture tells only in sum: they were freed, and their events were left out.

use crate::model::BacktraceSummary;

/// The left-out allocations of one backtrace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Culled {
    /// As rows refer to it.
    pub(super) backtrace: u32,
    pub(super) first_us: u64,
    pub(super) last_us: u64,
    pub(super) count: u64,
    /// Usable bytes, and so the extremes.
    pub(super) bytes: u64,
    pub(super) min_size: u64,
    pub(super) max_size: u64,
}

impl Culled {
    /// Adds them to what the rows of their backtrace say.
    pub(super) fn fold_into(&self, summary: &mut BacktraceSummary) {
        if self.count == 0 {
            return;
        }
        if summary.allocated_count == 0 {
            summary.min_usable = self.min_size;
            summary.first_us = self.first_us;
        }
        summary.min_usable = summary.min_usable.min(self.min_size);
        summary.max_usable = summary.max_usable.max(self.max_size);
        summary.first_us = summary.first_us.min(self.first_us);
        summary.last_us = summary.last_us.max(self.last_us);
        summary.allocated_count = summary.allocated_count.saturating_add(self.count);
        summary.freed_count = summary.freed_count.saturating_add(self.count);
        summary.usable_bytes = summary.usable_bytes.saturating_add(self.bytes);
    }
}
