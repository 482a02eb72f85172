//! Which uploads are let in: those that memory and the disk have room for. One that must wait is not read meanwhile, so
//! that TCP makes its sender wait; it is turned away when that takes too long.

use crate::body::announced;
use crate::errors::OVERLOADED;
use crate::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use bytehound_actors::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long an upload waits for memory.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// When to come back after that.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Memory is counted in these.
const MIB: u64 = 1 << 20;
/// What an upload takes as it is written; and what zstd may take beside that to decode it.
const PLAIN_MIB: u32 = 1;
const ZSTD_MIB: u32 = 33;

/// The memory that uploads may take.
pub(crate) struct Admission {
    memory: Arc<Semaphore>,
    mib: u32,
}

impl Admission {
    pub(crate) fn new(memory_bytes: u64) -> Self {
        let mib = u32::try_from(memory_bytes / MIB).unwrap_or(u32::MAX).max(PLAIN_MIB + ZSTD_MIB);
        Self { memory: Arc::new(Semaphore::new(mib as usize)), mib }
    }

    /// Lets an upload in, as long as what this gives is held.
    pub(crate) async fn admit(
        &self,
        request: &HttpRequest,
        service: &Service,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        service.check_room(announced(request).unwrap_or(0)).await?;
        let memory = Arc::clone(&self.memory).acquire_many_owned(need_mib(request).min(self.mib));
        match timeout(WAIT_MAX, memory).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                let detail = "uploads take all the memory that they may; try again later";
                Err(Problem::new(&OVERLOADED, detail).retry_after(RETRY_AFTER))
            }
        }
    }
}

fn need_mib(request: &HttpRequest) -> u32 {
    let encoding = request.headers().get(CONTENT_ENCODING);
    match encoding.is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"zstd")) {
        true => PLAIN_MIB + ZSTD_MIB,
        false => PLAIN_MIB,
    }
}
