//! The loader: reads a stored capture, and matches its events into rows.
//!
//! Upstream: the service after an upload, the janitor after a restart. Downstream: the symbolizer.

use crate::board::Board;
use crate::budget::Budget;
use crate::job::{Job, LEASE};
use crate::observe::Observe;
use crate::stage::{Failure, Stage};
use crate::symbolizer::{Symbolize, Symbolizer};
use actix::prelude::*;
use bytehound_index::IndexError;
use bytehound_index::build::{self, Loaded};
use bytehound_store::{BuildKey, Lease, ProfileId, Store, StoreError};
use std::collections::HashSet;
use std::sync::Arc;

/// Messages that may wait to be looked at. What they ask for waits on disk, so the bound is generous.
const MAILBOX_MAX: usize = 1024;

/// Takes a stored capture in.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Ingest {
    pub(crate) id: ProfileId,
    /// 0 the first time.
    pub(crate) attempt: u32,
}

pub(crate) struct Loader {
    stage: Stage,
    budget: Budget,
    store: Store,
    board: Arc<Board>,
    symbolizer: Addr<Symbolizer>,
    in_hand: HashSet<ProfileId>,
}

impl Loader {
    pub(crate) fn new(budget: Budget, store: Store, board: Arc<Board>, symbolizer: Addr<Symbolizer>) -> Self {
        let stage = Stage::in_background(budget.jobs_max());
        Self { stage, budget, store, board, symbolizer, in_hand: HashSet::new() }
    }
}

impl Actor for Loader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
    }
}

impl Supervised for Loader {}

impl Handler<Ingest> for Loader {
    type Result = ();

    fn handle(&mut self, ingest: Ingest, ctx: &mut Self::Context) {
        // The janitor and an upload may both ask for the same profile; a job that panicked asks once more itself.
        if !self.in_hand.insert(ingest.id.clone()) && ingest.attempt == 0 {
            return;
        }
        let id = ingest.id.clone();
        let symbolizer = self.symbolizer.clone();
        let work = load(
            (self.stage.clone(), self.budget.clone()),
            self.store.clone(),
            Arc::clone(&self.board),
            ctx.address().recipient(),
            ingest,
        );
        let done = async move {
            if let Some(loaded) = work.await {
                // Waits until the symbolizer has a permit for it: what is loaded holds scratch space. If it is gone, so
                // is the service, and the janitor of the next one takes the profile up again.
                let _handed_over = symbolizer.send(loaded).await;
            }
        };
        ctx.spawn(done.into_actor(self).map(move |(), this, _| {
            this.in_hand.remove(&id);
        }));
    }
}

impl Handler<Observe> for Loader {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}

async fn load(
    (stage, budget): (Stage, Budget),
    store: Store,
    board: Arc<Board>,
    again: Recipient<Ingest>,
    ingest: Ingest,
) -> Option<Symbolize> {
    let size_bytes = store.catalog().get(&ingest.id).ok()??.size_bytes;
    let share = Arc::new(stage.wait(budget.share(size_bytes)).await?);
    let permit = stage.admit().await?;
    let in_hand = board.begin();
    if board.is_draining() {
        return None;
    }
    let key = match take(&store, &ingest.id) {
        Ok(key) => key?,
        Err(error) => {
            tracing::error!(profile = %ingest.id, %error, "cannot begin to index: it is tried again later");
            return None;
        }
    };
    let job = Job { key, attempt: ingest.attempt, store, board, again, share, in_hand };
    job.publish();
    let outcome = stage
        .run(permit, {
            let job = job.clone();
            move || read(&job)
        })
        .await;
    match outcome {
        Ok(loaded) => Some(Symbolize { job, loaded }),
        Err(failure) => {
            end_blocking(job, failure).await;
            None
        }
    }
}

/// The job of indexing a profile, unless another worker has it.
fn take(store: &Store, id: &ProfileId) -> Result<Option<BuildKey>, StoreError> {
    let generation = store.catalog().take_job(id, &Lease::lasting(LEASE))?;
    Ok(generation.map(|generation| BuildKey { profile: id.clone(), generation }))
}

fn read(job: &Job) -> Result<Loaded, IndexError> {
    build::load_stored(&job.store, job.id(), job.share.live, &job.observer())
}

/// Ends a job on a thread that may block, since it writes to the catalogue.
pub(crate) async fn end_blocking(job: Job, failure: Failure<IndexError>) {
    let _ended = tokio::task::spawn_blocking(move || job.end(failure)).await;
}
