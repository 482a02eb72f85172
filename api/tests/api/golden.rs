//! The routes of Bytehound 0.11, against what it answered itself.

use crate::support::{TestServer, golden};
use serde_json::Value;

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
        let mut checked = 0;
        for recorded in &recorded {
            let path = recorded["path"].as_str().unwrap();
            let route = path.split('?').next().unwrap();
            if !ROUTES.iter().any(|ours| route.ends_with(ours)) {
                continue;
            }
            let answer = server.get(path);
            assert_eq!(answer.status, recorded["status"], "{name}: {path}");
            assert_eq!(answer.content_type(), recorded["content_type"], "{name}: {path}");
            let file = recorded["file"].as_str().unwrap();
            let mut expected: Value = serde_json::from_slice(&golden(&format!("{name}/{file}"))).unwrap();
            if path == "/list" {
                // The NUL after the last argument was shown as a space: no argument is there.
                let shown = expected[0]["cmdline"].as_str().unwrap().trim_end().to_owned();
                expected[0]["cmdline"] = shown.into();
            }
            same(&format!("{name}: {path}"), &answer.json(), &expected);
            checked += 1;
        }
        assert_eq!(checked, 7, "{name}");
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
            let is_more = |key: &&String| at.contains(".raw: ") && *key == "library" && !expected.contains_key(*key);
            let names: Vec<_> = ours.keys().filter(|key| !is_more(key)).collect();
            assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{at}");
            for (key, expected) in expected {
                same(&format!("{at}.{key}"), &ours[key], expected);
            }
        }
        _ => assert_eq!(ours, expected, "{at}"),
    }
}
