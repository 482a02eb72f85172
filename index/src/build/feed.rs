//! What is handed from the thread that reads a capture to the one that matches births and deaths.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use bytehound_format::AllocationId;

use super::defects::Defects;
use super::rows::{Deed, FinishedRows, Moment, Rows};
use crate::IndexError;

/// Deeds that are handed over at a time: few enough to stay in the processor's cache.
const BATCH: usize = 2048;
/// Batches that may wait.
const WAITING_MAX: usize = 3;

/// A deed, and the block that it was done to.
type Fed = (AllocationId, Deed, Moment);

/// The reading end.
pub(super) struct Feed {
    batch: Vec<Fed>,
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
        (Self { batch: Vec::with_capacity(BATCH), filled, emptied }, Matching(matching))
    }

    /// Hands a deed over. An error when nobody matches any more; [`Matching::finish`] says why.
    #[inline]
    pub(super) fn push(&mut self, id: AllocationId, deed: Deed, at: Moment) -> Result<(), IndexError> {
        self.batch.push((id, deed, at));
        if self.batch.len() < BATCH { Ok(()) } else { self.send() }
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self) -> Result<(), IndexError> {
        self.send()
    }

    fn send(&mut self) -> Result<(), IndexError> {
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
        for (id, deed, at) in &batch {
            rows.take(*id, deed, *at)?;
        }
        batch.clear();
        // Who reads may be done already.
        let _ = emptied.send(batch);
    }
    rows.finish()
}
