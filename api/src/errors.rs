//! The error table: every way in which a request can fail, with its status, its code and its title.

use crate::problem::{Kind, Problem};
use bytehound_actors::ServiceError;
use bytehound_index::IndexError;
use bytehound_store::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

macro_rules! table {
    ($($name:ident $status:literal $code:literal $title:literal)*) => {
        $(pub(crate) const $name: Kind = Kind { status: $status, code: $code, title: $title };)*

        /// All of them.
        pub(crate) const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

table! {
    BAD_REQUEST        400 "bad_request"         "The request makes no sense"
    BAD_PARAMETER      400 "bad_parameter"       "A parameter has no usable value"
    UNKNOWN_PARAMETER  400 "unknown_parameter"   "There is no such parameter"
    BAD_FILTER         400 "bad_filter"          "The filter cannot be understood"
    BAD_REGEX          400 "bad_regex"           "Not a usable regular expression"
    BAD_BODY           400 "bad_body"            "The body cannot be read"
    BODY_CUT_OFF       400 "body_cut_off"        "The body ended too early"
    UNEVEN_SIDES       400 "uneven_sides"        "The two sides cannot be compared"
    UNAUTHORIZED       401 "unauthorized"        "A token is needed"
    CROSS_ORIGIN       403 "cross_origin"        "Not from another site"
    FORBIDDEN          403 "forbidden"           "The token does not allow this"
    PROFILE_NOT_FOUND  404 "profile_not_found"   "No such profile"
    BACKTRACE_NOT_FOUND 404 "backtrace_not_found" "No such backtrace"
    MAP_NOT_FOUND      404 "map_not_found"       "No such map"
    UPLOAD_NOT_FOUND   404 "upload_not_found"    "No such upload"
    JOB_NOT_FOUND      404 "job_not_found"       "No such job"
    ARTIFACT_NOT_FOUND 404 "artifact_not_found"  "No such picture"
    UNKNOWN_ROUTE      404 "unknown_route"       "No such route"
    UNKNOWN_METHOD     405 "method_not_allowed"  "Method not allowed"
    UPLOAD_IDLE        408 "upload_idle"         "The upload stopped"
    PROFILE_FAILED     409 "profile_failed"      "The profile could not be indexed"
    WRONG_OFFSET       409 "wrong_offset"        "Not where the upload stopped"
    UPLOAD_SUPERSEDED  409 "upload_superseded"   "The upload goes on elsewhere"
    CAPTURE_GONE       410 "capture_gone"        "The capture is not there any more"
    KEPT_ALREADY       412 "kept_already"        "These bytes are kept already"
    TOO_LARGE          413 "too_large"           "The body is too large"
    QUERY_TOO_LONG     414 "query_too_long"      "The query string is too long"
    BAD_ENCODING       415 "unsupported_encoding" "Unknown content encoding"
    BAD_RANGE          416 "bad_range"           "No such part"
    WRONG_HOST         421 "wrong_host"          "Not a name of this server"
    NOT_A_PROFILE      422 "not_a_profile"       "Not a capture"
    OTHER_BYTES        422 "digest_mismatch"     "Not the bytes that were announced"
    NOT_READY          423 "not_ready"           "The profile is not ready yet"
    OVERLOADED         429 "overloaded"          "Too many requests at once"
    INTERNAL           500 "internal"            "The service failed"
    CANCELLED          503 "cancelled"           "The request was cancelled"
    DRAINING           503 "draining"            "The service is shutting down"
    DEADLINE           504 "deadline"            "The answer took too long"
    DISK_FULL          507 "disk_full"           "The data directory is full"
}

/// When to ask again about a profile that is being taken in.
const NOT_READY_WAIT: Duration = Duration::from_secs(1);

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match error {
            ServiceError::NotFound(_) => Self::new(&PROFILE_NOT_FOUND, text),
            ServiceError::UploadNotFound(_) => Self::new(&UPLOAD_NOT_FOUND, text),
            ServiceError::WrongOffset { .. } => Self::new(&WRONG_OFFSET, text),
            ServiceError::JobNotFound(_) => Self::new(&JOB_NOT_FOUND, text),
            ServiceError::NoRoom { .. } => Self::new(&DISK_FULL, text),
            ServiceError::NotReady(_) => Self::new(&NOT_READY, text).retry_after(NOT_READY_WAIT),
            ServiceError::Damaged(_) => Self::new(&NOT_READY, text).retry_after(NOT_READY_WAIT),
            ServiceError::QuotaReached { .. } => Self::new(&DISK_FULL, text),
            ServiceError::Failed { .. } => Self::new(&PROFILE_FAILED, text),
            ServiceError::Overloaded { retry_after } => Self::new(&OVERLOADED, text).retry_after(retry_after),
            ServiceError::Deadline { .. } => Self::new(&DEADLINE, text),
            ServiceError::Cancelled => Self::new(&CANCELLED, text),
            ServiceError::OtherBytes { .. } => Self::new(&OTHER_BYTES, text),
            ServiceError::Refused(reason) => Self::new(&BAD_REQUEST, reason),
            ServiceError::Stopped => Self::new(&DRAINING, text),
            ServiceError::Store(error) => error.into(),
            ServiceError::Index(error) => error.into(),
            error => internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchProfile(_) => Self::new(&PROFILE_NOT_FOUND, error.to_string()),
            StoreError::NotFound { .. } | StoreError::Changed { .. } => {
                tracing::warn!(%error, "a capture or an index is gone");
                Self::new(&CAPTURE_GONE, "it was deleted or replaced where it lay; take it in again")
            }
            error if error.is_full_disk() => {
                tracing::error!(%error, "the data directory is full");
                Self::new(&DISK_FULL, "there is no room left for this; delete profiles, or free space")
            }
            error => internal(&error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        let text = error.to_string();
        match error {
            IndexError::Regex { .. } => Self::new(&BAD_REGEX, text),
            IndexError::UnevenSides { .. } => Self::new(&UNEVEN_SIDES, text),
            IndexError::NotReady { .. } => Self::new(&NOT_READY, text).retry_after(NOT_READY_WAIT),
            IndexError::Cancelled => Self::new(&CANCELLED, text),
            IndexError::Deadline => Self::new(&DEADLINE, text),
            IndexError::Store(error) => error.into(),
            error => internal(&error),
        }
    }
}

/// What only the log may tell: the answer has the number under which it is found there.
pub(crate) fn internal(error: &dyn std::fmt::Display) -> Problem {
    static FAILURES: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the numbers have to differ; the time keeps those of another run apart.
    let number = FAILURES.fetch_add(1, Ordering::Relaxed);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let id = format!("{seconds:x}-{number:x}");
    tracing::error!(id, %error, "a request failed");
    Problem::new(&INTERNAL, format!("the service's log has the reason, under `{id}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use std::collections::HashSet;
    use std::io;

    #[test]
    fn every_code_is_there_once_and_its_status_is_an_error() {
        let codes: HashSet<_> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| (400..600).contains(&kind.status)));
    }

    #[test]
    fn the_text_of_an_internal_error_stays_in_the_log() {
        let secret = StoreError::Corrupt { what: "`/home/somebody/segment`".to_owned() };
        let problem = Problem::from(ServiceError::Store(secret));
        assert_eq!(problem.status_code(), 500);
        assert!(!problem.detail.contains("somebody"), "{}", problem.detail);
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error = StoreError::Io { what: "write", path: "/secret/blob".into(), source };
        let problem = Problem::from(ServiceError::Store(error));
        assert_eq!(problem.kind, &DISK_FULL);
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn a_capture_that_was_replaced_is_gone_and_its_path_stays_in_the_log() {
        let problem = Problem::from(StoreError::Changed { path: "/secret/capture".into() });
        assert_eq!((problem.kind, problem.status_code().as_u16()), (&CAPTURE_GONE, 410));
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn whoever_comes_too_early_is_told_when_to_come_back() {
        let answer = Problem::from(ServiceError::NotReady("p_x".to_owned())).error_response();
        assert_eq!(answer.status(), 423);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "1");
    }

    #[test]
    fn a_profile_that_failed_says_why() {
        let failed =
            ServiceError::Failed { id: "p_x".to_owned(), reason: "no room for its frames".to_owned() };
        let problem = Problem::from(failed);
        assert_eq!(problem.status_code(), 409);
        assert!(problem.detail.contains("no room for its frames"));
    }
}
