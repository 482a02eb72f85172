//! Records that are taken apart into packed lists, on a thread of their own.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use bytehound_store::Scratch;

use super::handover::{Giver, Gone, handover};
use super::lists::Lists;
use crate::IndexError;

/// Records that are handed over at a time.
const BATCH: usize = 1 << 11;
/// Batches that may wait: enough for what comes while blocks of all lists are packed.
const WAITING_MAX: usize = 32;

/// A table that grows by records.
pub(super) struct Table<L: Lists> {
    giver: Giver<L::Record>,
    /// None once it has failed, and said so.
    lists: Option<JoinHandle<Result<L, IndexError>>>,
}

impl<L: Lists> Table<L> {
    /// An empty table.
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        let mut lists = L::new(scratch)?;
        let (giver, taker) = handover(BATCH, WAITING_MAX);
        let packing = move || taker.take_all(|records| lists.append(records)).map(|()| lists);
        Ok(Self { giver, lists: Some(thread::spawn(packing)) })
    }

    /// Adds a record.
    #[inline]
    pub(super) fn push(&mut self, record: L::Record) -> Result<(), IndexError> {
        if self.giver.push(record) { self.send() } else { Ok(()) }
    }

    /// The whole lists.
    pub(super) fn finish(mut self) -> Result<L::Whole, IndexError> {
        self.send()?;
        let Self { giver, lists } = self;
        drop(giver);
        joined(lists)?.finish()
    }

    fn send(&mut self) -> Result<(), IndexError> {
        self.giver.send().or_else(|Gone| joined(self.lists.take()).map(drop))
    }
}

fn joined<L>(lists: Option<JoinHandle<Result<L, IndexError>>>) -> Result<L, IndexError> {
    let lists = lists.ok_or(IndexError::Cancelled)?;
    lists.join().unwrap_or_else(|panic| resume_unwind(panic))
}
