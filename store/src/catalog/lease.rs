//! For how long somebody has a job.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time for which a job is somebody's. Both ends are milliseconds since 1970 and come from whoever asks for the job, so
/// that a catalogue needs no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The time at which it is asked for.
    pub now_ms: u64,
    /// When others may take the job.
    pub until_ms: u64,
}

impl Lease {
    /// From now on, for so long.
    #[must_use]
    pub fn lasting(duration: Duration) -> Self {
        let now_ms = Self::now_ms();
        Self { now_ms, until_ms: now_ms.saturating_add(duration.as_millis() as u64) }
    }

    /// Milliseconds since 1970, by the clock of this machine.
    #[must_use]
    pub fn now_ms() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
    }
}
