//! The service as the API sees it: the actors behind one handle.

mod jobs;
mod live;
mod sessions;

pub use jobs::{JobKind, JobState, JobStatus};
pub(crate) use sessions::Sessions;
pub use sessions::{Appending, Session};

use crate::board::{Board, ProfileStatus};
use crate::budget::Budget;
use crate::error::ServiceError;
use crate::indexer::Indexer;
use crate::janitor::{Delete, Janitor};
use crate::loader::{Ingest, Loader};
use crate::observe::{Counters, Counts, Observations, Observe, StageCounters, Stored};
use crate::open_profiles::OpenProfiles;
use crate::query::{Ask, Query};
use crate::receiver::Receiver;
use crate::symbolizer::Symbolizer;
use crate::upload::{Room, Upload};
use actix::dev::ToEnvelope;
use actix::prelude::*;
use bytehound_index::{Cancel, IndexError, Profile};
use bytehound_store::{
    Freed, NewProfile, ProfileId, ProfileRecord, ProfileState, Received, Stat, Store, Tokens, Verified,
};
use jobs::Questions;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError, oneshot, watch};
use tokio::time::{sleep, timeout};

/// How much goes on at a time.
#[derive(Clone, Debug)]
pub struct Options {
    /// Captures being taken in at a time, large ones; and as many small ones beside them.
    pub loads: usize,
    /// What all captures being taken in may hold in memory, by the experience with others.
    pub ingest_bytes: u64,
    /// Questions being answered at a time.
    pub questions: usize,
    /// Uploads being received at a time; the next is turned away.
    pub uploads: usize,
    /// Bytes of all uploads that are on their way to the disk.
    pub intake_bytes: usize,
    /// Threads that write uploads to disk.
    pub intake_threads: usize,
    /// What the data directory may take: beyond it the oldest profiles without labels are deleted.
    pub max_bytes: Option<u64>,
    /// How long one question may take.
    pub deadline: Duration,
    /// Bytes that stay free where the data lies: with less than that, nothing more is taken in.
    pub free_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            loads: cores,
            ingest_bytes: 2 << 30,
            questions: 2 * cores,
            uploads: 64,
            intake_bytes: 16 << 20,
            intake_threads: 2,
            max_bytes: None,
            deadline: Duration::from_secs(30),
            free_bytes_min: 256 << 20,
        }
    }
}

/// How long an ingest may take to notice that it is to end.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How long it is waited for a job to be taken up.
const TAKEN_UP_MAX: Duration = Duration::from_secs(10);
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
    room: Room,
    received: Arc<Counters>,
    sessions: Arc<Sessions>,
    questions: Questions,
    /// The FILE given last: what `last` names.
    last: std::sync::Mutex<Option<ProfileId>>,
}

