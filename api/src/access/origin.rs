//! Pages of other origins: they may change nothing, and read nothing, unless the operator told that they may.

use crate::errors::CROSS_ORIGIN;
use crate::problem::Problem;
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};

/// Stands for every origin: what Bytehound 0.11 allowed.
const ANY: &str = "*";
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS, PUT, PATCH, DELETE");

/// The origin of the page that asks, if the operator let it read.
pub(super) fn allowed(headers: &HeaderMap, told: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let text = origin.to_str().ok()?;
    told.iter().any(|told| told == ANY || told.eq_ignore_ascii_case(text)).then(|| origin.clone())
}

/// What changes something must not come from a page of another origin.
pub(super) fn check(request: &ServiceRequest, host: &str, told: &[String]) -> Result<(), Problem> {
    let Some(origin) = request.headers().get(ORIGIN).filter(|_| !request.method().is_safe()) else {
        return Ok(());
    };
    let text = origin.to_str().unwrap_or_default();
    let is_ours = text.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if is_ours || allowed(request.headers(), told).is_some() {
        return Ok(());
    }
    Err(Problem::new(&CROSS_ORIGIN, format!("`{text}` may not change anything here")))
}

/// The answer to a browser that asks whether a page may ask.
pub(super) fn preflight(request: &ServiceRequest, told: &[String]) -> Option<HttpResponse> {
    let headers = request.headers();
    let origin = allowed(headers, told).filter(|_| request.method() == Method::OPTIONS)?;
    if !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return Some(HttpResponse::BadRequest().finish());
    }
    let mut response = HttpResponse::Ok().finish();
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    open(response.headers_mut(), origin);
    Some(response)
}

/// Lets the page of this origin read an answer.
pub(super) fn open(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const HERE: &str = "127.0.0.1:8080";

    fn passes(method: Method, origin: &str, told: &[&str]) -> bool {
        let request = TestRequest::default().method(method).insert_header((ORIGIN, origin));
        let told: Vec<String> = told.iter().map(|told| (*told).to_owned()).collect();
        check(&request.to_srv_request(), HERE, &told).is_ok()
    }

    #[test]
    fn pages_of_other_origins_can_change_nothing() {
        assert!(passes(Method::POST, "http://127.0.0.1:8080", &[]));
        for origin in ["http://evil.example", "http://127.0.0.1:9090", "null", ""] {
            assert!(!passes(Method::POST, origin, &["http://friend.example"]), "{origin}");
            assert!(passes(Method::GET, origin, &[]), "{origin}");
        }
    }

    #[test]
    fn those_that_were_told_can() {
        assert!(passes(Method::POST, "http://friend.example", &["http://friend.example"]));
        assert!(passes(Method::DELETE, "http://evil.example", &[ANY]));
    }
}
