//! The indexer: writes segment and summaries of a symbolized capture, and publishes them in one step.
//!
//! Upstream: the symbolizer. Downstream: the catalogue; from then on the profile is ready.

use crate::job::Job;
use crate::loader::end_blocking;
use crate::observe::Observe;
use crate::open_profiles::OpenProfiles;
use crate::stage::{Permit, Stage};
use actix::prelude::*;
use bytehound_index::IndexError;
use bytehound_index::build::{self, Loaded, Symbols};
use std::sync::Arc;

/// Messages that may wait: each holds a loaded capture, and its sender waits with it.
const MAILBOX_MAX: usize = 4;

/// Writes the index of a capture. Answered as soon as there is a permit for it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Write {
    pub(crate) job: Job,
    pub(crate) loaded: Loaded,
    pub(crate) symbols: Symbols,
}

pub(crate) struct Indexer {
    stage: Stage,
    profiles: Arc<OpenProfiles>,
}

impl Indexer {
    pub(crate) fn new(permits: usize, profiles: Arc<OpenProfiles>) -> Self {
        Self { stage: Stage::in_background(permits), profiles }
    }
}

impl Actor for Indexer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
    }
}

impl Supervised for Indexer {}

impl Handler<Write> for Indexer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: Write, _: &mut Self::Context) -> Self::Result {
        let (stage, profiles) = (self.stage.clone(), Arc::clone(&self.profiles));
        Box::pin(async move {
            if let Some(permit) = stage.admit().await {
                actix_rt::spawn(write(stage, permit, profiles, message));
            }
        })
    }
}

impl Handler<Observe> for Indexer {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}

async fn write(stage: Stage, permit: Permit, profiles: Arc<OpenProfiles>, message: Write) {
    let Write { job, loaded, symbols } = message;
    let work = {
        let job = job.clone();
        move || write_and_publish(&job, loaded, symbols, &profiles)
    };
    if let Err(failure) = stage.run(permit, work).await {
        end_blocking(job, failure).await;
    }
}

/// Whoever follows the profile is told once it is open, too: the first question need not wait for that.
fn write_and_publish(
    job: &Job,
    loaded: Loaded,
    symbols: Symbols,
    profiles: &OpenProfiles,
) -> Result<(), IndexError> {
    let manifest = build::write(loaded, symbols, &job.store, &job.key, &job.observer())?;
    build::publish(&job.store, &job.key, &manifest)?;
    profiles.prepare(job.id());
    job.publish();
    Ok(())
}
