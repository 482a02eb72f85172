//! What operators look at: request ids, and the page of metrics.

use crate::support::TestServer;
use std::collections::BTreeMap;

/// The samples of the page, each line of which must be one of the format's.
fn samples(server: &TestServer) -> BTreeMap<String, f64> {
    let answer = server.get("/metrics");
    assert_eq!((answer.status, answer.content_type()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let mut samples = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            family = comment.split(' ').nth(1).unwrap().to_owned();
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(sample.starts_with(&family), "{line} is not of {family}");
        let before = samples.insert(sample.to_owned(), value.parse().unwrap());
        assert!(before.is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn the_page_of_metrics_tells_what_was_done() {
    let server = TestServer::start();
    let before = samples(&server);
    assert_eq!(before["bytehound_profiles{state=\"ready\"}"], 0.0);
    server.upload("realloc.decoded.dat");
    for _ in 0..2 {
        assert_eq!(server.get("/data/last/allocations?size_min=100&count=1").status, 200);
    }
    assert_eq!(server.get("/data/last/allocations?size_min=x").status, 400);
    let after = samples(&server);
    assert_eq!(after["bytehound_profiles{state=\"ready\"}"], 1.0);
    assert!(after["bytehound_ingest_events_total"] > 1292.0, "there are that many allocations");
    assert!(after["bytehound_stored_bytes{what=\"captures\"}"] > 0.0);
    assert!(after["bytehound_stored_bytes{what=\"segments\"}"] > 0.0);
    assert_eq!(after["bytehound_cache_misses_total{cache=\"open_profiles\"}"], 1.0);
    assert!(after["bytehound_cache_hits_total{cache=\"open_profiles\"}"] >= 1.0);
    assert_eq!(after["bytehound_actor_jobs_total{actor=\"indexer\",outcome=\"done\"}"], 1.0);
    assert_eq!(after["bytehound_actor_jobs{actor=\"query\",state=\"waiting\"}"], 0.0);
    let route = "route=\"/data/{id}/allocations\"";
    let requests = |status: u16| {
        after[&format!("bytehound_http_requests_total{{{route},method=\"GET\",status=\"{status}\"}}")]
    };
    assert_eq!((requests(200), requests(400)), (2.0, 1.0));
    let durations = "bytehound_http_request_duration_seconds";
    assert_eq!(after[&format!("{durations}_count{{{route}}}")], 3.0);
    assert_eq!(after[&format!("{durations}_bucket{{{route},le=\"+Inf\"}}")], 3.0);
}

#[test]
fn what_strangers_try_makes_the_page_no_longer() {
    let server = TestServer::start();
    let try_all = |round: u32| {
        for number in 0..20 {
            let path = format!("/{round}/{number}?{number}");
            server.raw(
                format!("M{number} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
            server.get(&format!("/v1/nothing/{round}/{number}"));
        }
    };
    samples(&server);
    try_all(1);
    let first = samples(&server).len();
    try_all(2);
    assert_eq!(samples(&server).len(), first);
}

#[test]
fn every_answer_has_the_id_of_its_request() {
    let server = TestServer::start();
    let given = server.get_with("/v1/profiles", &[("x-request-id", "deploy-7.42")]);
    assert_eq!(given.header("x-request-id"), "deploy-7.42");
    let made = |headers: &[(&str, &str)]| {
        server.get_with("/no/such/file", headers).header("x-request-id").to_owned()
    };
    let (one, two) = (made(&[]), made(&[("x-request-id", "two words")]));
    assert!(one.len() == 16 && two.len() == 16 && one != two, "{one} {two}");
}
