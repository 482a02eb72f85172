//! What is handed from the thread that reads a capture to the one that matches births and deaths.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use bytehound_format::AllocationId;

use super::defects::Defects;
use super::rows::{Deed, FinishedRows, Moment, Rows};
use super::stacks::Stacks;
use crate::IndexError;
use crate::layout::NONE;

/// Deeds that are handed over at a time: few enough to stay in the processor's cache.
const BATCH: usize = 2048;
/// Deeds that are looked at before they are taken.
const AHEAD: usize = 128;
/// Batches that may wait.
const WAITING_MAX: usize = 3;

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
    batch: Vec<Fed>,
    /// How many deeds of the batch know their backtraces.
    resolved: usize,
    filled: SyncSender<Vec<Fed>>,
    emptied: Receiver<Vec<Fed>>,
}

/// The matching end.
pub(super) struct Matching<'scope>(ScopedJoinHandle<'scope, Result<(FinishedRows, Defects), IndexError>>);

impl Feed {
    /// Starts to match what is pushed.
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>, rows: Rows) -> (Self, Matching<'scope>) {
        let (filled, filled_receiver) = sync_channel(WAITING_MAX);
        let (emptied_sender, emptied) = channel();
        let matching = scope.spawn(move || match_all(rows, &filled_receiver, &emptied_sender));
        (Self { batch: Vec::with_capacity(BATCH), resolved: 0, filled, emptied }, Matching(matching))
    }

    /// Hands a deed over. An error when nobody matches any more; [`Matching::finish`] says why.
    #[inline]
    pub(super) fn push(&mut self, fed: Fed, stacks: &mut Stacks) -> Result<(), IndexError> {
        self.batch.push(fed);
        if self.batch.len() < BATCH { Ok(()) } else { self.send(stacks) }
    }

    /// Looks up the backtraces of what waits: to be called before their names change their meaning. Many looks in a row
    /// wait for memory together, where each by itself would wait alone.
    pub(super) fn resolve(&mut self, stacks: &mut Stacks) {
        for fed in &mut self.batch[self.resolved..] {
            let mut backtrace = stacks.find(fed.stack);
            // That of a free may have been left out.
            if backtrace == NONE && !matches!(fed.deed, Deed::Free(_)) {
                backtrace = stacks.refer(fed.stack);
            }
            fed.at.backtrace = backtrace;
        }
        self.resolved = self.batch.len();
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self, stacks: &mut Stacks) -> Result<(), IndexError> {
        self.send(stacks)
    }

    fn send(&mut self, stacks: &mut Stacks) -> Result<(), IndexError> {
        self.resolve(stacks);
        self.resolved = 0;
        let next = self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        let batch = std::mem::replace(&mut self.batch, next);
        self.filled.send(batch).map_err(|_| IndexError::Cancelled)
    }
}

impl Matching<'_> {
    /// The rows, once the feed is finished.
    pub(super) fn finish(self) -> Result<(FinishedRows, Defects), IndexError> {
        self.0.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn match_all(
    mut rows: Rows,
    filled: &Receiver<Vec<Fed>>,
    emptied: &Sender<Vec<Fed>>,
) -> Result<(FinishedRows, Defects), IndexError> {
    for mut batch in filled {
        for deeds in batch.chunks(AHEAD) {
            rows.look_ahead(deeds);
            for fed in deeds {
                rows.take(fed)?;
            }
        }
        batch.clear();
        // Who reads may be done already.
        let _ = emptied.send(batch);
    }
    rows.finish()
}
