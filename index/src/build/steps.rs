//! Progress through the last phase, and the place where it can be stopped.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::observer::{Observer, Phase, Progress, report};
use crate::IndexError;

/// Counts steps towards a known total; the threads of the phase share it.
pub(super) struct Steps<'a> {
    observer: &'a dyn Observer,
    done: Mutex<Done>,
    total: u64,
    events: u64,
}

#[derive(Default)]
struct Done {
    steps: u64,
    /// Whether it is told: not while the phase before is still going on beside this one.
    is_told: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(observer: &'a dyn Observer, total: u64, events: u64) -> Self {
        Self { observer, done: Mutex::default(), total, events }
    }

    /// The phase before is over: from here on it is told how far this one is.
    pub(super) fn begin(&self) -> Result<(), IndexError> {
        self.done().is_told = true;
        self.advance(0)
    }

    /// So many steps more; an error when the build is to stop.
    pub(super) fn advance(&self, steps: usize) -> Result<(), IndexError> {
        // Held while it is told, so that nobody hears of less after more.
        let mut done = self.done();
        done.steps += steps as u64;
        if done.is_told {
            let bytes = done.steps;
            let progress =
                Progress { phase: Phase::Index, bytes, bytes_total: self.total, events: self.events };
            return report(self.observer, progress);
        }
        if self.observer.is_cancelled() { Err(IndexError::Cancelled) } else { Ok(()) }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
