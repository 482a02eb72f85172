//! Who is let in, and that nothing is done for who is not.

use crate::support::{Answer, TestServer, golden};
use bytehound_api::ApiOptions;
use bytehound_store::Scope;
use serde_json::json;

/// A method, a path, a body, and the scope that they need.
const REQUESTS: [(&str, &str, &str, Scope); 15] = [
    ("GET", "/list", "", Scope::Read),
    ("GET", "/data/last/allocation_groups", "", Scope::Read),
    ("GET", "/v1/profiles", "", Scope::Read),
    ("GET", "/v1/profiles/last/data", "", Scope::Read),
    ("GET", "/v1/observe", "", Scope::Read),
    ("GET", "/metrics", "", Scope::Read),
    ("POST", "/v1/profiles/last/groups", "{}", Scope::Read),
    ("POST", "/v1/comparisons", "{}", Scope::Read),
    ("POST", "/v1/profiles", "no capture", Scope::Write),
    ("PUT", "/v1/profiles/last", "no capture", Scope::Write),
    ("PATCH", "/v1/profiles/last", "{}", Scope::Write),
    ("POST", "/script", "println(1)", Scope::Script),
    ("POST", "/v1/scripts", "println(1)", Scope::Script),
    ("POST", "/data/last/execute_script", "println(1)", Scope::Script),
    ("DELETE", "/v1/profiles/last", "", Scope::Admin),
];

fn guarded() -> TestServer {
    TestServer::with(ApiOptions { require_token: true, ..Default::default() })
}

/// Sends a request as it is; gives its status and all that was answered.
fn ask(server: &TestServer, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let answer = server.raw(request.as_bytes());
    (answer[9..12].parse().unwrap(), answer)
}

/// What the actors have done, which whoever may read may know.
fn jobs(server: &TestServer, authorization: &str) -> serde_json::Value {
    server.get_with("/v1/observe", &[("authorization", authorization)]).json()
}

