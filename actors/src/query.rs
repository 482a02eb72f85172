//! The query actor: admits questions, a few at a time, and runs them where they may block.
//!
//! Upstream: the API. Downstream: index and dsl. A question whose asker has gone is cancelled.

use crate::error::ServiceError;
use crate::observe::Observe;
use crate::open_profiles::OpenProfiles;
use crate::stage::{Failure, Stage};
use actix::prelude::*;
use std::sync::Arc;

/// Messages that may wait to be looked at.
const MAILBOX_MAX: usize = 256;
/// Questions that may wait for a permit; the next one is turned away at once rather than kept waiting.
const WAITING_MAX: u64 = 128;

type Work = Box<dyn FnOnce(&OpenProfiles) -> Result<(), ServiceError> + Send>;

/// Asks something of the open profiles. The answer itself goes where the closure puts it.
#[derive(Message)]
#[rtype(result = "Result<(), ServiceError>")]
pub(crate) struct Ask(pub(crate) Work);

pub(crate) struct Query {
    stage: Stage,
    profiles: Arc<OpenProfiles>,
}

impl Query {
    pub(crate) fn new(permits: usize, profiles: Arc<OpenProfiles>) -> Self {
        Self { stage: Stage::new(permits), profiles }
    }
}

impl Actor for Query {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
    }
}

impl Supervised for Query {}

impl Handler<Ask> for Query {
    type Result = ResponseFuture<Result<(), ServiceError>>;

    fn handle(&mut self, Ask(work): Ask, _: &mut Self::Context) -> Self::Result {
        let stage = self.stage.clone();
        let profiles = Arc::clone(&self.profiles);
        Box::pin(async move {
            let permit = match stage.admit_unless_crowded(WAITING_MAX).await {
                Ok(Some(permit)) => permit,
                Ok(None) => return Err(ServiceError::Stopped),
                Err(_) => {
                    return Err(ServiceError::Overloaded { retry_after: std::time::Duration::from_secs(1) });
                }
            };
            match stage.run(permit, move || work(&profiles)).await {
                Ok(()) => Ok(()),
                Err(Failure::Error(error)) => Err(error),
                Err(Failure::Panicked(text)) => {
                    tracing::error!(panic = text, "a question panicked");
                    Err(ServiceError::Panicked)
                }
            }
        })
    }
}

impl Handler<Observe> for Query {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stage.counters())
    }
}
