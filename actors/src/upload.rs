//! An upload as the API sees it, and the room that all uploads share.

use crate::error::ServiceError;
use crate::receiver::{Chunk, Commit, Discard, Receiver};
use crate::service::Service;
use actix::prelude::*;
use bytehound_store::{NewProfile, ProfileId, Received};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// How many uploads there may be, and how many of their bytes on the way to the disk.
#[derive(Clone)]
pub(crate) struct Room {
    uploads: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    bytes_max: u32,
}

impl Room {
    pub(crate) fn new(uploads: usize, bytes: usize) -> Self {
        let bytes_max = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3);
        Self {
            uploads: Arc::new(Semaphore::new(uploads)),
            bytes: Arc::new(Semaphore::new(bytes_max as usize)),
            bytes_max,
        }
    }

    /// The right to one upload, if there is one left.
    pub(crate) fn slot(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Arc::clone(&self.uploads).try_acquire_owned()
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.uploads.close();
    }

    /// Waits for the right to have so many bytes on their way, in the order in which it was asked for: an upload has it
    /// for one chunk, so that a fast one does not keep others out.
    async fn bytes(&self, count: usize) -> Result<OwnedSemaphorePermit, ServiceError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(self.bytes_max);
        Arc::clone(&self.bytes).acquire_many_owned(count).await.map_err(|_| ServiceError::Stopped)
    }
}

/// An upload on its way in. Dropped before it is committed, it leaves nothing behind.
pub struct Upload {
    service: Service,
    pub(crate) receiver: Addr<Receiver>,
    room: Room,
    #[expect(dead_code, reason = "held while the upload goes on")]
    slot: Option<OwnedSemaphorePermit>,
}

impl Upload {
    pub(crate) fn new(
        service: Service,
        receiver: Addr<Receiver>,
        room: Room,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { service, receiver, room, slot }
    }

    /// Writes the next bytes; returns once they are written, so that the sender cannot outrun the disk.
    pub async fn write(&self, bytes: Bytes) -> Result<(), ServiceError> {
        let _on_their_way = self.room.bytes(bytes.len()).await?;
        self.receiver.send(Chunk(bytes)).await?
    }

    /// Makes the capture durable and has it indexed.
    pub async fn commit(self, new: NewProfile) -> Result<Received, ServiceError> {
        self.commit_as(None, new).await
    }

    /// The same, unless its bytes have another id than this one: then nothing of it is kept.
    pub async fn commit_as(self, id: Option<ProfileId>, new: NewProfile) -> Result<Received, ServiceError> {
        let received = self.receiver.send(Commit { new, id }).await??;
        self.service.received(&received.record).await?;
        Ok(received)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After a commit the receiver is gone, and this reaches nobody.
        self.receiver.do_send(Discard);
    }
}
