//! Long answers: sent while they are written, so that none has to fit into memory.
//!
//! The question is asked on the query actor, as any other; what it writes goes through a bounded channel to the
//! connection. Errors before the first bytes are answers like any other error; later, all that is left is to hang up.

use crate::problem::Problem;
use actix_web::web::Bytes;
use bytehound_actors::{Service, ServiceError};
use bytehound_index::{Cancel, Profile};
use bytehound_store::ProfileId;
use futures_util::{Stream, StreamExt};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes that are sent at a time.
const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that may wait for a slow client: most answers fit, and whoever wrote them is free for the next question.
const CHUNKS_WAITING_MAX: usize = 128;
/// A client that takes nothing for so long has had enough.
const STALL_MAX: Duration = Duration::from_secs(20);

type Chunk = Result<Bytes, Problem>;

/// Has `question` write its answer; gives the bytes as they come.
pub(crate) async fn stream<Q>(
    service: &Service,
    profile: ProfileId,
    question: Q,
) -> Result<impl Stream<Item = Chunk> + use<Q>, Problem>
where
    Q: FnOnce(&Arc<Profile>, &mut ChunkWriter, &Cancel) -> Result<(), ServiceError> + Send + 'static,
{
    let (sender, mut chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
    let mut writer = ChunkWriter { chunk: Vec::new(), sender: sender.clone(), runtime: Handle::current() };
    let service = service.clone();
    let task = actix_web::rt::spawn(async move {
        let answered = service.ask(vec![profile], move |profiles, cancel| {
            question(&profiles[0], &mut writer, cancel)?;
            writer.flush().map_err(|_| ServiceError::Cancelled)
        });
        if let Err(error) = answered.await {
            // Whoever asked may be gone.
            drop(sender.send(Err(error.into())).await);
        }
    });
    let asking = EndWhenDropped(task);
    let first = chunks.recv().await.transpose()?.unwrap_or_default();
    let rest = futures_util::stream::unfold((chunks, asking), async |(mut chunks, asking)| {
        chunks.recv().await.map(|chunk| (chunk, (chunks, asking)))
    });
    Ok(futures_util::stream::once(async { Ok(first) }).chain(rest))
}

/// Takes an answer, and sends it chunk by chunk; waits for a client that is slower.
pub(crate) struct ChunkWriter {
    chunk: Vec<u8>,
    sender: mpsc::Sender<Chunk>,
    runtime: Handle,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        // The timer belongs to the runtime: it is made inside.
        let sent = async { tokio::time::timeout(STALL_MAX, self.sender.send(Ok(chunk))).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// A client that hangs up wants no answer any more.
struct EndWhenDropped(JoinHandle<()>);

impl Drop for EndWhenDropped {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(chunks_max: usize) -> (ChunkWriter, mpsc::Receiver<Chunk>) {
        let (sender, chunks) = mpsc::channel(chunks_max);
        (ChunkWriter { chunk: Vec::new(), sender, runtime: Handle::current() }, chunks)
    }

    #[actix_web::test]
    async fn a_writer_waits_for_a_slower_reader_and_loses_nothing() {
        let (mut writer, mut chunks) = writer(1);
        let sent: Vec<u8> = (0..2_000_000_u32).map(|index| (index / 1000) as u8).collect();
        let expected = sent.clone();
        let writing = tokio::task::spawn_blocking(move || {
            sent.chunks(999).try_for_each(|piece| writer.write_all(piece)).and_then(|()| writer.flush())
        });
        let mut received = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            received.extend_from_slice(&chunk.unwrap());
        }
        writing.await.unwrap().unwrap();
        assert!(received == expected);
    }

    #[actix_web::test]
    async fn a_writer_learns_that_nobody_reads() {
        let (mut writer, chunks) = writer(1);
        drop(chunks);
        let written = tokio::task::spawn_blocking(move || writer.write_all(&[0; CHUNK_BYTES])).await.unwrap();
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
