//! The loader: reads a stored capture, and matches its events into rows.
//!
//! Upstream: the service after an upload, the janitor after a restart. Downstream: the symbolizer.

use crate::board::Board;
use crate::job::Job;
use crate::observe::Observe;
use crate::stage::{Failure, Stage};
use crate::symbolizer::{Symbolize, Symbolizer};
use actix::prelude::*;
use bytehound_index::IndexError;
use bytehound_index::build::{self, Loaded};
use bytehound_store::{ProfileId, Store};
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
    store: Store,
    board: Arc<Board>,
    symbolizer: Addr<Symbolizer>,
    in_hand: HashSet<ProfileId>,
}

impl Loader {
    pub(crate) fn new(permits: usize, store: Store, board: Arc<Board>, symbolizer: Addr<Symbolizer>) -> Self {
        Self { stage: Stage::new(permits), store, board, symbolizer, in_hand: HashSet::new() }
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
        // The janitor and an upload may both ask for the same profile.
        if !self.in_hand.insert(ingest.id.clone()) {
            return;
        }
        let id = ingest.id.clone();
        let symbolizer = self.symbolizer.clone();
        let work = load(
            self.stage.clone(),
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
    stage: Stage,
    store: Store,
    board: Arc<Board>,
    again: Recipient<Ingest>,
    ingest: Ingest,
) -> Option<Symbolize> {
    let permit = stage.admit().await?;
    let in_hand = board.begin();
    if board.is_draining() {
        return None;
    }
    let key = match store.catalog().begin_build(&ingest.id) {
        Ok(generation) => bytehound_store::BuildKey { profile: ingest.id, generation },
        Err(error) => {
            tracing::error!(profile = %ingest.id, %error, "cannot begin to index");
            return None;
        }
    };
    let job = Job { key, attempt: ingest.attempt, store, board, again, in_hand };
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

fn read(job: &Job) -> Result<Loaded, IndexError> {
    let file = job.store.captures().open(job.id())?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    build::load(file, size, &job.store, &job.observer())
}

/// Ends a job on a thread that may block, since it writes to the catalogue.
pub(crate) async fn end_blocking(job: Job, failure: Failure<IndexError>) {
    let _ended = tokio::task::spawn_blocking(move || job.end(failure)).await;
}
