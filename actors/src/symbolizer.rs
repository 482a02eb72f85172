//! The symbolizer: gives the distinct addresses of a loaded capture their names.
//!
//! Upstream: the loader. Downstream: the indexer.

use crate::indexer::{Indexer, Write};
use crate::job::Job;
use crate::loader::end_blocking;
use crate::observe::Observe;
use crate::stage::{Permit, Stage};
use actix::prelude::*;
use bytehound_index::build::{self, Loaded};

/// Messages that may wait: each holds a loaded capture, and its sender waits with it.
const MAILBOX_MAX: usize = 4;

/// Names the addresses of a loaded capture. Answered as soon as there is a permit for it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Symbolize {
    pub(crate) job: Job,
    pub(crate) loaded: Loaded,
}

pub(crate) struct Symbolizer {
    stage: Stage,
    indexer: Addr<Indexer>,
}

impl Symbolizer {
    pub(crate) fn new(permits: usize, indexer: Addr<Indexer>) -> Self {
        Self { stage: Stage::in_background(permits), indexer }
    }
}

impl Actor for Symbolizer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
    }
}

impl Supervised for Symbolizer {}

impl Handler<Symbolize> for Symbolizer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: Symbolize, _: &mut Self::Context) -> Self::Result {
        let stage = self.stage.clone();
        let indexer = self.indexer.clone();
        Box::pin(async move {
            if let Some(permit) = stage.admit().await {
                actix_rt::spawn(symbolize(stage, permit, indexer, message));
            }
        })
    }
}

impl Handler<Observe> for Symbolizer {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}

async fn symbolize(stage: Stage, permit: Permit, indexer: Addr<Indexer>, message: Symbolize) {
    let Symbolize { job, loaded } = message;
    let work = {
        let job = job.clone();
        move || build::symbolize(&loaded, &job.store, &job.observer()).map(|symbols| (loaded, symbols))
    };
    match stage.run(permit, work).await {
        Ok((loaded, symbols)) => {
            let _handed_over = indexer.send(Write { job, loaded, symbols }).await;
        }
        Err(failure) => end_blocking(job, failure).await,
    }
}
