//! Why the service could not do what it was asked.

use bytehound_index::IndexError;
use bytehound_store::{ProfileId, StoreError};
use std::time::Duration;

/// Why the service could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no such profile.
    #[error("there is no profile `{0}`; `GET /v1/profiles` lists those there are")]
    NotFound(String),
    /// There is no such upload.
    #[error("there is no upload `{0}`: it was given up, or the service was started anew; begin another")]
    UploadNotFound(String),
    /// An upload goes on elsewhere than where it stopped.
    #[error("the upload has {expected} bytes; go on from there, not from {given}")]
    WrongOffset {
        /// Where it was to go on.
        given: u64,
        /// Where it stopped.
        expected: u64,
    },
    /// There is no such job.
    #[error("there is no job `{0}`; `GET /v1/jobs` lists those that go on")]
    JobNotFound(String),
    /// What comes would not leave enough room.
    #[error("only {free} bytes are free; delete profiles, or free space, and send it again")]
    NoRoom {
        /// What there is.
        free: u64,
    },
    /// The profile is still being taken in.
    #[error("profile `{0}` is not ready yet; follow `/v1/profiles/{0}/events` and ask again")]
    NotReady(String),
    /// The index of the profile was found damaged.
    #[error(
        "the index of profile `{0}` is damaged and is being built again; follow `/v1/profiles/{0}/events` and ask again"
    )]
    Damaged(String),
    /// What is kept has reached its limit, and nothing may be removed for more.
    #[error(
        "the limit of {max_bytes} bytes is reached, and what is left has labels; delete profiles, or raise `--max-bytes`"
    )]
    QuotaReached {
        /// The limit.
        max_bytes: u64,
    },
    /// The profile could not be taken in.
    #[error("profile `{id}` could not be indexed: {reason}")]
    Failed {
        /// Which one.
        id: String,
        /// What was wrong with it.
        reason: String,
    },
    /// Too much is being asked at once.
    #[error("too many requests are waiting; try again in {} s", retry_after.as_secs().max(1))]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The answer took longer than a question may take.
    #[error("the answer took longer than {} s; narrow the question with filters", limit.as_secs())]
    Deadline {
        /// The limit.
        limit: Duration,
    },
    /// Whoever asked has gone.
    #[error("the request was cancelled")]
    Cancelled,
    /// What came in is not what was announced.
    #[error(
        "these bytes are those of `{found}`, not of `{announced}`; hash the capture again, and send it as what it is"
    )]
    OtherBytes {
        /// The id they were to have.
        announced: ProfileId,
        /// The id they have.
        found: ProfileId,
    },
    /// What came in is not what was asked for.
    #[error("{0}")]
    Refused(String),
    /// The data directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Building or asking the index failed.
    #[error(transparent)]
    Index(IndexError),
    /// A worker panicked: the details are in the log.
    #[error("the request failed inside the service; its log says how")]
    Panicked,
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Stopped,
}

impl From<IndexError> for ServiceError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Cancelled => Self::Cancelled,
            error => Self::Index(error),
        }
    }
}

impl From<actix::MailboxError> for ServiceError {
    fn from(_: actix::MailboxError) -> Self {
        Self::Stopped
    }
}
