//! What goes wrong, and how it is told: `/v1` in problem documents, the original's routes in plain text.

use crate::support::TestServer;
use serde_json::json;

const UNKNOWN: &str = "p_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn v1_tells_each_problem_with_status_and_code() {
    let server = TestServer::start();
    let id = server.upload("realloc.raw.dat");
    for (path, status, code) in [
        ("/v1/profiles?selector=x", 400, "unknown_parameter"),
        ("/v1/profiles?label=x", 400, "bad_parameter"),
        ("/v1/profiles?state=done", 400, "bad_parameter"),
        (&format!("/v1/profiles/{UNKNOWN}/data"), 404, "profile_not_found"),
        ("/v1/profiles/nonsense", 404, "profile_not_found"),
        (&format!("/v1/profiles/{UNKNOWN}"), 404, "profile_not_found"),
        (&format!("/v1/profiles/{UNKNOWN}/events"), 404, "profile_not_found"),
        (&format!("/v1/profiles/{UNKNOWN}/timeline"), 404, "profile_not_found"),
        (&format!("/v1/profiles/{UNKNOWN}/groups"), 404, "profile_not_found"),
        (&format!("/v1/profiles/{id}/timeline?from_us=x"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/timeline?from_us=2&to_us=1"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/timeline?point=1"), 400, "unknown_parameter"),
        (&format!("/v1/profiles/{id}/groups?sort=size"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/groups?order=dsc"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/groups?cursor=7"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/groups?limit=1&limit=1"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/groups?filter=leaked"), 400, "bad_filter"),
        (
            &format!("/v1/profiles/{id}/groups?filter=%5B%22leaked%22%5D&sort=peak_bytes"),
            400,
            "bad_parameter",
        ),
        (&format!("/v1/profiles/{id}/groups?filter=%5B%22leak%22%5D"), 400, "bad_filter"),
        (
            &format!("/v1/profiles/{id}/tree?filter=%5B%7B%22passing_through_function%22:%22(%22%7D%5D"),
            400,
            "bad_filter",
        ),
        (&format!("/v1/profiles/{id}/maps?filter=%5B%7B%22marker%22:1%7D%5D"), 400, "bad_filter"),
        (&format!("/v1/profiles/{id}/allocations?sort=id"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/flame?format=png"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/summary?limit=x"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/maps/99999"), 404, "map_not_found"),
        (&format!("/v1/profiles/{id}/maps/x"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/backtraces/99999"), 404, "backtrace_not_found"),
        (&format!("/v1/profiles/{id}/backtraces/x"), 400, "bad_parameter"),
        (&format!("/v1/profiles/{id}/nothing"), 404, "unknown_route"),
        ("/v1/nothing", 404, "unknown_route"),
        ("/v1/artifacts/0123/x.svg", 404, "artifact_not_found"),
        ("/v1/comparisons", 405, "method_not_allowed"),
        ("/script", 405, "method_not_allowed"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.content_type(), "application/problem+json", "{path}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{path}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}");
    }
}

#[test]
fn bodies_that_make_no_sense_are_told() {
    let server = TestServer::start();
    let id = server.upload("realloc.raw.dat");
    let side = json!({"profiles": [id]});
    for (path, body, status, code) in [
        ("/v1/profiles/last/groups", json!([]), 400, "bad_body"),
        ("/v1/profiles/last/groups", json!({"sorted": "size"}), 400, "unknown_parameter"),
        ("/v1/profiles/last/groups", json!({"filter": {"size": 1}}), 400, "bad_filter"),
        ("/v1/profiles/last/groups", json!({"filter": vec!["leaked"; 101]}), 400, "bad_filter"),
        ("/v1/profiles/last/groups?limit=1", json!({}), 400, "unknown_parameter"),
        ("/v1/profiles/last/tree", json!({"filter": "x".repeat(2 << 20)}), 413, "too_large"),
        ("/v1/comparisons", json!({}), 400, "bad_body"),
        ("/v1/comparisons", json!({"base": side, "new": side, "by": 1}), 400, "bad_body"),
        ("/v1/comparisons", json!({"base": side, "new": {"profiles": []}}), 400, "uneven_sides"),
        ("/v1/comparisons", json!({"base": side, "new": {"profiles": ["p_x"]}}), 404, "profile_not_found"),
        ("/v1/comparisons", json!({"base": side, "new": {"labels": {"a": "b"}}}), 404, "profile_not_found"),
        ("/v1/comparisons", json!({"base": side, "new": side, "sort": "size"}), 400, "bad_body"),
        ("/v1/scripts", json!({"scripts": ""}), 400, "bad_body"),
        ("/v1/scripts", json!({"script": "", "profiles": ["x"]}), 404, "profile_not_found"),
        ("/v1/scripts", json!({"script": "", "args": ["x"]}), 400, "bad_request"),
        ("/v1/scripts", json!({"script": "//".repeat(140_000)}), 413, "too_large"),
    ] {
        let answer = server.post_json(path, &body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(answer.json()["code"], code, "{body}");
    }
    let text = server.post("/script", b"\xff", &[]);
    assert_eq!((text.status, text.json()["code"].as_str()), (400, Some("bad_body")));
}

#[test]
fn the_routes_of_the_original_tell_it_in_plain_text() {
    let server = TestServer::start();
    let nothing = server.get("/data/last/timeline");
    assert_eq!((nothing.status, nothing.text().as_str()), (404, "data not found"));
    server.upload("realloc.raw.dat");
    let groups = "/data/last/allocation_groups";
    for (path, status, text) in [
        ("/data/ffffffffffffffffffffffffffffffff/timeline", 404, "data not found"),
        ("/data/nonsense/allocation_groups", 404, "data not found"),
        ("/data/last/script_files/0123/x.svg", 404, "file not found"),
        (&format!("{groups}?size_min=x"), 400, "invalid digit found in string"),
        (&format!("{groups}?size_min=1&size_min=1"), 400, "duplicate field `size_min`"),
        (&format!("{groups}?generate_graphs=1"), 400, "provided string was not `true` or `false`"),
        (&format!("{groups}?mmaped=maybe"), 400, "unknown variant `maybe`, expected `yes` or `no`"),
        (&format!("{groups}?lifetime_min=x"), 400, "not a valid interval"),
        (&format!("{groups}?from=x%25"), 400, "not a valid percentage"),
        (&format!("{groups}?group_leaked_allocations_min=x"), 400, "not a valid number"),
        (&format!("{groups}?from_map=x"), 400, "invalid digit found in string"),
        ("/data/last/backtrace/x", 400, "invalid digit found in string"),
        ("/data/last/backtrace/4294967295", 404, "backtrace not found"),
        ("/data/last/map_graph/4294967295/full.svg", 404, "map not found"),
        ("/data/last/map_graph/0/huge.svg", 400, "expected `full.svg` or `preview.svg`"),
        ("/data/last/allocations?order=up", 400, "unknown variant `up`, expected `asc` or `dsc`"),
        (
            "/data/last/maps?lifetime=only_chain_leaked",
            400,
            "unknown variant `only_chain_leaked`, expected one of `all`, `only_leaked`, `only_temporary`",
        ),
        (
            "/data/last/allocations?custom_filter=maps()",
            400,
            "failed to evaluate custom filter: expected 'AllocationList', got 'MapList'",
        ),
        (
            "/data/last/maps?custom_filter=allocations()",
            400,
            "failed to evaluate custom filter: expected 'MapList', got 'AllocationList'",
        ),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.content_type(), "text/plain; charset=utf-8", "{path}");
        assert_eq!(answer.text(), text, "{path}");
    }
    let regex = server.get(&format!("{groups}?function_regex=("));
    assert_eq!(regex.status, 400);
    assert!(regex.text().starts_with("invalid 'function_regex': regex parse error"), "{}", regex.text());
    assert_eq!(server.get(&format!("{groups}?unknown=1&count=0")).status, 200);
    let no_such_map = server.get(&format!("{groups}?from_map=4294967296"));
    assert_eq!((no_such_map.status, no_such_map.json()["total_count"].as_u64()), (200, Some(0)));
}

#[test]
fn strangers_are_not_let_in() {
    let server = TestServer::start();
    let ask = |method: &str, path: &str, headers: &str| {
        server.raw(
            format!("{method} {path} HTTP/1.1\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
    };
    let rebound = ask("GET", "/v1/profiles", "Host: evil.example\r\n");
    assert!(rebound.starts_with("HTTP/1.1 421"), "{rebound}");
    let across = ask("POST", "/script", "Host: localhost\r\nOrigin: http://evil.example\r\n");
    assert!(across.starts_with("HTTP/1.1 403"), "{across}");
    let ours = ask("GET", "/v1/profiles", "Host: localhost\r\nOrigin: http://evil.example\r\n");
    assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
    for answer in [rebound, across, ours] {
        let answer = answer.to_ascii_lowercase();
        assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        assert!(answer.contains("\r\ncontent-security-policy: default-src 'none';"), "{answer}");
        assert!(answer.contains("\r\nx-content-type-options: nosniff"), "{answer}");
    }
}

#[test]
fn an_address_that_is_taken_is_recognisable() {
    let server = TestServer::start();
    let options = bytehound_api::ApiOptions { port: server.address.port(), ..Default::default() };
    let kind = actix_web::rt::System::new().block_on(async {
        let store = bytehound_store::Store::temporary().unwrap();
        let service = bytehound_actors::Service::start(store, Default::default());
        bytehound_api::server(service, options).err().map(|error| error.kind())
    });
    assert_eq!(kind, Some(std::io::ErrorKind::AddrInUse));
}
