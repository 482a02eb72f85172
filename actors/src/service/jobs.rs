//! What goes on at present: captures that are taken in, and questions that are answered. Each can be ended.

use super::Service;
use crate::board::ProfileStatus;
use crate::error::ServiceError;
use bytehound_index::Cancel;
use bytehound_index::build::Progress;
use bytehound_store::{FailureCause, ProfileId, ProfileState};
use dashmap::DashMap;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// One job.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// Its name.
    pub id: String,
    /// What it is.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// The profiles that it is about.
    pub profiles: Vec<ProfileId>,
    /// How far an ingest has come.
    pub progress: Option<Progress>,
    /// When it came, in milliseconds since 1970.
    pub created_at_ms: u64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Takes a capture in.
    Ingest,
    /// Answers a question, runs a script, or compares.
    Question,
}

/// How far a job is. Questions that are over are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It was not begun.
    Waiting,
    /// It is being worked on.
    Running,
    /// It came to its end.
    Done,
    /// It came to nothing.
    Failed,
    /// It was ended.
    Cancelled,
}

/// The questions that are being answered.
#[derive(Default)]
pub(super) struct Questions {
    next: AtomicU64,
    asked: Arc<DashMap<u64, Question>>,
}

struct Question {
    profiles: Vec<ProfileId>,
    created_at_ms: u64,
    begun: Begun,
    cancel: Cancel,
}

/// Whether a question has its turn.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<AtomicBool>);

/// A question; when this is dropped, nobody waits for its answer any more.
pub(super) struct Asked {
    number: u64,
    asked: Arc<DashMap<u64, Question>>,
    begun: Begun,
}

impl Service {
    /// All jobs that wait or run; those that came last are first.
    pub fn jobs(&self) -> Result<Vec<JobStatus>, ServiceError> {
        let ingests = self.profiles()?.into_iter().map(ingest);
        let questions = self.0.questions.asked.iter().map(|entry| entry.status(*entry.key()));
        let goes_on = |job: &JobStatus| matches!(job.state, JobState::Waiting | JobState::Running);
        let mut jobs: Vec<_> = ingests.filter(goes_on).chain(questions).collect();
        jobs.sort_by(|a, b| b.created_at_ms.cmp(&a.created_at_ms).then_with(|| a.id.cmp(&b.id)));
        Ok(jobs)
    }

    /// One job; an ingest also when it is over.
    pub fn job(&self, id: &str) -> Result<JobStatus, ServiceError> {
        let missing = || ServiceError::JobNotFound(id.to_owned());
        match (profile_of(id), number_of(id)) {
            (Some(profile), _) => self.profile(&profile).map(ingest).map_err(|_| missing()),
            (_, Some(number)) => {
                let question = self.0.questions.asked.get(&number).ok_or_else(missing)?;
                Ok(question.status(number))
            }
            _ => Err(missing()),
        }
    }

    /// Ends a job; one that is over stays as it is.
    pub fn cancel(&self, id: &str) -> Result<(), ServiceError> {
        self.job(id)?;
        if let Some(profile) = profile_of(id) {
            self.0.board.cancel(&profile);
        }
        if let Some(question) = number_of(id).and_then(|number| self.0.questions.asked.get(&number)) {
            question.cancel.cancel();
        }
        Ok(())
    }
}

impl Questions {
    pub(super) fn begin(&self, profiles: &[ProfileId], cancel: &Cancel) -> Asked {
        // Relaxed: only the numbers have to differ.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Begun::default();
        let question = Question {
            profiles: profiles.to_vec(),
            created_at_ms: since_epoch.as_millis() as u64,
            begun: begun.clone(),
            cancel: cancel.clone(),
        };
        self.asked.insert(number, question);
        Asked { number, asked: Arc::clone(&self.asked), begun }
    }
}

impl Question {
    fn status(&self, number: u64) -> JobStatus {
        JobStatus {
            id: format!("j_{number}"),
            kind: JobKind::Question,
            state: if self.begun.is_noted() { JobState::Running } else { JobState::Waiting },
            profiles: self.profiles.clone(),
            progress: None,
            created_at_ms: self.created_at_ms,
        }
    }
}

impl Begun {
    pub(super) fn note(&self) {
        // Relaxed: it says when, and orders nothing.
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Asked {
    pub(super) fn begun(&self) -> Begun {
        self.begun.clone()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some((_, question)) = self.asked.remove(&self.number) {
            question.cancel.cancel();
        }
    }
}

fn ingest(status: ProfileStatus) -> JobStatus {
    let ProfileStatus { record, progress, .. } = status;
    let state = match &record.state {
        ProfileState::Stored => JobState::Waiting,
        ProfileState::Indexing { .. } => JobState::Running,
        ProfileState::Ready { .. } => JobState::Done,
        ProfileState::Failed { cause: FailureCause::Cancelled, .. } => JobState::Cancelled,
        ProfileState::Failed { .. } => JobState::Failed,
    };
    JobStatus {
        id: record.id.as_str().replacen("p_", "j_", 1),
        kind: JobKind::Ingest,
        state,
        progress: progress.filter(|_| state == JobState::Running),
        created_at_ms: record.created_at_ms,
        profiles: vec![record.id],
    }
}

/// The profile that an ingest is of.
fn profile_of(job: &str) -> Option<ProfileId> {
    ProfileId::parse(&format!("p_{}", job.strip_prefix("j_")?)).ok()
}

fn number_of(job: &str) -> Option<u64> {
    job.strip_prefix("j_")?.parse().ok()
}
