//! The janitor: takes up what nobody works on, and what was indexed by another version; gives up what was found damaged;
//! deletes what is not wanted any more, or is too much; sweeps.
//!
//! Upstream: the clock, the API, questions that met damage. Downstream: the loader, the store.

use crate::board::{Board, ProfileStatus, manifest};
use crate::error::ServiceError;
use crate::loader::{Ingest, Loader};
use crate::observe::Observe;
use crate::open_profiles::OpenProfiles;
use crate::service::{Options, Sessions};
use crate::stage::{Failure, Stage};
use actix::prelude::*;
use bytehound_store::{
    BuildKey, FailureCause, Lease, ProfileId, ProfileRecord, ProfileState, Store, StoreError,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it tidies up. A superseded build stays for one to two of these, for the questions that have it open.
const INTERVAL: Duration = Duration::from_secs(30);
/// What indexing takes on the disk, working files included, in sizes of the capture: about as much mostly, and three times as
/// much where nearly all of millions of blocks stay alive.
const ROOM_FOR_INDEX: u64 = 4;
/// Deletions at a time.
const PERMITS: usize = 1;
/// Messages that may wait to be looked at.
const MAILBOX_MAX: usize = 256;

/// Takes up what is to be done.
#[derive(Message)]
#[rtype(result = "()")]
struct Tidy;

/// Deletes a profile: its record, its index, and its capture if that was uploaded.
#[derive(Message)]
#[rtype(result = "Result<(), ServiceError>")]
pub(crate) struct Delete(pub(crate) ProfileId);

pub(crate) struct Janitor {
    stage: Stage,
    rounds: Arc<Rounds>,
    loader: Addr<Loader>,
    sessions: Arc<Sessions>,
}

/// What the janitor knows, on its rounds through the data directory.
struct Rounds {
    store: Store,
    board: Arc<Board>,
    profiles: Arc<OpenProfiles>,
    max_bytes: Option<u64>,
    free_bytes_min: u64,
    memory: Mutex<Memory>,
}

/// What it remembers from one round to the next.
#[derive(Default)]
struct Memory {
    /// Indexes of another version that were to be built anew: once is enough, if that does not work out.
    renewed: HashSet<BuildKey>,
    /// Builds that were superseded a round ago.
    superseded: HashSet<BuildKey>,
}

impl Janitor {
    pub(crate) fn new(
        store: Store,
        board: Arc<Board>,
        profiles: Arc<OpenProfiles>,
        loader: Addr<Loader>,
        options: &Options,
        sessions: Arc<Sessions>,
    ) -> Self {
        let Options { max_bytes, free_bytes_min, .. } = *options;
        let rounds = Rounds { store, board, profiles, max_bytes, free_bytes_min, memory: Mutex::default() };
        Self { stage: Stage::new(PERMITS), rounds: Arc::new(rounds), loader, sessions }
    }

    /// Has a janitor look around soon; one whose mailbox is full does so within [`INTERVAL`] anyway.
    pub(crate) fn call(janitor: &Addr<Self>) {
        drop(janitor.try_send(Tidy));
    }

    fn delete(&self, id: ProfileId) -> impl Future<Output = Result<(), ServiceError>> + use<> {
        self.rounds.board.forget(&id);
        self.rounds.profiles.close(&id);
        let stage = self.stage.clone();
        let store = self.rounds.store.clone();
        async move {
            let permit = stage.admit().await.ok_or(ServiceError::Stopped)?;
            match stage.run(permit, move || store.delete_profile(&id)).await {
                Ok(()) => Ok(()),
                Err(Failure::Error(error)) => Err(error.into()),
                Err(Failure::Panicked(_)) => Err(ServiceError::Panicked),
            }
        }
    }
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        ctx.notify(Tidy);
        ctx.run_interval(INTERVAL, |this, ctx| {
            this.rounds.board.sweep();
            this.sessions.sweep();
            let rounds = Arc::clone(&this.rounds);
            drop(tokio::task::spawn_blocking(move || rounds.drop_unwanted()));
            ctx.notify(Tidy);
        });
    }
}

