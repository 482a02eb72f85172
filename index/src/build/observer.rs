//! What a build tells those who wait for it, and how they stop it.

use crate::IndexError;

/// The stage a build is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Reading events and matching deaths to births.
    Load,
    /// Finding names for addresses.
    Symbolize,
    /// Writing columns and summaries.
    Index,
}

/// How far a build has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub phase: Phase,
    /// Done in this stage: bytes of the capture, addresses named, or operations indexed.
    pub bytes: u64,
    /// Out of how many.
    pub bytes_total: u64,
    /// Events decoded so far.
    pub events: u64,
}

/// Watches a build; called many times a second, from the thread that builds.
pub trait Observer: Sync {
    /// The build has come this far.
    fn progress(&self, progress: Progress);

    /// Whether the build is to stop with [`IndexError::Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Observer for () {
    fn progress(&self, _: Progress) {}
}

/// Steps between two reports: often enough for a smooth bar, seldom enough to cost nothing.
pub(super) const REPORT_EVERY: usize = 1 << 16;

pub(super) fn report(observer: &dyn Observer, progress: Progress) -> Result<(), IndexError> {
    if observer.is_cancelled() {
        return Err(IndexError::Cancelled);
    }
    observer.progress(progress);
    Ok(())
}
