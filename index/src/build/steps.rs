//! Progress through the last phase, and the place where it can be stopped.

use std::sync::{Mutex, PoisonError};

use super::observer::{Observer, Phase, Progress, report};
use crate::IndexError;

/// Counts steps towards a known total; the threads of the phase share it.
pub(super) struct Steps<'a> {
    observer: &'a dyn Observer,
    done: Mutex<u64>,
    total: u64,
    events: u64,
}

impl<'a> Steps<'a> {
    pub(super) fn new(observer: &'a dyn Observer, total: u64, events: u64) -> Self {
        Self { observer, done: Mutex::default(), total, events }
    }

    /// So many steps more; an error when the build is to stop.
    pub(super) fn advance(&self, steps: usize) -> Result<(), IndexError> {
        // Held while it is told, so that nobody hears of less after more.
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += steps as u64;
        let progress =
            Progress { phase: Phase::Index, bytes: *done, bytes_total: self.total, events: self.events };
        report(self.observer, progress)
    }
}
