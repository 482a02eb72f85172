//! What one backtrace has done so far.

use crate::model::{BacktraceSummary, Cell};

/// A block as far as it counts here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    pub(super) size: u64,
    pub(super) usable: u64,
    pub(super) backtrace: u32,
}

/// Sums and extremes of one backtrace, up to this moment.
///
/// There are as many as backtraces, far more than a processor's cache holds, and each step changes one of them: it takes
/// two cache lines, of which a death changes one.
#[repr(C, align(64))]
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    allocated_count: u32,
    freed_count: u32,
    /// Of which peak `peak_bytes` tells the share. When an older one is meant, nothing has changed here since the newest
    /// peak, and the share is what is live.
    peak_version: u32,
    /// The span that it has a cell in.
    span: u32,
    allocated_bytes: u64,
    freed_bytes: u64,
    live_usable: u64,
    own_peak_usable: u64,
    own_peak_at_us: u64,
    peak_bytes: u64,
    usable_bytes: u64,
    first_us: u64,
    last_us: u64,
    min_size: u64,
    max_size: u64,
    min_usable: u64,
    max_usable: u64,
}

impl Tally {
    /// Whether this is the first change in the span; it isn't from now on.
    #[inline]
    pub(super) fn enter(&mut self, span: u32) -> bool {
        std::mem::replace(&mut self.span, span) != span
    }

    /// To be called before a change.
    #[inline]
    pub(super) fn settle_peak(&mut self, peak_version: u32) {
        if self.peak_version != peak_version {
            self.peak_version = peak_version;
            self.peak_bytes = self.live_bytes();
        }
    }

    #[inline]
    pub(super) fn birth(&mut self, Block { size, usable, .. }: Block, time: u64) {
        if self.allocated_count == 0 {
            self.min_size = size;
            self.min_usable = usable;
            self.first_us = time;
            self.own_peak_at_us = time;
        }
        self.allocated_count += 1;
        self.allocated_bytes += size;
        self.usable_bytes += usable;
        self.min_size = self.min_size.min(size);
        self.max_size = self.max_size.max(size);
        self.min_usable = self.min_usable.min(usable);
        self.max_usable = self.max_usable.max(usable);
        self.last_us = time;
        self.live_usable += usable;
        if self.live_usable > self.own_peak_usable {
            self.own_peak_usable = self.live_usable;
            self.own_peak_at_us = time;
        }
    }

    #[inline]
    pub(super) fn death(&mut self, Block { size, usable, .. }: Block) {
        self.freed_count += 1;
        self.freed_bytes += size;
        self.live_usable -= usable;
    }

    /// The sums as a cell that begins with the capture.
    pub(super) fn sums(&self, backtrace: u32) -> Cell {
        Cell {
            backtrace,
            allocated_count: self.allocated_count.into(),
            allocated_bytes: self.allocated_bytes,
            freed_count: self.freed_count.into(),
            freed_bytes: self.freed_bytes,
        }
    }

    /// At the end of the capture.
    pub(super) fn summary(&self, peak_version: u32) -> BacktraceSummary {
        let mut settled = *self;
        settled.settle_peak(peak_version);
        BacktraceSummary {
            rows: self.allocated_count.into(),
            allocated_count: self.allocated_count.into(),
            allocated_bytes: self.allocated_bytes,
            freed_count: self.freed_count.into(),
            freed_bytes: self.freed_bytes,
            leaked_count: (self.allocated_count - self.freed_count).into(),
            leaked_bytes: self.live_bytes(),
            usable_bytes: self.usable_bytes,
            min_size: self.min_size,
            max_size: self.max_size,
            min_usable: self.min_usable,
            max_usable: self.max_usable,
            first_us: self.first_us,
            last_us: self.last_us,
            first_row_us: self.first_us,
            last_row_us: self.last_us,
            own_peak_usable: self.own_peak_usable,
            own_peak_at_us: self.own_peak_at_us,
            peak_bytes: settled.peak_bytes,
        }
    }

    fn live_bytes(&self) -> u64 {
        self.allocated_bytes - self.freed_bytes
    }
}
