//! Uploads that may be interrupted: each has a name, under which it goes on where it stopped. What has come of one is kept
//! while the service runs, and not for longer than it may rest.

use super::Service;
use crate::error::ServiceError;
use crate::receiver::{Length, Receiver};
use crate::upload::Upload;
use actix::Addr;
use bytehound_store::{NewProfile, ProfileId, Received};
use bytes::Bytes;
use dashmap::DashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit, watch};

/// So many at a time, whether anything comes or not: each has a file and an actor.
const SESSIONS_MAX: usize = 256;
/// How long one may rest before it is given up.
const REST_MAX: Duration = Duration::from_secs(3600);

/// An upload that may be interrupted.
pub struct Session {
    id: String,
    pub(super) new: NewProfile,
    is_live: bool,
    /// Nothing once it is over.
    upload: Arc<tokio::sync::Mutex<Option<Upload>>>,
    pub(super) receiver: Addr<Receiver>,
    /// Counts those who wanted to go on with it: only the last one may.
    turns: watch::Sender<u64>,
    /// Told once it was completed or given up.
    over: Notify,
    course: Mutex<Course>,
}

/// How far a session has come.
struct Course {
    touched: Instant,
    received: Option<Received>,
    /// The profile that shows what has come so far.
    shown: Option<ProfileId>,
}

/// The sessions there are.
#[derive(Default)]
pub(crate) struct Sessions(DashMap<String, Arc<Session>>);

/// The right to go on with a session, until somebody else wants to.
pub struct Appending {
    session: Arc<Session>,
    upload: OwnedMutexGuard<Option<Upload>>,
    turn: watch::Receiver<u64>,
    #[expect(dead_code, reason = "held while bytes come")]
    slot: OwnedSemaphorePermit,
}

impl Service {
    /// Begins an upload that may be interrupted. A live one is shown while it still grows.
    pub async fn open_session(&self, new: NewProfile, is_live: bool) -> Result<Arc<Session>, ServiceError> {
        let sessions = &self.0.sessions;
        sessions.sweep();
        if sessions.0.len() >= SESSIONS_MAX {
            return Err(ServiceError::Overloaded { retry_after: Duration::from_secs(30) });
        }
        let upload = self.begin_upload(None).await?;
        let session = Arc::new(Session::new(new, is_live, upload));
        sessions.0.insert(session.id.clone(), Arc::clone(&session));
        if is_live {
            actix_rt::spawn(super::live::show(self.clone(), Arc::clone(&session)));
        }
        Ok(session)
    }

    /// The session of this name.
    pub fn session(&self, id: &str) -> Result<Arc<Session>, ServiceError> {
        let found = self.0.sessions.0.get(id).map(|session| Arc::clone(&session));
        found.ok_or_else(|| ServiceError::UploadNotFound(id.to_owned()))
    }

    /// Goes on with a session at `offset`, which must be where it stopped. Whoever was at it before has to stop.
    pub async fn append(&self, id: &str, offset: u64) -> Result<Appending, ServiceError> {
        let session = self.session(id)?;
        let slot = self.upload_slot()?;
        session.turns.send_modify(|turn| *turn += 1);
        let turn = session.turns.subscribe();
        let upload = Arc::clone(&session.upload).lock_owned().await;
        session.course().touched = Instant::now();
        let expected = session.offset().await?;
        if offset != expected {
            return Err(ServiceError::WrongOffset { given: offset, expected });
        }
        Ok(Appending { session, upload, turn, slot })
    }

    /// Gives a session up: nothing is left of it.
    pub async fn abandon(&self, id: &str) -> Result<(), ServiceError> {
        let session = self.session(id)?;
        self.0.sessions.0.remove(id);
        session.over.notify_one();
        session.turns.send_modify(|turn| *turn += 1);
        drop(session.upload.lock().await.take());
        match (session.received(), session.shown()) {
            (None, Some(shown)) => self.delete(&shown).await,
            _ => Ok(()),
        }
    }
}

impl Appending {
    /// Writes the next bytes; returns once they are written.
    pub async fn write(&self, bytes: Bytes) -> Result<(), ServiceError> {
        self.session.course().touched = Instant::now();
        self.upload.as_ref().ok_or(ServiceError::Cancelled)?.write(bytes).await
    }

    /// Ends the session: makes the capture durable, and has it indexed. Said again, it gives the same.
    pub async fn complete(mut self) -> Result<Received, ServiceError> {
        if let Some(received) = self.session.received() {
            return Ok(Received { deduplicated: true, ..received });
        }
        let upload = self.upload.take().ok_or(ServiceError::Cancelled)?;
        let received = upload.commit(self.session.new.clone()).await?;
        self.session.course().received = Some(received.clone());
        self.session.over.notify_one();
        Ok(received)
    }

    /// Where the session stands.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Ends when somebody else goes on with the session.
    pub fn superseded(&self) -> impl Future<Output = ()> + use<> {
        let mut turn = self.turn.clone();
        async move {
            // The sender lives as long as the session.
            let _changed = turn.changed().await;
        }
    }
}

impl Session {
    fn new(new: NewProfile, is_live: bool, upload: Upload) -> Self {
        let random = RandomState::new();
        let id = format!("u_{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
        let course = Course { touched: Instant::now(), received: None, shown: None };
        Self {
            id,
            new,
            is_live,
            receiver: upload.receiver.clone(),
            upload: Arc::new(tokio::sync::Mutex::new(Some(upload))),
            turns: watch::Sender::new(0),
            over: Notify::new(),
            course: Mutex::new(course),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many bytes of the capture have come: what is being written is waited for.
    pub async fn offset(&self) -> Result<u64, ServiceError> {
        if let Some(received) = self.received() {
            return Ok(received.record.size_bytes);
        }
        let length = self.receiver.send(Length).await?;
        length.ok_or_else(|| ServiceError::UploadNotFound(self.id.clone()))
    }

    /// Ends once the session was completed or given up; for whoever shows it.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }

    /// Whether it is shown while it grows.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// The profile it has become.
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        self.course().received.clone()
    }

    /// The profile that shows what has come so far.
    #[must_use]
    pub fn shown(&self) -> Option<ProfileId> {
        self.course().shown.clone()
    }

    pub(super) fn show(&self, profile: ProfileId) {
        self.course().shown = Some(profile);
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Gives up those that have rested for too long. What a live one has shown stays, as a capture whose end is missing.
    pub(crate) fn sweep(&self) {
        self.0.retain(|_, session| session.course().touched.elapsed() < REST_MAX);
    }

    /// The profile that a session is at present.
    pub(super) fn profile(&self, id: &str) -> Option<ProfileId> {
        let session = self.0.get(id)?;
        session.shown().or_else(|| session.received().map(|received| received.record.id))
    }

    /// The live session that a profile shows.
    pub(super) fn showing(&self, profile: &ProfileId) -> Option<String> {
        let shows =
            |session: &Session| session.received().is_none() && session.shown().as_ref() == Some(profile);
        let found = self.0.iter().find(|session| shows(session));
        found.map(|session| session.id.clone())
    }
}
