//! Progress through the last phase, and the place where it can be stopped.

use super::observer::{Observer, Phase, Progress, report};
use crate::IndexError;

/// Counts steps towards a known total.
pub(super) struct Steps<'a> {
    observer: &'a dyn Observer,
    done: u64,
    total: u64,
    events: u64,
}

impl<'a> Steps<'a> {
    pub(super) fn new(observer: &'a dyn Observer, total: u64, events: u64) -> Self {
        Self { observer, done: 0, total, events }
    }

    /// So many steps more; an error when the build is to stop.
    pub(super) fn advance(&mut self, steps: usize) -> Result<(), IndexError> {
        self.done += steps as u64;
        let progress =
            Progress { phase: Phase::Index, bytes: self.done, bytes_total: self.total, events: self.events };
        report(self.observer, progress)
    }
}
