//! From the monotonic clock of the profiled machine to the wall clock.

use bytehound_format::Timestamp;

use crate::layout::NEVER;

/// Binds one clock to the other by the latest pair of both that the capture gave.
pub(super) struct Clock {
    offset: u64,
}

impl Clock {
    /// `timestamp` was taken when the wall clock said `secs` and `nsecs`.
    pub(super) fn new(timestamp: Timestamp, secs: u64, nsecs: u64) -> Self {
        let wall = secs.wrapping_mul(1_000_000).wrapping_add(nsecs / 1000);
        Self { offset: wall.wrapping_sub(timestamp.0) }
    }

    /// Wall clock, in µs since 1970; never [`NEVER`], which means something else.
    pub(super) fn wall_us(&self, timestamp: Timestamp) -> u64 {
        timestamp.0.wrapping_add(self.offset).min(NEVER - 1)
    }
}
