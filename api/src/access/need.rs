//! What a request must be allowed, by its method, its path and its parameters.

use crate::parameters::Parameters;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use bytehound_store::Scope::{self, Admin, Read, Script, Write};

/// The routes below a profile whose POST only asks.
const QUESTIONS: [&str; 10] = [
    "summary",
    "timeline",
    "groups",
    "tree",
    "flame",
    "allocations",
    "explain",
    "maps",
    "histograms",
    "backtraces",
];
/// The first parts of paths that are no files of the web UI.
const ROOMS: [&str; 5] = ["v1", "data", "list", "script", "metrics"];

/// The scopes that a request needs: none only for the web UI's own files, and for whether the service is up. What is not
/// known here needs as much as what changes something.
pub(super) fn need(request: &ServiceRequest) -> &'static [Scope] {
    // As the routes see it: they decode it.
    let path = request.match_info().as_str();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if !ROOMS.contains(&parts[0]) && is_open(request) {
        return &[];
    }
    match *request.method() {
        Method::GET | Method::HEAD if has_script(request) => &[Read, Script],
        Method::GET | Method::HEAD | Method::OPTIONS => &[Read],
        Method::POST => of_post(&parts),
        Method::DELETE if matches!(parts[..], ["v1", "profiles", _]) => &[Admin],
        _ => &[Write],
    }
}

fn of_post(parts: &[&str]) -> &'static [Scope] {
    match *parts {
        ["script"] | ["v1", "scripts"] | ["data", _, "execute_script"] => &[Script],
        ["v1", "comparisons"] => &[Read],
        ["v1", "profiles", _, question] if QUESTIONS.contains(&question) => &[Read],
        _ => &[Write],
    }
}

/// By the path as it came: no other spelling is open.
fn is_open(request: &ServiceRequest) -> bool {
    let path = request.path();
    let is_health = matches!(path, "/healthz" | "/readyz");
    request.method().is_safe() && (is_health || bytehound_webui::asset(path).is_some())
}

fn has_script(request: &ServiceRequest) -> bool {
    // Most requests have none: they need not be decoded for this.
    let query = request.query_string();
    !query.is_empty() && Parameters::parse(query).all("custom_filter").any(|script| !script.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn check(method: Method, path: &str, needed: &[Scope]) {
        let request = TestRequest::with_uri(path).method(method.clone()).to_srv_request();
        assert_eq!(need(&request), needed, "{method} {path}");
    }

    #[test]
    fn what_asks_reads_and_what_changes_writes() {
        for path in ["/list", "/data/last/tree", "/v1/profiles", "/v1/observe", "/metrics", "/no/such/path"] {
            check(Method::GET, path, &[Read]);
        }
        for path in ["/v1/comparisons", "/v1/profiles/last/groups"] {
            check(Method::POST, path, &[Read]);
        }
        for path in ["/script", "/v1/scripts", "/data/last/execute_script"] {
            check(Method::POST, path, &[Script]);
        }
        check(Method::POST, "/v1/profiles", &[Write]);
        check(Method::PATCH, "/v1/profiles/last", &[Write]);
        check(Method::PUT, "/v1/anything", &[Write]);
        check(Method::DELETE, "/v1/profiles/last", &[Admin]);
    }

    #[test]
    fn a_filter_may_be_a_script() {
        check(Method::GET, "/data/last/tree?custom_filter=allocations()", &[Read, Script]);
        check(Method::GET, "/data/last/tree?size_min=1&custom%5Ffilter=x", &[Read, Script]);
        check(Method::GET, "/data/last/tree?custom_filter=", &[Read]);
    }

    #[test]
    fn only_the_web_ui_and_the_health_of_the_service_are_open() {
        for path in ["/", "/index.html", "/healthz", "/readyz"] {
            check(Method::GET, path, &[]);
        }
        check(Method::POST, "/", &[Write]);
        for path in ["/%76%31/profiles", "/%6Cist", "//v1/profiles", "/healthz/", "/Healthz"] {
            check(Method::GET, path, &[Read]);
        }
    }
}
