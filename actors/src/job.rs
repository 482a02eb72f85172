//! One ingest on its way through the stages, and how it ends.

use crate::board::{Board, ProfileStatus};
use crate::loader::Ingest;
use crate::stage::Failure;
use actix::Recipient;
use bytehound_index::IndexError;
use bytehound_index::build::{Observer, Phase, Progress};
use bytehound_store::{BuildKey, ProfileId, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often a job that panicked is begun again.
const RETRIES_MAX: u32 = 1;

/// What every stage needs to know of the job in its hands.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) key: BuildKey,
    pub(crate) attempt: u32,
    pub(crate) store: Store,
    pub(crate) board: Arc<Board>,
    pub(crate) again: Recipient<Ingest>,
    #[expect(dead_code, reason = "held for as long as the job is under way")]
    pub(crate) in_hand: Arc<()>,
}

impl Job {
    pub(crate) fn id(&self) -> &ProfileId {
        &self.key.profile
    }

    /// What the index tells of its progress goes to the board.
    pub(crate) fn observer(&self) -> BoardObserver {
        let cancelled = self.board.cancel_flag(self.id());
        BoardObserver {
            id: self.id().clone(),
            board: Arc::clone(&self.board),
            cancelled,
            events: AtomicU64::new(0),
        }
    }

    /// Ends the job without an index: once more after a panic, else failed, with the reason in the catalogue.
    pub(crate) fn end(&self, failure: Failure<IndexError>) {
        if let Err(error) = self.store.delete_build(&self.key) {
            tracing::error!(profile = %self.id(), %error, "cannot delete what was built so far");
        }
        let reason = match failure {
            Failure::Error(IndexError::Cancelled) => {
                tracing::info!(profile = %self.id(), "ingest cancelled");
                return;
            }
            Failure::Error(error) => error.to_string(),
            Failure::Panicked(text) => {
                tracing::error!(profile = %self.id(), attempt = self.attempt, panic = text, "ingest panicked");
                if self.attempt < RETRIES_MAX && self.try_again() {
                    return;
                }
                format!("a bug of this program was met while indexing it: {text}")
            }
        };
        tracing::warn!(profile = %self.id(), reason, "ingest failed");
        if let Err(error) = self.store.catalog().fail(&self.key, &reason) {
            tracing::error!(profile = %self.id(), %error, "cannot note the failure");
        }
        self.publish();
    }

    /// Tells the board what the catalogue says now.
    pub(crate) fn publish(&self) {
        match self.store.catalog().get(self.id()) {
            Ok(Some(record)) => self.board.publish(ProfileStatus::new(record, None)),
            Ok(None) => self.board.forget(self.id()),
            Err(error) => tracing::error!(profile = %self.id(), %error, "cannot read the catalogue"),
        }
    }

    fn try_again(&self) -> bool {
        let ingest = Ingest { id: self.id().clone(), attempt: self.attempt + 1 };
        self.again.try_send(ingest).is_ok()
    }
}

/// Carries the progress of an ingest to the board, and the wish to end it back.
pub(crate) struct BoardObserver {
    id: ProfileId,
    board: Arc<Board>,
    cancelled: Arc<AtomicBool>,
    /// Events that the board knows of.
    events: AtomicU64,
}

impl Observer for BoardObserver {
    fn progress(&self, progress: Progress) {
        if progress.phase == Phase::Load {
            let known = self.events.fetch_max(progress.events, Ordering::Relaxed);
            self.board.add_events(progress.events.saturating_sub(known));
        }
        self.board.progress(&self.id, progress);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.board.is_stopping()
    }
}
