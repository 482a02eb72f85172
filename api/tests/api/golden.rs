//! The routes of Bytehound 0.11, against what it answered itself.

use crate::support::{TestServer, golden};
use serde_json::Value;
use std::collections::HashSet;

/// Directory of the answers, and the capture they are of.
const CAPTURES: [(&str, &str); 8] = [
    ("cull", "cull.decoded.dat"),
    ("mmap", "mmap.decoded.dat"),
    ("mmap.raw", "mmap.raw.dat"),
    ("realloc", "realloc.decoded.dat"),
    ("realloc.raw", "realloc.raw.dat"),
    ("simulation", "simulation.decoded.dat"),
    ("startstop", "startstop.decoded.dat"),
    ("threads", "threads.decoded.dat"),
];

/// What this crate answers of what was recorded.
const ROUTES: [&str; 4] = ["/list", "/timeline", "/timeline_leaked", "/allocation_groups"];

#[test]
fn every_answer_is_the_same_field_by_field() {
    for (name, capture) in CAPTURES {
        let server = TestServer::start();
        server.upload(capture);
        let recorded: Vec<Value> = serde_json::from_slice(&golden(&format!("{name}/rest.json"))).unwrap();
        let ours = recorded.iter().filter(|recorded| {
            let route = recorded["path"].as_str().unwrap().split('?').next().unwrap();
            ROUTES.iter().any(|ours| route.ends_with(ours))
        });
        let checked = ours.map(|recorded| check(&server, name, recorded)).count();
        assert_eq!(checked, 7, "{name}");
    }
}

fn check(server: &TestServer, name: &str, recorded: &Value) {
    let path = recorded["path"].as_str().unwrap();
    let at = format!("{name}: {path}");
    let answer = server.get(path);
    assert_eq!(answer.status, recorded["status"], "{at}");
    assert_eq!(answer.content_type(), recorded["content_type"], "{at}");
    let file = recorded["file"].as_str().unwrap();
    let mut expected: Value = serde_json::from_slice(&golden(&format!("{name}/{file}"))).unwrap();
    let mut ours = answer.json();
    if path == "/list" {
        // The NUL after the last argument was shown as a space: no argument is there.
        let shown = expected[0]["cmdline"].as_str().unwrap().trim_end().to_owned();
        expected[0]["cmdline"] = shown.into();
    }
    if path.contains("allocation_groups") {
        let reallocating = reallocating_backtraces(server);
        set_aside_peaks(&mut ours, &reallocating, path);
        set_aside_peaks(&mut expected, &reallocating, path);
    }
    same(&at, &ours, &expected);
}

/// Backtraces whose allocations came from a realloc, or ended in one.
fn reallocating_backtraces(server: &TestServer) -> HashSet<u64> {
    let groups = server.get("/data/last/allocation_groups?chain_length_min=2").json();
    groups["allocations"].as_array().unwrap().iter().map(backtrace).collect()
}

fn backtrace(group: &Value) -> u64 {
    group["backtrace_id"].as_u64().unwrap()
}

/// Of a realloc, the original gave the difference of the sizes to the new stack and left the old one as it was; here
/// every stack has what its own blocks use. So these stacks peak at other times, and come at another place where
/// that time decides.
fn set_aside_peaks(answer: &mut Value, reallocating: &HashSet<u64>, path: &str) {
    let groups = answer["allocations"].as_array_mut().unwrap();
    for group in groups.iter_mut().filter(|group| reallocating.contains(&backtrace(group))) {
        let all = group["all"].as_object_mut().unwrap();
        all.retain(|field, _| !field.starts_with("max_total_usage_first_seen_at"));
    }
    if path.contains("sort_by=all.max_total_usage_first_seen_at") {
        groups.sort_by_key(|group| Some(backtrace(group)).filter(|id| reallocating.contains(id)));
    }
}

fn same(at: &str, ours: &Value, expected: &Value) {
    match (ours, expected) {
        (Value::Array(ours), Value::Array(expected)) => {
            assert_eq!(ours.len(), expected.len(), "{at}");
            for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
                same(&format!("{at}[{index}]"), ours, expected);
            }
        }
        (Value::Object(ours), Value::Object(expected)) => {
            // Without binaries the original did not even say in which library a frame lies; the memory map does.
            let is_more =
                |key: &&String| at.contains(".raw: ") && *key == "library" && !expected.contains_key(*key);
            let names: Vec<_> = ours.keys().filter(|key| !is_more(key)).collect();
            assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{at}");
            for (key, expected) in expected {
                same(&format!("{at}.{key}"), &ours[key], expected);
            }
        }
        _ => assert_eq!(ours, expected, "{at}"),
    }
}
