//! The service as the API sees it: the actors behind one handle.

use crate::board::{Board, ProfileStatus};
use crate::error::ServiceError;
use crate::indexer::Indexer;
use crate::janitor::{Delete, Janitor};
use crate::loader::{Ingest, Loader};
use crate::observe::{Counters, Counts, Observations, Observe, StageCounters, Stored};
use crate::open_profiles::OpenProfiles;
use crate::query::{Ask, Query};
use crate::receiver::{Chunk, Commit, Discard, Receiver};
use crate::symbolizer::Symbolizer;
use actix::dev::ToEnvelope;
use actix::prelude::*;
use bytehound_index::{Cancel, IndexError, Profile};
use bytehound_store::{NewProfile, ProfileId, ProfileRecord, ProfileState, Received, Store, Tokens};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot, watch};
use tokio::time::{sleep, timeout};

/// How much goes on at a time.
#[derive(Clone, Debug)]
pub struct Options {
    /// Captures being loaded at a time.
    pub loads: usize,
    /// Questions being answered at a time.
    pub questions: usize,
    /// Uploads being received at a time; the next is turned away.
    pub uploads: usize,
    /// Threads that write uploads to disk.
    pub intake_threads: usize,
    /// How long one question may take.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            loads: cores,
            questions: 2 * cores,
            uploads: 64,
            intake_threads: 2,
            deadline: Duration::from_secs(30),
        }
    }
}

/// How long an ingest may take to notice that it is to end.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether all is done.
const IDLE_POLL: Duration = Duration::from_millis(20);

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    options: Options,
    store: Store,
    board: Arc<Board>,
    loader: Addr<Loader>,
    symbolizer: Addr<Symbolizer>,
    indexer: Addr<Indexer>,
    query: Addr<Query>,
    janitor: Addr<Janitor>,
    profiles: Arc<OpenProfiles>,
    intake: Vec<ArbiterHandle>,
    next_intake: AtomicUsize,
    uploads: Arc<Semaphore>,
    received: Arc<Counters>,
    /// The FILE given last: what `last` names.
    last: std::sync::Mutex<Option<ProfileId>>,
}

impl Service {
    /// Starts the actors, inside a running actix system, and takes up what was left unfinished.
    pub fn start(store: Store, options: Options) -> Self {
        let board = Arc::new(Board::default());
        let profiles = Arc::new(OpenProfiles::new(store.clone()));
        let ingest = Arbiter::new().handle();
        let indexer = Supervisor::start_in_arbiter(&ingest, {
            let permits = options.loads;
            move |_| Indexer::new(permits)
        });
        let symbolizer = Supervisor::start_in_arbiter(&ingest, {
            let (permits, indexer) = (options.loads, indexer.clone());
            move |_| Symbolizer::new(permits, indexer)
        });
        let loader = Supervisor::start_in_arbiter(&ingest, {
            let (permits, store, board, symbolizer) =
                (options.loads, store.clone(), Arc::clone(&board), symbolizer.clone());
            move |_| Loader::new(permits, store, board, symbolizer)
        });
        let query = Supervisor::start_in_arbiter(&Arbiter::new().handle(), {
            let (permits, profiles) = (options.questions, Arc::clone(&profiles));
            move |_| Query::new(permits, profiles)
        });
        let janitor = Supervisor::start_in_arbiter(&ingest, {
            let (store, board, loader) = (store.clone(), Arc::clone(&board), loader.clone());
            let profiles = Arc::clone(&profiles);
            move |_| Janitor::new(store, board, profiles, loader)
        });
        let intake = (0..options.intake_threads.max(1)).map(|_| Arbiter::new().handle()).collect();
        let uploads = Arc::new(Semaphore::new(options.uploads));
        Self(Arc::new(Inner {
            options,
            store,
            board,
            loader,
            symbolizer,
            indexer,
            query,
            janitor,
            profiles,
            intake,
            next_intake: AtomicUsize::new(0),
            uploads,
            received: Arc::default(),
            last: std::sync::Mutex::default(),
        }))
    }

