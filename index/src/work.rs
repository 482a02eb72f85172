//! What was done to answer, counted: so that it can be told what was answered from memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a profile has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Selections evaluated to rows. A chain of filters is one.
    pub selections: u64,
    /// Names of functions and source files on which a regular expression was tried.
    pub names: u64,
}

/// [`Work`], being done.
#[derive(Default)]
pub(crate) struct Counters {
    selections: AtomicU64,
    names: AtomicU64,
}

impl Counters {
    pub(crate) fn selection(&self) {
        self.selections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn names(&self, count: usize) {
        self.names.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> Work {
        Work {
            selections: self.selections.load(Ordering::Relaxed),
            names: self.names.load(Ordering::Relaxed),
        }
    }
}