impl Supervised for Janitor {}

impl Handler<Tidy> for Janitor {
    type Result = ();

    fn handle(&mut self, _: Tidy, ctx: &mut Self::Context) {
        let rounds = Arc::clone(&self.rounds);
        let looked = tokio::task::spawn_blocking(move || (rounds.jobs(), rounds.surplus()));
        ctx.spawn(looked.into_actor(self).then(|looked, this, _| {
            let (jobs, surplus) = looked.unwrap_or_default();
            let deletions: Vec<_> = surplus.into_iter().map(|id| this.delete(id)).collect();
            let loader = this.loader.clone();
            let done = async move {
                for id in jobs {
                    if loader.send(Ingest { id, attempt: 0 }).await.is_err() {
                        return;
                    }
                }
                for deletion in deletions {
                    if let Err(error) = deletion.await {
                        tracing::error!(%error, "cannot delete what is too much");
                    }
                }
            };
            done.into_actor(this)
        }));
    }
}

impl Handler<Delete> for Janitor {
    type Result = ResponseFuture<Result<(), ServiceError>>;

    fn handle(&mut self, Delete(id): Delete, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.delete(id))
    }
}

impl Handler<Observe> for Janitor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}

impl Rounds {
    /// The profiles that are to be indexed: what came first goes first.
    fn jobs(&self) -> Vec<ProfileId> {
        for id in self.profiles.give_up_damaged() {
            if let Ok(Some(record)) = self.store.catalog().get(&id) {
                self.board.publish(ProfileStatus::new(record, None));
            }
        }
        self.find_jobs().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the catalogue for what is to be done");
            Vec::new()
        })
    }

    fn find_jobs(&self) -> Result<Vec<ProfileId>, StoreError> {
        let mut jobs = self.store.catalog().open_jobs(Lease::now_ms())?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for record in self.store.catalog().list()?.into_iter().rev() {
            if record.state.failure() == Some(FailureCause::NoRoom) && self.has_room_for(&record)? {
                jobs.push(record.id);
                continue;
            }
            let is_older = || manifest(&record).is_some_and(|manifest| !manifest.is_current());
            if let (ProfileState::Ready { .. }, Some(build)) = (&record.state, record.ready_build())
                && is_older()
                && memory.renewed.insert(build)
            {
                jobs.push(record.id);
            }
        }
        Ok(jobs)
    }

    /// Whether there is room to index it, as far as that can be told beforehand.
    fn has_room_for(&self, record: &ProfileRecord) -> Result<bool, StoreError> {
        let needed = record.size_bytes.saturating_mul(ROOM_FOR_INDEX).saturating_add(self.free_bytes_min);
        Ok(self.store.free_bytes()? >= needed)
    }

    /// The profiles that have to go so that the others have room: only what is still too much without waste.
    fn surplus(&self) -> Vec<ProfileId> {
        let Some(max_bytes) = self.max_bytes else { return Vec::new() };
        let surplus = self.store.drop_unreferred().and_then(|_| self.store.surplus(max_bytes));
        let surplus = surplus.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot see what the data directory takes");
            Vec::new()
        });
        for id in &surplus {
            tracing::info!(profile = %id, max_bytes, "deleted: it is the oldest without labels, and room is needed");
        }
        surplus
    }

    /// Deletes the builds that were superseded when this was called last, and the symcaches that no profile refers to.
    fn drop_unwanted(&self) {
        if let Err(error) = self.store.drop_unreferred() {
            tracing::error!(%error, "cannot remove symcaches");
        }
        let dropped = self.store.superseded().and_then(|superseded| {
            let now: HashSet<_> = superseded.into_iter().map(|stored| stored.build).collect();
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            now.intersection(&memory.superseded).try_for_each(|build| self.store.delete_build(build))?;
            memory.superseded = now;
            Ok(())
        });
        if let Err(error) = dropped {
            tracing::error!(%error, "cannot delete superseded builds");
        }
    }
}