    /// Begins an upload.
    pub async fn upload(&self) -> Result<Upload, ServiceError> {
        let inner = &self.0;
        let slot = Arc::clone(&inner.uploads).try_acquire_owned().map_err(|error| {
            inner.received.refuse();
            match error {
                TryAcquireError::NoPermits => {
                    ServiceError::Overloaded { retry_after: Duration::from_secs(5) }
                }
                TryAcquireError::Closed => ServiceError::Stopped,
            }
        })?;
        let (store, counters) = (inner.store.clone(), Arc::clone(&inner.received));
        let receiver = blocking(move || Receiver::new(&store, counters)).await?;
        // Relaxed: any fair spread over the threads will do.
        let turn = inner.next_intake.fetch_add(1, Ordering::Relaxed) % inner.intake.len();
        let receiver = Receiver::start_in_arbiter(&inner.intake[turn], move |_| receiver);
        Ok(Upload { service: self.clone(), receiver, slot })
    }

    /// Takes in a capture that stays where it lies.
    pub async fn reference(&self, path: PathBuf) -> Result<Received, ServiceError> {
        let store = self.0.store.clone();
        let received = blocking(move || reference(&store, &path)).await?;
        if let Ok(mut last) = self.0.last.lock() {
            *last = Some(received.record.id.clone());
        }
        self.ingest_unless_ready(&received.record).await?;
        Ok(received)
    }

    /// All profiles, the newest first.
    pub fn profiles(&self) -> Result<Vec<ProfileStatus>, ServiceError> {
        Ok(self.0.store.catalog().list()?.into_iter().map(|record| self.status(record)).collect())
    }

    /// One profile.
    pub fn profile(&self, id: &ProfileId) -> Result<ProfileStatus, ServiceError> {
        let record = self.0.store.catalog().get(id)?;
        record.map(|record| self.status(record)).ok_or_else(|| ServiceError::NotFound(id.to_string()))
    }

    /// The profile that a text means: its id, the data id of its capture (the newest ready one has it), or `last`.
    pub fn resolve(&self, text: &str) -> Result<ProfileId, ServiceError> {
        if let Ok(id) = ProfileId::parse(text) {
            return Ok(id);
        }
        if text == "last"
            && let Some(last) = self.0.last.lock().ok().and_then(|last| last.clone())
        {
            return Ok(last);
        }
        let wanted = |record: &ProfileRecord| text == "last" || record.data_id.as_deref() == Some(text);
        let is_ready = |record: &ProfileRecord| matches!(record.state, ProfileState::Ready { .. });
        let mut records = self.0.store.catalog().list()?.into_iter();
        let found = records.find(|record| is_ready(record) && wanted(record));
        found.map(|record| record.id).ok_or_else(|| ServiceError::NotFound(text.to_owned()))
    }

    /// Follows a profile through its ingest.
    pub fn watch(&self, id: &ProfileId) -> Result<watch::Receiver<ProfileStatus>, ServiceError> {
        Ok(self.0.board.watch(self.profile(id)?))
    }

