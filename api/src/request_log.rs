//! Every request has an id, by which the log finds it: the client's own, or one that is made here.

use crate::metrics::Asked;
use crate::state::Api;
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::Instrument;

const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of clients are not taken over.
const ID_LEN_MAX: usize = 128;

/// Gives the request its id, which the answer carries, and notes how it went: the time until the answer begins.
pub(crate) async fn follow(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let start = Instant::now();
    let id = taken_over(request.headers()).unwrap_or_else(made);
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.path()
    );
    let mut response = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
    response.headers_mut().insert(NAME, id);
    let (elapsed, status) = (start.elapsed(), response.status());
    let request = response.request();
    if let Some(api) = request.app_data::<Api>() {
        let route = request.match_pattern();
        let asked = Asked::new(route.as_deref(), request.method(), status.as_u16());
        api.metrics.note(asked, elapsed);
    }
    span.in_scope(|| {
        let (status, ms) = (status.as_u16(), elapsed.as_secs_f64() * 1e3);
        match status {
            500.. => tracing::warn!(status, ms, "failed"),
            400.. => tracing::debug!(status, ms, "refused"),
            _ => tracing::debug!(status, ms, "answered"),
        }
    });
    Ok(response)
}

/// The client's id, if it is one that can stand in a log.
fn taken_over(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(NAME)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let is_id = (1..=ID_LEN_MAX).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
    is_id.then(|| id.clone())
}

fn made() -> HeaderValue {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the numbers have to differ.
    let number = KEYS.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_str(&format!("{number:016x}")).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_over_from(id: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(NAME, HeaderValue::from_bytes(id).unwrap());
        taken_over(&headers).is_some()
    }

    #[test]
    fn only_ids_that_can_stand_in_a_log_are_taken_over() {
        assert!(taken_over_from(b"4bf92f35-77b3:01"));
        for id in [&b""[..], b"two words", b"\xff", b"<b>", &[b'a'; ID_LEN_MAX + 1]] {
            assert!(!taken_over_from(id), "{}", String::from_utf8_lossy(id));
        }
    }

    #[test]
    fn made_ids_differ() {
        assert_ne!(made(), made());
        assert_eq!(made().len(), 16);
    }
}
