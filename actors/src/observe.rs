//! What the actors count, for health, metrics and tests.

use crate::error::ServiceError;
use bytehound_index::Hits;
use bytehound_store::{ProfileState, Store, Usage};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageCounters {
    /// Jobs that wait to be let in.
    pub waiting: u64,
    /// Jobs being worked on.
    pub running: u64,
    /// Jobs done.
    pub done: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Of these, those that panicked.
    pub panicked: u64,
    /// Jobs turned away because too many waited.
    pub refused: u64,
}

/// Counters of every actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "each field is the actor of that name")]
pub struct Observations {
    pub receiver: StageCounters,
    pub loader: StageCounters,
    pub symbolizer: StageCounters,
    pub indexer: StageCounters,
    pub query: StageCounters,
    pub janitor: StageCounters,
}

/// What is counted beside the actors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events read from captures.
    pub events: u64,
    /// Profiles that were open already when they were asked for.
    pub open_profiles: Hits,
    /// Answers that were kept since somebody asked the same.
    pub answers: Hits,
}

/// What the data directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Bytes on the disk.
    pub usage: Usage,
    /// Profiles that can be asked.
    pub ready: u64,
    /// Profiles that wait for their index, or for whom it is being made.
    pub unfinished: u64,
    /// Profiles whose index could not be made.
    pub failed: u64,
}

impl Stored {
    pub(crate) fn of(store: &Store) -> Result<Self, ServiceError> {
        let mut stored = Self { usage: store.usage()?, ..Default::default() };
        for record in store.catalog().list()? {
            match record.state {
                ProfileState::Ready { .. } => stored.ready += 1,
                ProfileState::Stored | ProfileState::Indexing { .. } => stored.unfinished += 1,
                ProfileState::Failed { .. } => stored.failed += 1,
            }
        }
        Ok(stored)
    }
}

/// Asks an actor for its counters.
#[derive(actix::Message)]
#[rtype(result = "StageCounters")]
pub(crate) struct Observe;

/// The counters as the workers of an actor share them. Relaxed throughout: they are told apart, never combined.
#[derive(Default)]
pub(crate) struct Counters {
    waiting: AtomicU64,
    running: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(crate) fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stop_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn start(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn finish(&self, ending: Ending) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        match ending {
            Ending::Done => self.done.fetch_add(1, Ordering::Relaxed),
            Ending::Failed => self.failed.fetch_add(1, Ordering::Relaxed),
            Ending::Panicked => {
                self.panicked.fetch_add(1, Ordering::Relaxed);
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self) -> StageCounters {
        StageCounters {
            waiting: self.waiting(),
            running: self.running.load(Ordering::Relaxed),
            done: self.done.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Failed,
    Panicked,
}
