//! Requests that nobody means well with: whatever they ask, the service answers, and goes on.

use crate::support::TestServer;
use std::io::Write;
use std::net::TcpStream;

/// A small generator, so that every run asks the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[(self.next() % choices.len() as u64) as usize]
    }
}

const NAMES: [&str; 63] = [
    "from",
    "to",
    "lifetime",
    "address_min",
    "address_max",
    "size_min",
    "size_max",
    "first_size_min",
    "first_size_max",
    "last_size_min",
    "last_size_max",
    "lifetime_min",
    "lifetime_max",
    "backtrace_depth_min",
    "backtrace_depth_max",
    "backtraces",
    "deallocation_backtraces",
    "mmaped",
    "arena",
    "jemalloc",
    "function_regex",
    "source_regex",
    "negative_function_regex",
    "negative_source_regex",
    "marker",
    "group_interval_min",
    "group_interval_max",
    "group_max_total_usage_first_seen_min",
    "group_max_total_usage_first_seen_max",
    "group_leaked_allocations_min",
    "group_leaked_allocations_max",
    "group_allocations_min",
    "group_allocations_max",
    "chain_length_min",
    "chain_length_max",
    "chain_lifetime_min",
    "chain_lifetime_max",
    "position_in_chain_min",
    "position_in_chain_max",
    "alive_at",
    "alive_at_2",
    "skip",
    "count",
    "sort_by",
    "order",
    "strip_template_args",
    "from_us",
    "to_us",
    "at_us",
    "points",
    "limit",
    "cursor",
    "sort",
    "custom_filter",
    "filter",
    "from_map",
    "id",
    "peak_rss_min",
    "writable",
    "generate_graphs",
    "with_regions",
    "with_usage_history",
    "bytehound",
];

const VALUES: [&str; 40] = [
    "",
    "0",
    "1",
    "50",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "1.5",
    "NaN",
    "0%25",
    "50%25",
    "4294967295%25",
    "1s",
    "4h3m2s",
    "18446744073709551615h",
    "true",
    "yes",
    "main",
    "only_leaked",
    "only_whole_group_leaked",
    "only_matched.size",
    "all.max_total_usage_first_seen_at",
    "dsc",
    "desc",
    "asc",
    "main",
    "(a{1000}){1000}",
    "%5b",
    "%ff%fe",
    "%00",
    "after-18446744073709551615",
    "%3Cimg%20onerror=1%3E",
    "only_true",
    "allocations()",
    "maps()",
    "data(%22",
    "%5B%22leaked%22%5D",
    "%5B%7B%22size%22:%7B%22at_least%22:18446744073709551615%7D%7D%5D",
];

#[test]
fn no_query_string_makes_the_service_fail() {
    let server = TestServer::start();
    let id = server.upload("realloc.decoded.dat");
    let routes = [
        "/data/last/allocation_groups".to_owned(),
        "/data/last/allocations".to_owned(),
        "/data/last/allocation_ascii_tree".to_owned(),
        "/data/last/allocation_filter_to_script".to_owned(),
        "/data/last/allocation_graph/0/full.svg".to_owned(),
        "/data/last/backtraces".to_owned(),
        "/data/last/backtrace/1".to_owned(),
        "/data/last/export/flamegraph".to_owned(),
        "/data/last/export/heaptrack/x".to_owned(),
        "/data/last/export/replay".to_owned(),
        "/data/last/maps".to_owned(),
        "/data/last/map_filter_to_script".to_owned(),
        "/data/last/map_graph/1/preview.svg".to_owned(),
        "/data/last/regions".to_owned(),
        "/data/last/tree".to_owned(),
        "/data/last/timeline".to_owned(),
        format!("/v1/profiles/{id}/allocations"),
        format!("/v1/profiles/{id}/backtraces"),
        format!("/v1/profiles/{id}/groups"),
        format!("/v1/profiles/{id}/maps"),
        format!("/v1/profiles/{id}/timeline"),
        format!("/v1/profiles/{id}/tree"),
        "/v1/profiles".to_owned(),
        "/list".to_owned(),
    ];
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut answered = 0;
    for _ in 0..2000 {
        let route = random.of(&routes);
        let pairs = (0..=random.next() % 3).map(|_| format!("{}={}", random.of(&NAMES), random.of(&VALUES)));
        let path = format!("{route}?{}", pairs.collect::<Vec<_>>().join("&"));
        let answer = server.get(&path);
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
        answered += u32::from(answer.status == 200);
    }
    assert!(answered > 200, "hardly anything was asked properly: {answered}");
    assert_eq!(server.get("/v1/observe").json()["query"]["panicked"], 0);
}

#[test]
fn no_path_makes_the_service_fail() {
    let server = TestServer::start();
    let long = format!("/data/{}/timeline", "a".repeat(20_000));
    let ids = [
        "",
        "..",
        "%2e%2e%2f",
        "%00",
        "p_",
        "LAST",
        "last%20",
        "%F0%9F%92%A9",
        "ffffffffffffffffffffffffffffffff0",
    ];
    for id in ids {
        for path in [format!("/data/{id}/timeline"), format!("/v1/profiles/{id}/groups"), format!("/{id}")] {
            let answer = server.raw(
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
            );
            assert!(
                answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 200"),
                "{path}: {answer}"
            );
        }
    }
    assert_eq!(server.get(&long).status, 404);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn bytes_that_are_no_request_are_turned_away() {
    let server = TestServer::start();
    let mut random = Random(42);
    for _ in 0..50 {
        let bytes: Vec<u8> = (0..200).map(|_| (random.next() >> 32) as u8).collect();
        let answer = server.cut_off(&bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn clients_that_hang_up_do_not_keep_the_service_busy() {
    let server = TestServer::start();
    server.upload("simulation.decoded.dat");
    for _ in 0..40 {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.write_all(b"GET /data/last/allocation_groups HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    while server.get("/v1/observe").json()["query"]["running"] != 0 {}
    assert_eq!(server.get("/data/last/allocation_groups?count=1").status, 200);
}
