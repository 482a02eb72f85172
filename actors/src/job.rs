//! One ingest on its way through the stages, and how it ends.

use crate::board::{Board, ProfileStatus};
use crate::budget::Share;
use crate::loader::Ingest;
use crate::stage::Failure;
use actix::Recipient;
use bytehound_index::IndexError;
use bytehound_index::build::{self, Observer, Phase, Progress};
use bytehound_store::{BuildKey, FailureCause, Lease, ProfileId, Store};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a job that panicked is begun again.
const RETRIES_MAX: u32 = 1;
/// Why a profile has no index that nobody waited for.
const CANCELLED: &str = "its ingest was cancelled; upload the capture again to have it indexed";

/// For how long a job is a worker's that shows no progress; then it is taken for dead.
pub(crate) const LEASE: Duration = Duration::from_secs(300);
/// How often the lease of a job that makes progress is prolonged.
const RENEW_INTERVAL: Duration = Duration::from_secs(60);

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
    /// Its part of what all ingests may take; given back when the job is over.
    pub(crate) share: Arc<Share>,
}

impl Job {
    pub(crate) fn id(&self) -> &ProfileId {
        &self.key.profile
    }

    /// What the index tells of its progress goes to the board.
    pub(crate) fn observer(&self) -> BoardObserver {
        let cancelled = self.board.cancel_flag(self.id());
        BoardObserver {
            job: self.clone(),
            cancelled,
            is_lost: AtomicBool::new(false),
            renewed: Mutex::new(Instant::now()),
            events: AtomicU64::new(0),
        }
    }

    /// Ends the job without an index: once more after a panic, else failed, with the reason in the catalogue.
    pub(crate) fn end(&self, failure: Failure<IndexError>) {
        let error = match failure {
            Failure::Error(IndexError::Cancelled) if self.board.is_cancelled(self.id()) => {
                self.note_cancelled();
                IndexError::Cancelled
            }
            Failure::Error(IndexError::Cancelled) => {
                tracing::info!(profile = %self.id(), "ingest cancelled");
                self.give_back();
                IndexError::Cancelled
            }
            Failure::Error(error) => {
                tracing::warn!(profile = %self.id(), %error, "ingest failed");
                error
            }
            Failure::Panicked(text) => {
                tracing::error!(profile = %self.id(), attempt = self.attempt, panic = text, "ingest panicked");
                if self.attempt < RETRIES_MAX && self.try_again() {
                    return;
                }
                IndexError::Panicked { what: text }
            }
        };
        if let Err(error) = build::give_up(&self.store, &self.key, &error) {
            tracing::error!(profile = %self.id(), %error, "cannot note the failure: the job is taken again later");
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

    /// Somebody wanted it to end.
    fn note_cancelled(&self) {
        tracing::info!(profile = %self.id(), "ingest cancelled");
        if let Err(error) = self.store.catalog().fail(&self.key, FailureCause::Cancelled, CANCELLED) {
            tracing::error!(profile = %self.id(), %error, "cannot note that it was cancelled");
        }
    }

    /// Ends the lease: whoever comes next may take the job.
    fn give_back(&self) {
        if let Err(error) = self.store.catalog().renew_lease(&self.key, &Lease::lasting(Duration::ZERO)) {
            tracing::error!(profile = %self.id(), %error, "cannot give the job back: it is free after its lease");
        }
    }

    /// Begins the job again: its lease is over now, and what was built so far is nobody's.
    fn try_again(&self) -> bool {
        self.give_back();
        if let Err(error) = self.store.delete_build(&self.key) {
            tracing::error!(profile = %self.id(), %error, "cannot delete what was built so far");
        }
        let ingest = Ingest { id: self.id().clone(), attempt: self.attempt + 1 };
        self.again.try_send(ingest).is_ok()
    }
}

/// Carries the progress of an ingest to the board, and the wish to end it back; prolongs the lease meanwhile.
pub(crate) struct BoardObserver {
    job: Job,
    cancelled: Arc<AtomicBool>,
    /// Events that the board knows of.
    events: AtomicU64,
    /// Another has taken the job.
    is_lost: AtomicBool,
    renewed: Mutex<Instant>,
}

impl BoardObserver {
    fn renew(&self) {
        let Job { store, key, .. } = &self.job;
        match store.catalog().renew_lease(key, &Lease::lasting(LEASE)) {
            Ok(is_ours) => self.is_lost.store(!is_ours, Ordering::Relaxed),
            // The lease lasts a while yet.
            Err(error) => tracing::warn!(profile = %key.profile, %error, "cannot prolong the lease"),
        }
    }
}

impl Observer for BoardObserver {
    fn progress(&self, progress: Progress) {
        if progress.phase == Phase::Load {
            let known = self.events.fetch_max(progress.events, Ordering::Relaxed);
            self.job.board.add_events(progress.events.saturating_sub(known));
        }
        self.job.board.progress(self.job.id(), progress);
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.elapsed() > RENEW_INTERVAL {
            *renewed = Instant::now();
            drop(renewed);
            self.renew();
        }
    }

    fn is_cancelled(&self) -> bool {
        // Relaxed: the flags order nothing, they are looked at again and again.
        self.cancelled.load(Ordering::Relaxed)
            || self.is_lost.load(Ordering::Relaxed)
            || self.job.board.is_stopping()
    }
}
