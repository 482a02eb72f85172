//! Who is let in, and what every answer carries.
//!
//! The service listens on this machine for its owner's browser, in which pages of strangers run too. A page whose name
//! was made to point here (DNS rebinding) is told from ours by the `Host` it asks for; a page that sends requests across
//! by its `Origin`. Neither gets an answer, so there is nothing for CORS to open.

use crate::errors::{CROSS_ORIGIN, WRONG_HOST};
use crate::problem::Problem;
use crate::state::Api;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};
use std::net::IpAddr;

/// What pages of the web UI may do: nothing but what comes from here, and no script that stands in a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Turns away requests that no page of ours, and no program of the owner's, would send.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let refused = {
        let api = request.app_data::<Api>();
        let own: &[String] = api.map_or(&[], |api| &api.options.host_names);
        let interface = api.map_or("", |api| api.options.interface.as_str());
        let is_ours = |name: &str| name == interface || own.iter().any(|own| own.eq_ignore_ascii_case(name));
        let changes = !request.method().is_safe();
        host(request.headers(), is_ours).and_then(|host| origin(request.headers(), host, changes)).err()
    };
    match refused {
        Some(problem) => Ok(request.into_response(problem.error_response())),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

/// Adds the headers of every answer, where the handler has not set its own.
pub(crate) async fn dress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    for (name, value) in HEADERS {
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// The host that is asked for, which must be a name of this machine that nobody else can give away.
fn host(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> Result<&str, Problem> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = name_of(host);
    let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let is_local =
        name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    if is_address || is_local || is_ours(name) {
        return Ok(host);
    }
    Err(Problem::new(&WRONG_HOST, format!("`{host}` is not a name of this server; ask by its address")))
}

/// What changes something must not come from a page of another origin.
fn origin(headers: &HeaderMap, host: &str, changes: bool) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| changes) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    match origin.split_once("://") {
        Some((_, authority)) if authority.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Problem::new(&CROSS_ORIGIN, format!("`{origin}` may not change anything here"))),
    }
}

/// Without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        headers
    }

    fn passes(host_name: &str, from: Option<&str>, changes: bool) -> bool {
        let headers = headers(host_name, from);
        host(&headers, |name| name == "profiler.lan").and_then(|host| origin(&headers, host, changes)).is_ok()
    }

    #[test]
    fn addresses_and_our_own_names_are_let_in() {
        for name in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "10.0.0.7",
            "a.localhost",
            "profiler.lan:80",
        ] {
            assert!(passes(name, None, true), "{name}");
        }
    }

    #[test]
    fn names_that_others_can_point_here_are_not() {
        for name in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!passes(name, None, false), "{name}");
        }
    }

    #[test]
    fn pages_of_other_origins_can_change_nothing() {
        let here = "127.0.0.1:8080";
        assert!(passes(here, Some("http://127.0.0.1:8080"), true));
        for origin in ["http://evil.example", "http://127.0.0.1:9090", "null", ""] {
            assert!(!passes(here, Some(origin), true), "{origin}");
            assert!(passes(here, Some(origin), false), "{origin}");
        }
    }
}