fn metric(page: &str, sample: &str) -> u64 {
    let line =
        page.lines().find(|line| line.starts_with(sample)).unwrap_or_else(|| panic!("{sample}: {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn whoever_may_read_may_put_every_question_in_a_body_too() {
    let server = guarded();
    let (_, read) = server.token(&[Scope::Read]);
    let headers = [("authorization", read.as_str())];
    let document = server.get_with("/v1/openapi.json", &headers).json();
    let is_question = |methods: &serde_json::Value| {
        methods["post"]["operationId"].as_str().is_some_and(|name| name.ends_with("_by_body"))
    };
    let paths = document["paths"].as_object().unwrap();
    let questions: Vec<_> = paths.iter().filter(|(_, methods)| is_question(methods)).collect();
    assert!(questions.len() >= 10, "{questions:?}");
    for (path, _) in questions {
        let body = Some(("application/json", b"{}".as_slice()));
        let answer = server.request_with("post", &path.replace("{id}", "last"), body, &headers);
        assert_eq!(answer.status, 404, "{path}: there is no profile to ask, and nothing else is wrong");
    }
}

#[test]
fn without_a_token_nothing_is_told_and_nothing_is_done() {
    let server = guarded();
    let (_, admin) = server.token(&[Scope::Admin]);
    let before = jobs(&server, &admin);
    for (method, path, body, _) in REQUESTS {
        for header in ["", "Authorization: Bearer bh_guessed\r\n", "Authorization: Basic YTpi\r\n"] {
            let (status, answer) = ask(&server, method, path, header, body);
            assert_eq!(status, 401, "{method} {path}: {answer}");
            assert!(answer.contains("\"code\":\"unauthorized\""), "{answer}");
            assert!(answer.to_ascii_lowercase().contains("\r\nwww-authenticate: bearer"), "{answer}");
        }
    }
    assert_eq!(jobs(&server, &admin), before);
    let page = server.get_with("/metrics", &[("authorization", &admin)]).text();
    let refused = "bytehound_http_requests_total{route=\"/script\",method=\"POST\",status=\"401\"}";
    assert_eq!(metric(&page, refused), 3);
    assert_eq!(metric(&page, "bytehound_ingest_events_total"), 0);
    assert_eq!(metric(&page, "bytehound_cache_misses_total{cache=\"open_profiles\"}"), 0);
}

#[test]
fn a_token_allows_what_its_scopes_say_and_no_more() {
    let server = guarded();
    for has in Scope::ALL {
        let (_, authorization) = server.token(&[has]);
        let header = format!("Authorization: {authorization}\r\n");
        for (method, path, body, needs) in REQUESTS {
            let (status, answer) = ask(&server, method, path, &header, body);
            let is_let_in = has == needs || has == Scope::Admin;
            assert_eq!(status != 403, is_let_in, "{has}: {method} {path}: {answer}");
            assert!(is_let_in || answer.contains("\"code\":\"forbidden\""), "{answer}");
            assert_ne!(status, 401, "{has}: {method} {path}");
        }
    }
}

#[test]
fn a_filter_that_is_a_script_needs_both_scopes() {
    let server = guarded();
    let path = "/data/last/allocations?custom_filter=allocations()";
    for (scopes, status) in
        [(&[Scope::Read][..], 403), (&[Scope::Script], 403), (&[Scope::Read, Scope::Script], 404)]
    {
        let (_, authorization) = server.token(scopes);
        assert_eq!(server.get_with(path, &[("authorization", &authorization)]).status, status, "{scopes:?}");
    }
}

#[test]
fn a_revoked_token_is_none_from_the_next_request_on() {
    let server = guarded();
    let (id, authorization) = server.token(&[Scope::Read]);
    let status = || server.get_with("/v1/profiles", &[("authorization", &authorization)]).status;
    assert_eq!(status(), 200);
    server.revoke(&id);
    assert_eq!(status(), 401);
}

#[test]
fn whoever_comes_over_a_network_needs_a_token_but_for_the_page_that_asks_for_it() {
    let server = TestServer::with(ApiOptions { interface: "0.0.0.0".to_owned(), ..Default::default() });
    assert_eq!(server.get("/v1/profiles").status, 401);
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    for path in ["/%76%31/profiles", "/%6Cist", "//v1/profiles", "/metrics", "/no/such/file.js"] {
        assert_eq!(ask(&server, "GET", path, "", "").0, 401, "{path}");
    }
    assert_eq!(TestServer::start().get("/v1/profiles").status, 200);
}

#[test]
fn a_wrong_host_is_refused_whatever_token_it_brings() {
    let server = guarded();
    let (_, admin) = server.token(&[Scope::Admin]);
    let before = jobs(&server, &admin);
    let request = format!(
        "POST /script HTTP/1.1\r\nHost: evil.example\r\nAuthorization: {admin}\r\nContent-Length: 10\r\nConnection: close\r\n\r\nprintln(1)"
    );
    let answer = server.raw(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    assert_eq!(jobs(&server, &admin), before);
    let named =
        TestServer::with(ApiOptions { host_names: vec!["profiles.lan".to_owned()], ..Default::default() });
    let answer =
        named.raw(b"GET /v1/profiles HTTP/1.1\r\nHost: profiles.lan:80\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_is_too_large_is_refused_before_anything_is_done() {
    let limits = ApiOptions {
        max_upload_bytes: 1000,
        max_script_bytes: 100,
        max_json_bytes: 200,
        max_query_bytes: 300,
        ..Default::default()
    };
    let server = TestServer::with(limits);
    let before = server.get("/v1/observe").json();
    let capture = golden("realloc.raw.dat");
    let json = json!({"script": "//".repeat(150)}).to_string();
    for (path, body, content_type) in [
        ("/v1/profiles", &capture[..], "application/octet-stream"),
        ("/script", &[b'/'; 101], "text/plain"),
        ("/v1/scripts", json.as_bytes(), "application/json"),
        ("/data/last/execute_script", &[b'/'; 101], "text/plain"),
    ] {
        let refused = server.post(path, body, &[("content-type", content_type)]);
        assert!(matches!(refused.status, 413 | 404), "{path}: {}", refused.text());
    }
    let long = server.get(&format!("/data/last/tree?x={}", "a".repeat(300)));
    assert_eq!((long.status, long.json()["code"].as_str()), (414, Some("query_too_long")));
    assert_eq!(server.get("/v1/observe").json(), before);
}

#[test]
fn pages_of_other_origins_read_nothing_unless_they_may() {
    let origin =
        |server: &TestServer, origin: &str| -> Answer { server.get_with("/list", &[("origin", origin)]) };
    let preflight = "Origin: http://a.example\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let closed = TestServer::start();
    assert_eq!(origin(&closed, "http://a.example").header("access-control-allow-origin"), "");
    assert_eq!(ask(&closed, "OPTIONS", "/data/last/execute_script", preflight, "").0, 405);

    let friends = ApiOptions { cors_origins: vec!["http://a.example".to_owned()], ..Default::default() };
    let named = TestServer::with(friends);
    let answer = origin(&named, "http://a.example");
    assert_eq!(answer.header("access-control-allow-origin"), "http://a.example");
    assert_eq!(answer.header("vary"), "Origin");
    assert_eq!(origin(&named, "http://b.example").header("access-control-allow-origin"), "");
    let script = |origin: &str| named.post("/script", b"", &[("origin", origin)]).status;
    assert_eq!((script("http://a.example"), script("http://b.example")), (404, 403));

    let open = TestServer::with(ApiOptions { cors_origins: vec!["*".to_owned()], ..Default::default() });
    assert_eq!(origin(&open, "http://b.example").header("access-control-allow-origin"), "http://b.example");
    let (status, answer) = ask(&open, "OPTIONS", "/data/last/execute_script", preflight, "");
    let answer = answer.to_ascii_lowercase();
    assert_eq!(status, 200, "{answer}");
    for header in [
        "access-control-allow-origin: http://a.example",
        "access-control-allow-headers: authorization",
        "access-control-allow-methods: get, head, post, options, put, patch, delete",
        "vary: origin",
    ] {
        assert!(answer.contains(&format!("\r\n{header}\r\n")), "{header}: {answer}");
    }
    assert_eq!(ask(&open, "OPTIONS", "/list", "Origin: http://a.example\r\n", "").0, 400);
}
