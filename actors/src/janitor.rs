//! The janitor: takes up after a restart what was left unfinished or was indexed by another version, deletes what is not
//! wanted any more, sweeps.
//!
//! Upstream: the clock and the API. Downstream: the loader, the store.

use crate::board::{Board, manifest};
use crate::error::ServiceError;
use crate::loader::{Ingest, Loader};
use crate::observe::Observe;
use crate::open_profiles::OpenProfiles;
use crate::stage::{Failure, Stage};
use actix::prelude::*;
use bytehound_store::{ProfileId, ProfileRecord, ProfileState, Store};
use std::sync::Arc;
use std::time::Duration;

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// Deletions at a time.
const PERMITS: usize = 1;

/// Deletes a profile: its record, its index, and its capture if that was uploaded.
#[derive(Message)]
#[rtype(result = "Result<(), ServiceError>")]
pub(crate) struct Delete(pub(crate) ProfileId);

pub(crate) struct Janitor {
    stage: Stage,
    store: Store,
    board: Arc<Board>,
    profiles: Arc<OpenProfiles>,
    loader: Addr<Loader>,
}

impl Janitor {
    pub(crate) fn new(
        store: Store,
        board: Arc<Board>,
        profiles: Arc<OpenProfiles>,
        loader: Addr<Loader>,
    ) -> Self {
        Self { stage: Stage::new(PERMITS), store, board, profiles, loader }
    }

    /// What a stopped service had begun, or had not begun yet.
    fn resume(&self, ctx: &mut Context<Self>) {
        let store = self.store.clone();
        let loader = self.loader.clone();
        let resumed = async move {
            for id in unfinished(store).await {
                if loader.send(Ingest { id, attempt: 0 }).await.is_err() {
                    return;
                }
            }
        };
        ctx.spawn(resumed.into_actor(self));
    }
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.resume(ctx);
        ctx.run_interval(SWEEP_INTERVAL, |this, _| this.board.sweep());
    }
}

impl Supervised for Janitor {}

impl Handler<Delete> for Janitor {
    type Result = ResponseFuture<Result<(), ServiceError>>;

    fn handle(&mut self, Delete(id): Delete, _: &mut Self::Context) -> Self::Result {
        self.board.forget(&id);
        self.profiles.close(&id);
        let stage = self.stage.clone();
        let store = self.store.clone();
        Box::pin(async move {
            let permit = stage.admit().await.ok_or(ServiceError::Stopped)?;
            match stage.run(permit, move || store.delete_profile(&id)).await {
                Ok(()) => Ok(()),
                Err(Failure::Error(error)) => Err(error.into()),
                Err(Failure::Panicked(_)) => Err(ServiceError::Panicked),
            }
        })
    }
}

impl Handler<Observe> for Janitor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}

async fn unfinished(store: Store) -> Vec<ProfileId> {
    let records = match tokio::task::spawn_blocking(move || store.catalog().list()).await {
        Ok(Ok(records)) => records,
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read the catalogue for unfinished profiles");
            return Vec::new();
        }
        Err(_) => return Vec::new(),
    };
    // The catalogue lists the newest first; what came first goes first.
    records.into_iter().rev().filter(is_unfinished).map(|record| record.id).collect()
}

/// Whether a profile has no index, or one that this version cannot read.
fn is_unfinished(record: &ProfileRecord) -> bool {
    match record.state {
        ProfileState::Stored | ProfileState::Indexing => true,
        ProfileState::Ready { .. } => manifest(record).is_some_and(|manifest| !manifest.is_current()),
        ProfileState::Failed { .. } => false,
    }
}
