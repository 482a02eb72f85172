//! Reading the body of a request, within limits.

use crate::errors::{BAD_BODY, BODY_CUT_OFF, TOO_LARGE, UPLOAD_IDLE};
use crate::problem::Problem;
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, Payload};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How much, and how long, is read of a body that is refused: a client that is still writing would otherwise be cut off
/// before it reads why.
const DRAIN_BYTES_MAX: usize = 16 << 20;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// Refuses a request that announces more than `bytes_max`.
pub(crate) fn check_length(request: &HttpRequest, bytes_max: u64) -> Result<(), Problem> {
    match announced(request) {
        Some(length) if length > bytes_max => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// How many bytes a request says that it has.
pub(crate) fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next bytes of the body, unless nothing comes for as long as `idle`.
pub(crate) async fn next(payload: &mut Payload, idle: Duration) -> Result<Option<Bytes>, Problem> {
    match timeout(idle, payload.next()).await {
        Ok(chunk) => chunk.transpose().map_err(broken),
        Err(_) => Err(Problem::new(&UPLOAD_IDLE, format!("nothing came for {} s", idle.as_secs_f32()))),
    }
}

/// All of a body that is not longer than `bytes_max`, as text.
pub(crate) async fn text(payload: &mut Payload, bytes_max: usize, idle: Duration) -> Result<String, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = next(payload, idle).await? {
        if body.len() + chunk.len() > bytes_max {
            drain(payload).await;
            return Err(too_large(bytes_max as u64));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body)
        .map_err(|error| Problem::new(&BAD_BODY, format!("the body is not UTF-8: {error}")))
}

/// Reads on for a while, for nothing.
pub(crate) async fn drain(payload: &mut Payload) {
    let end = Instant::now() + DRAIN_TIME_MAX;
    let mut drained = 0;
    while let Ok(Some(Ok(chunk))) = timeout_at(end, payload.next()).await {
        drained += chunk.len();
        if drained > DRAIN_BYTES_MAX {
            return;
        }
    }
}

pub(crate) fn too_large(bytes_max: u64) -> Problem {
    Problem::new(&TOO_LARGE, format!("at most {bytes_max} bytes are taken"))
}

fn broken(error: PayloadError) -> Problem {
    let kind = if matches!(error, PayloadError::Incomplete(_)) { &BODY_CUT_OFF } else { &BAD_BODY };
    Problem::new(kind, error.to_string())
}
