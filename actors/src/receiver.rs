//! The receiver: one actor an upload. It writes what arrives, refuses what is no capture as soon as that shows, and
//! answers a commit only once the capture is durable.
//!
//! Upstream: the API, which waits for each chunk to be written. Downstream: the store. It lives on an arbiter of the
//! intake, whose threads may block.

use crate::error::ServiceError;
use crate::observe::{Counters, Ending};
use actix::prelude::*;
use bytehound_format::{OpenError, Reader};
use bytehound_store::{CapturePrefix, IncomingCapture, NewProfile, ProfileId, Received, Store, StoreError};
use bytes::Bytes;
use std::io::Write;
use std::sync::Arc;

/// Chunks that may wait: the sender is made to wait instead, and TCP makes its peer wait.
const MAILBOX_MAX: usize = 2;
/// Bytes after which it must show whether this is a capture.
const SNIFF_BYTES: u64 = 64 * 1024;

/// The next bytes of the upload.
#[derive(Message)]
#[rtype(result = "Result<(), ServiceError>")]
pub(crate) struct Chunk(pub(crate) Bytes);

/// Asks for what has come so far; nothing, as long as that shows nothing.
#[derive(Message)]
#[rtype(result = "Option<CapturePrefix>")]
pub(crate) struct Prefix;

/// Asks how many bytes have come; nothing, if they were refused.
#[derive(Message)]
#[rtype(result = "Option<u64>")]
pub(crate) struct Length;

/// The upload is complete.
#[derive(Message)]
#[rtype(result = "Result<Received, ServiceError>")]
pub(crate) struct Commit {
    pub(crate) new: NewProfile,
    /// The id that its bytes have to have, if their sender knows it.
    pub(crate) id: Option<ProfileId>,
}

/// The upload is over, for good or ill.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Discard;

pub(crate) struct Receiver {
    incoming: Option<IncomingCapture>,
    sniffed: bool,
    counters: Arc<Counters>,
    ending: Ending,
}

impl Receiver {
    /// Begins an upload into the store.
    pub(crate) fn new(store: &Store, counters: Arc<Counters>) -> Result<Self, ServiceError> {
        let incoming = store.captures().receive()?;
        Ok(Self { incoming: Some(incoming), sniffed: false, counters, ending: Ending::Failed })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        let incoming = self.incoming.as_mut().ok_or(ServiceError::Cancelled)?;
        let unwritten = |source| StoreError::Io { what: "write", path: "the upload".into(), source };
        incoming.write_all(bytes).map_err(unwritten)?;
        if !self.sniffed && incoming.len() >= SNIFF_BYTES {
            self.sniffed = true;
            return refuse_unless_beginning_of_capture(incoming.first_bytes());
        }
        Ok(())
    }

    fn commit(&mut self, Commit { new, id }: Commit) -> Result<Received, ServiceError> {
        let incoming = self.incoming.take().ok_or(ServiceError::Cancelled)?;
        if let Some(announced) = id.filter(|id| *id != incoming.id()) {
            return Err(ServiceError::OtherBytes { announced, found: incoming.id() });
        }
        if !self.sniffed {
            // All of it is in the first bytes.
            Reader::new(incoming.first_bytes()).map_err(refused)?;
        }
        let received = incoming.commit(new)?;
        self.ending = Ending::Done;
        Ok(received)
    }
}

impl Actor for Receiver {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        self.counters.start();
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.counters.finish(self.ending);
    }
}

impl Handler<Chunk> for Receiver {
    type Result = Result<(), ServiceError>;

    fn handle(&mut self, Chunk(bytes): Chunk, _: &mut Self::Context) -> Self::Result {
        self.write(&bytes).inspect_err(|_| drop(self.incoming.take()))
    }
}

impl Handler<Prefix> for Receiver {
    type Result = MessageResult<Prefix>;

    fn handle(&mut self, _: Prefix, _: &mut Self::Context) -> Self::Result {
        let is_begun =
            |incoming: &&IncomingCapture| self.sniffed || Reader::new(incoming.first_bytes()).is_ok();
        let begun = self.incoming.as_ref().filter(is_begun);
        MessageResult(begun.map(IncomingCapture::prefix))
    }
}

impl Handler<Length> for Receiver {
    type Result = Option<u64>;

    fn handle(&mut self, _: Length, _: &mut Self::Context) -> Self::Result {
        self.incoming.as_ref().map(IncomingCapture::len)
    }
}

impl Handler<Commit> for Receiver {
    type Result = Result<Received, ServiceError>;

    fn handle(&mut self, commit: Commit, ctx: &mut Self::Context) -> Self::Result {
        ctx.stop();
        self.commit(commit)
    }
}

impl Handler<Discard> for Receiver {
    type Result = ();

    fn handle(&mut self, _: Discard, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// The first block may be longer than what is looked at: then nothing speaks against it yet.
fn refuse_unless_beginning_of_capture(first: &[u8]) -> Result<(), ServiceError> {
    match Reader::new(first) {
        Ok(_) | Err(OpenError::Truncated { .. }) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: OpenError) -> ServiceError {
    ServiceError::Refused(error.to_string())
}