impl Service {
    /// Starts the actors, inside a running actix system, and takes up what was left unfinished.
    pub fn start(store: Store, options: Options) -> Self {
        let board = Arc::new(Board::default());
        let profiles = Arc::new(OpenProfiles::new(store.clone()));
        let budget = Budget::new(options.loads, options.ingest_bytes);
        let jobs = budget.jobs_max();
        let sessions = Arc::<Sessions>::default();
        let ingest = Arbiter::new().handle();
        let indexer = Supervisor::start_in_arbiter(&ingest, {
            let profiles = Arc::clone(&profiles);
            move |_| Indexer::new(jobs, profiles)
        });
        let symbolizer = Supervisor::start_in_arbiter(&ingest, {
            let indexer = indexer.clone();
            move |_| Symbolizer::new(jobs, indexer)
        });
        let loader = Supervisor::start_in_arbiter(&ingest, {
            let (store, board, symbolizer) = (store.clone(), Arc::clone(&board), symbolizer.clone());
            move |_| Loader::new(budget, store, board, symbolizer)
        });
        let query = Supervisor::start_in_arbiter(&Arbiter::new().handle(), {
            let (permits, profiles) = (options.questions, Arc::clone(&profiles));
            move |_| Query::new(permits, profiles)
        });
        let janitor = Supervisor::start_in_arbiter(&ingest, {
            let (store, board, loader) = (store.clone(), Arc::clone(&board), loader.clone());
            let (profiles, options, sessions) =
                (Arc::clone(&profiles), options.clone(), Arc::clone(&sessions));
            move |_| Janitor::new(store, board, profiles, loader, &options, sessions)
        });
        let intake = (0..options.intake_threads.max(1)).map(|_| Arbiter::new().handle()).collect();
        let room = Room::new(options.uploads, options.intake_bytes);
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
            room,
            received: Arc::default(),
            sessions,
            questions: Questions::default(),
            last: std::sync::Mutex::default(),
        }))
    }

    /// Begins an upload.
    pub async fn upload(&self) -> Result<Upload, ServiceError> {
        let slot = self.upload_slot()?;
        self.refuse_beyond_limit().await?;
        self.begin_upload(Some(slot)).await
    }

    /// The profile of bytes that need not be sent again, with what is said of it now; nothing if they are needed.
    pub async fn known(&self, id: &ProfileId, new: NewProfile) -> Result<Option<Received>, ServiceError> {
        let (store, id) = (self.0.store.clone(), id.clone());
        let known = blocking(move || Ok(store.captures().known(&id, new)?)).await?;
        if let Some(received) = &known {
            self.ingest_unless_ready(&received.record).await?;
        }
        Ok(known)
    }

    /// Refuses what would leave too little room: `len` bytes that are announced.
    pub async fn check_room(&self, len: u64) -> Result<(), ServiceError> {
        let store = self.0.store.clone();
        let free = blocking(move || Ok(store.free_bytes()?)).await?;
        match free < len.saturating_add(self.0.options.free_bytes_min) {
            true => Err(ServiceError::NoRoom { free }),
            false => Ok(()),
        }
    }

    /// The right to send something.
    fn upload_slot(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        self.0.room.slot().map_err(|error| {
            self.0.received.refuse();
            match error {
                TryAcquireError::NoPermits => {
                    ServiceError::Overloaded { retry_after: Duration::from_secs(5) }
                }
                TryAcquireError::Closed => ServiceError::Stopped,
            }
        })
    }

    async fn begin_upload(&self, slot: Option<OwnedSemaphorePermit>) -> Result<Upload, ServiceError> {
        let inner = &self.0;
        let (store, counters) = (inner.store.clone(), Arc::clone(&inner.received));
        let receiver = blocking(move || Receiver::new(&store, counters)).await?;
        // Relaxed: any fair spread over the threads will do.
        let turn = inner.next_intake.fetch_add(1, Ordering::Relaxed) % inner.intake.len();
        let receiver = Receiver::start_in_arbiter(&inner.intake[turn], move |_| receiver);
        Ok(Upload::new(self.clone(), receiver, inner.room.clone(), slot))
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

    /// The profile that a text means: its id, the name of the upload that it comes by, the data id of its capture (the
    /// newest ready one has it), or `last`.
    pub fn resolve(&self, text: &str) -> Result<ProfileId, ServiceError> {
        if let Some(id) = self.0.sessions.profile(text) {
            return Ok(id);
        }
        if text == "last"
            && let Some(last) = self.0.last.lock().ok().and_then(|last| last.clone())
        {
            return Ok(last);
        }
        self.0.store.named(text)?.ok_or_else(|| ServiceError::NotFound(text.to_owned()))
    }

    /// The ready profiles that have all these labels, the newest first.
    pub fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<ProfileId>, ServiceError> {
        Ok(self.0.store.labelled(labels)?)
    }

    /// A ready profile. It may have to be read from disk: not for threads that must not wait.
    pub fn open(&self, id: &ProfileId) -> Result<Arc<Profile>, ServiceError> {
        self.0.profiles.get(id)
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
        let asked = self.0.questions.begin(&profiles, &cancel);
        let begun = asked.begun();
        let (answer, answered) = oneshot::channel();
        // What is logged on the way to the answer belongs to the request.
        let span = tracing::Span::current();
        let janitor = self.0.janitor.clone();
        let work = move |open: &OpenProfiles| {
            let _entered = span.entered();
            begun.note();
            let put = || -> Result<T, ServiceError> {
                let profiles = profiles.iter().map(|id| open.get(id)).collect::<Result<Vec<_>, _>>()?;
                question(&profiles, &cancel)
            };
            let outcome = put();
            if let (Err(ServiceError::Index(error @ IndexError::Damaged { .. })), [id]) =
                (&outcome, &profiles[..])
            {
                open.note_contradiction(id, &error.to_string());
            }
            // Also when the answer does not say so: a script goes on after an error.
            let damaged = open.give_up_damaged();
            if !damaged.is_empty() {
                Janitor::call(&janitor);
            }
            match (outcome, damaged.first()) {
                // Whoever asked may be gone: then nobody misses the answer.
                (Ok(value), _) => {
                    drop(answer.send(value));
                    Ok(())
                }
                (Err(ServiceError::Index(IndexError::Deadline)), _) => Err(ServiceError::Deadline { limit }),
                (Err(ServiceError::Store(_) | ServiceError::Index(_)), Some(id)) => {
                    Err(ServiceError::Damaged(id.to_string()))
                }
                (Err(error), _) => Err(error),
            }
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
        self.0.room.close();
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

    /// What the data directory holds.
    pub async fn stat(&self) -> Result<Stat, ServiceError> {
        let store = self.0.store.clone();
        blocking(move || Ok(store.stat()?)).await
    }

    /// Reads all of a profile and compares it with its checksums. What is damaged is marked, and a damaged index is built
    /// again.
    pub async fn verify(&self, id: &ProfileId) -> Result<Verified, ServiceError> {
        self.profile(id)?;
        let (store, wanted) = (self.0.store.clone(), id.clone());
        let verified = blocking(move || Ok(store.verify(&wanted)?)).await?;
        if verified.index.is_some() {
            Janitor::call(&self.0.janitor);
        }
        Ok(verified)
    }

    /// Removes builds that are superseded, at once, and other waste.
    pub async fn collect_garbage(&self) -> Result<Freed, ServiceError> {
        let store = self.0.store.clone();
        blocking(move || Ok(store.gc()?)).await
    }

    /// Has a profile indexed again; what answers now does so until then.
    pub async fn reindex(&self, id: &ProfileId) -> Result<(), ServiceError> {
        let mut status = self.watch(id)?;
        let before = status.borrow().record.state.clone();
        self.0.loader.send(Ingest { id: id.clone(), attempt: 0 }).await?;
        // Whoever follows the profile from here on sees the new index come. A job that has to wait for its turn is only told
        // of later.
        drop(timeout(TAKEN_UP_MAX, status.wait_for(|status| status.record.state != before)).await);
        Ok(())
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

    /// Takes a stored capture in; and sees that there is room for the next.
    pub(crate) async fn received(&self, record: &ProfileRecord) -> Result<(), ServiceError> {
        if self.0.options.max_bytes.is_some() {
            Janitor::call(&self.0.janitor);
        }
        self.ingest_unless_ready(record).await
    }

    /// Refuses an upload when there is no room, and none can be made.
    async fn refuse_beyond_limit(&self) -> Result<(), ServiceError> {
        let Some(max_bytes) = self.0.options.max_bytes else { return Ok(()) };
        let store = self.0.store.clone();
        let is_full = blocking(move || {
            let is_over = || store.stat().map(|stat| stat.total_bytes > max_bytes);
            if !is_over()? || !store.surplus(max_bytes)?.is_empty() {
                return Ok(false);
            }
            store.drop_unreferred()?;
            Ok(is_over()?)
        });
        if is_full.await? { Err(ServiceError::QuotaReached { max_bytes }) } else { Ok(()) }
    }

    async fn ingest_unless_ready(&self, record: &ProfileRecord) -> Result<(), ServiceError> {
        if matches!(record.state, ProfileState::Ready { .. }) {
            return Ok(());
        }
        self.0.board.publish(self.status(record.clone()));
        self.0.board.renew(&record.id);
        Ok(self.0.loader.send(Ingest { id: record.id.clone(), attempt: 0 }).await?)
    }

    fn status(&self, record: ProfileRecord) -> ProfileStatus {
        let progress = self.0.board.current_progress(&record.id);
        let live = self.0.sessions.showing(&record.id);
        ProfileStatus { live, ..ProfileStatus::new(record, progress) }
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
