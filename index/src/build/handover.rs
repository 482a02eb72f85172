//! Batches from one thread to another.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Nobody takes batches any more.
#[derive(Debug)]
pub(super) struct Gone;

/// The giving end.
pub(super) struct Giver<T> {
    /// What is not handed over yet.
    pub(super) batch: Vec<T>,
    len: usize,
    filled: SyncSender<Vec<T>>,
    emptied: Receiver<Vec<T>>,
}

/// The taking end.
pub(super) struct Taker<T> {
    filled: Receiver<Vec<T>>,
    emptied: Sender<Vec<T>>,
}

/// Both ends. Batches have `len` elements, and `waiting_max` of them may wait to be taken.
pub(super) fn handover<T>(len: usize, waiting_max: usize) -> (Giver<T>, Taker<T>) {
    let (filled, filled_end) = sync_channel(waiting_max);
    let (emptied_end, emptied) = channel();
    let giver = Giver { batch: Vec::with_capacity(len), len, filled, emptied };
    (giver, Taker { filled: filled_end, emptied: emptied_end })
}

impl<T> Giver<T> {
    /// Adds to the batch; says whether it is to be sent now.
    #[inline]
    pub(super) fn push(&mut self, item: T) -> bool {
        self.batch.push(item);
        self.batch.len() >= self.len
    }

    /// Hands the batch over.
    pub(super) fn send(&mut self) -> Result<(), Gone> {
        let next = self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(self.len));
        self.filled.send(std::mem::replace(&mut self.batch, next)).map_err(|_| Gone)
    }
}

impl<T> Taker<T> {
    /// Takes all batches, until the other end is gone.
    pub(super) fn take_all<E>(self, mut take: impl FnMut(&[T]) -> Result<(), E>) -> Result<(), E> {
        for mut batch in self.filled {
            take(&batch)?;
            batch.clear();
            // Who gives may be done already.
            let _ = self.emptied.send(batch);
        }
        Ok(())
    }
}