    /// Puts a question to ready profiles. It is cancelled when its time is up, or when the future is dropped.
    pub async fn ask<T: Send + 'static>(
        &self,
        profiles: Vec<ProfileId>,
        question: impl FnOnce(&[Arc<Profile>], &Cancel) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let limit = self.0.options.deadline;
        let cancel = Cancel::new().with_deadline(Instant::now() + limit);
        let _cancelled_when_dropped = CancelWhenDropped(cancel.clone());
        let (answer, answered) = oneshot::channel();
        // What is logged on the way to the answer belongs to the request.
        let span = tracing::Span::current();
        let work = move |open: &OpenProfiles| {
            let _entered = span.entered();
            let profiles = profiles.iter().map(|id| open.get(id)).collect::<Result<Vec<_>, _>>()?;
            let value = question(&profiles, &cancel).map_err(|error| match error {
                ServiceError::Index(IndexError::Deadline) => ServiceError::Deadline { limit },
                error => error,
            })?;
            // Whoever asked may be gone: then nobody misses the answer.
            drop(answer.send(value));
            Ok(())
        };
        match self.0.query.send(Ask(Box::new(work))).await {
            Ok(Ok(())) => answered.await.map_err(|_| ServiceError::Panicked),
            Ok(Err(error)) => Err(error),
            Err(gone) => Err(gone.into()),
        }
    }

    /// The capture of a profile.
    pub async fn capture(&self, id: &ProfileId) -> Result<File, ServiceError> {
        let (store, id) = (self.0.store.clone(), id.clone());
        blocking(move || Ok(store.captures().open(&id)?)).await
    }

    /// Merges labels into those of a profile; the last value wins.
    pub async fn set_labels(
        &self,
        id: &ProfileId,
        labels: BTreeMap<String, String>,
    ) -> Result<ProfileStatus, ServiceError> {
        let (store, id) = (self.0.store.clone(), id.clone());
        let record = blocking(move || Ok(store.catalog().set_labels(&id, &labels)?)).await?;
        Ok(self.status(record))
    }

    /// Deletes a profile.
    pub async fn delete(&self, id: &ProfileId) -> Result<(), ServiceError> {
        self.profile(id)?;
        self.0.janitor.send(Delete(id.clone())).await?
    }

    /// Who is let in.
    pub fn tokens(&self) -> &Tokens {
        self.0.store.tokens()
    }

    /// What the data directory holds.
    pub async fn stored(&self) -> Result<Stored, ServiceError> {
        let store = self.0.store.clone();
        blocking(move || Stored::of(&store)).await
    }

    /// What is counted beside the actors.
    pub fn counts(&self) -> Counts {
        Counts {
            events: self.0.board.events(),
            open_profiles: self.0.profiles.counts(),
            answers: bytehound_index::answers_at_hand(),
        }
    }

    /// Whether [`Self::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.0.board.is_draining()
    }

    /// Before the end: takes nothing in any more, lets what has begun come to its end for as long as `grace`, then ends
    /// it. What is left is as it was before it began, and the next start takes it up. Questions are answered meanwhile.
    pub async fn drain(&self, grace: Duration) {
        self.0.uploads.close();
        self.0.board.drain();
        if timeout(grace, self.idle()).await.is_err() {
            self.0.board.stop();
            drop(timeout(STOP_MAX, self.idle()).await);
        }
    }

    /// Waits until nothing is being taken in.
    async fn idle(&self) {
        while self.0.board.in_hand() > 0 || self.0.received.snapshot().running > 0 {
            sleep(IDLE_POLL).await;
        }
    }

    /// What the actors have counted.
    pub async fn observe(&self) -> Observations {
        let inner = &self.0;
        Observations {
            receiver: inner.received.snapshot(),
            loader: observe(&inner.loader).await,
            symbolizer: observe(&inner.symbolizer).await,
            indexer: observe(&inner.indexer).await,
            query: observe(&inner.query).await,
            janitor: observe(&inner.janitor).await,
        }
    }

    async fn ingest_unless_ready(&self, record: &ProfileRecord) -> Result<(), ServiceError> {
        if matches!(record.state, ProfileState::Ready { .. }) {
            return Ok(());
        }
        self.0.board.publish(self.status(record.clone()));
        Ok(self.0.loader.send(Ingest { id: record.id.clone(), attempt: 0 }).await?)
    }

    fn status(&self, record: ProfileRecord) -> ProfileStatus {
        let progress = self.0.board.current_progress(&record.id);
        ProfileStatus::new(record, progress)
    }
}

/// An upload on its way in. Dropped before it is committed, it leaves nothing behind.
pub struct Upload {
    service: Service,
    receiver: Addr<Receiver>,
    #[expect(dead_code, reason = "held while the upload goes on")]
    slot: OwnedSemaphorePermit,
}

impl Upload {
    /// Writes the next bytes; returns once they are written, so that the sender cannot outrun the disk.
    pub async fn write(&self, bytes: Bytes) -> Result<(), ServiceError> {
        self.receiver.send(Chunk(bytes)).await?
    }

    /// Makes the capture durable and has it indexed.
    pub async fn commit(self, new: NewProfile) -> Result<Received, ServiceError> {
        let received = self.receiver.send(Commit(new)).await??;
        self.service.ingest_unless_ready(&received.record).await?;
        Ok(received)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After a commit the receiver is gone, and this reaches nobody.
        self.receiver.do_send(Discard);
    }
}

struct CancelWhenDropped(Cancel);

impl Drop for CancelWhenDropped {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn reference(store: &Store, path: &std::path::Path) -> Result<Received, ServiceError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = File::open(path)
        .map_err(|error| ServiceError::Refused(format!("cannot open `{}`: {error}", path.display())))?;
    bytehound_format::Reader::new(file)
        .map_err(|error| ServiceError::Refused(format!("`{}`: {error}", path.display())))?;
    Ok(store.captures().reference(path, NewProfile { name, labels: Default::default() })?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ServiceError::Panicked))
}

async fn observe<A>(actor: &Addr<A>) -> StageCounters
where
    A: Actor + Handler<Observe>,
    A::Context: ToEnvelope<A, Observe>,
{
    actor.send(Observe).await.unwrap_or_default()
}
