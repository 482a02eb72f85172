//! What is handed from the thread that reads a capture to the one that matches births and deaths.

use std::panic::resume_unwind;
use std::thread::{Scope, ScopedJoinHandle};

use bytehound_format::AllocationId;

use super::defects::Defects;
use super::handover::{Giver, Gone, Taker, handover};
use super::rows::{Deed, FinishedRows, Moment, Rows};
use super::stacks::Stacks;
use crate::IndexError;
use crate::layout::NONE;

/// Deeds that are handed over at a time: few enough to stay in the processor's cache.
const BATCH: usize = 4096;
/// Deeds that are looked at before they are taken.
const AHEAD: usize = 128;
/// Batches that may wait: enough for what comes while the other threads have the processors.
const WAITING_MAX: usize = 16;

/// What was done to a block.
#[derive(Clone, Copy)]
pub(super) struct Fed {
    /// Of the block.
    pub(super) id: AllocationId,
    pub(super) deed: Deed,
    /// Its backtrace is filled in when more than one is known: see [`Feed::resolve`].
    pub(super) at: Moment,
    /// The backtrace, as the capture names it.
    pub(super) stack: u64,
}

/// The reading end.
pub(super) struct Feed {
    giver: Giver<Fed>,
    /// How many deeds of the batch know their backtraces.
    resolved: usize,
}

/// The matching end.
pub(super) struct Matching<'scope>(ScopedJoinHandle<'scope, Result<(FinishedRows, Defects), IndexError>>);

impl Feed {
    /// Starts to match what is pushed.
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>, rows: Rows) -> (Self, Matching<'scope>) {
        let (giver, taker) = handover(BATCH, WAITING_MAX);
        let matching = scope.spawn(move || match_all(rows, taker));
        (Self { giver, resolved: 0 }, Matching(matching))
    }

    /// What is handed over next, to be added to.
    pub(super) fn batch(&mut self) -> &mut Vec<Fed> {
        &mut self.giver.batch
    }

    /// How many deeds it takes before it has to be sent.
    pub(super) fn room(&self) -> usize {
        BATCH.saturating_sub(self.giver.batch.len())
    }

    /// Hands the batch over if there is no more room in it; says whether it did. An error when nobody matches any more;
    /// [`Matching::finish`] says why.
    pub(super) fn send_if_full(&mut self, stacks: &mut Stacks) -> Result<bool, IndexError> {
        let is_full = self.room() == 0;
        if is_full {
            self.send(stacks)?;
        }
        Ok(is_full)
    }

    /// Looks up the backtraces of what waits: to be called before their names change their meaning. Many looks in a row
    /// wait for memory together, where each by itself would wait alone.
    pub(super) fn resolve(&mut self, stacks: &mut Stacks) {
        for fed in &mut self.giver.batch[self.resolved..] {
            let mut backtrace = stacks.find(fed.stack);
            // That of a free may have been left out.
            if backtrace == NONE && matches!(fed.deed, Deed::Allocate(_) | Deed::Reallocate(..)) {
                backtrace = stacks.refer(fed.stack);
            }
            fed.at.backtrace = backtrace;
        }
        self.resolved = self.giver.batch.len();
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self, stacks: &mut Stacks) -> Result<(), IndexError> {
        self.send(stacks)
    }

    fn send(&mut self, stacks: &mut Stacks) -> Result<(), IndexError> {
        self.resolve(stacks);
        self.resolved = 0;
        self.giver.send().map_err(|Gone| IndexError::Cancelled)
    }
}

impl Matching<'_> {
    /// The rows, once the feed is finished.
    pub(super) fn finish(self) -> Result<(FinishedRows, Defects), IndexError> {
        self.0.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn match_all(mut rows: Rows, taker: Taker<Fed>) -> Result<(FinishedRows, Defects), IndexError> {
    taker.take_all(|batch| {
        batch.chunks(AHEAD).try_for_each(|deeds| {
            rows.look_ahead(deeds);
            deeds.iter().try_for_each(|fed| rows.take(fed))
        })
    })?;
    rows.finish()
}
