//! The routes of Bytehound 0.11, against what it answered itself. Where an answer differs, it does so as
//! `docs/differences.md` says, and in nothing else.

use crate::recorded::{Document, recorded};
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

/// A difference: which answers have it, how the list of differences says it, and what takes it out of two answers,
/// having checked that it is that and nothing else.
struct Difference {
    route: &'static str,
    captures: fn(&str) -> bool,
    listed: &'static str,
    set_aside: fn(&Asked<'_>, &mut Document, &mut Document),
}

/// Where an answer came from.
struct Asked<'a> {
    server: &'a TestServer,
    path: &'a str,
}

const DIFFERENCES: [Difference; 7] = [
    Difference {
        route: "/list",
        captures: is_any,
        listed: "`cmdline` ends with a space",
        set_aside: |_, _, theirs| {
            let shown = &mut theirs.json()[0]["cmdline"];
            *shown = shown.as_str().unwrap().trim_end().into();
        },
    },
    Difference {
        route: "",
        captures: is_raw,
        listed: "frames without embedded binaries have no `library`",
        set_aside: |_, ours, theirs| {
            ours.forget_libraries();
            theirs.forget_libraries();
        },
    },
    Difference {
        route: "/allocation_groups",
        captures: is_any,
        listed: "a realloc adds the difference of the sizes to its own backtrace",
        set_aside: |asked, ours, theirs| {
            let reallocating = reallocating_backtraces(asked.server);
            set_aside_peaks(ours.json(), &reallocating, asked.path);
            set_aside_peaks(theirs.json(), &reallocating, asked.path);
        },
    },
    Difference {
        route: "/timeline_maps",
        captures: |name| name == "threads",
        listed: "in no particular order",
        // The last look at the maps is the point before the last.
        set_aside: |_, ours, theirs| {
            for answer in [ours.json(), theirs.json()] {
                for values in answer.as_object_mut().unwrap().values_mut() {
                    let values = values.as_array_mut().unwrap();
                    values.remove(values.len() - 2);
                }
            }
        },
    },
    Difference {
        route: "/regions",
        captures: is_any,
        listed: "ends where the last one added to it ends",
        set_aside: |_, ours, theirs| {
            let (ours, theirs) = (ours.json()["regions"].take(), theirs.json()["regions"].take());
            let pair = |region: &Value| (region[0].as_u64().unwrap(), region[1].as_u64().unwrap());
            let [ours, theirs] = [ours, theirs]
                .map(|regions| regions.as_array().unwrap().iter().map(pair).collect::<Vec<_>>());
            assert!(ours.is_sorted_by(|a, b| a.1 < b.0));
            for (start, end) in &theirs {
                assert!(ours.iter().any(|ours| ours.0 <= *start && *end <= ours.1));
            }
            for (start, _) in ours {
                assert!(theirs.iter().any(|theirs| theirs.0 == start));
            }
        },
    },
    Difference {
        route: "/export/flamegraph.pl",
        captures: is_any,
        listed: "stacks that look the same have a line each, in no order",
        set_aside: |_, ours, theirs| {
            ours.add_up_stacks();
            theirs.add_up_stacks();
        },
    },
    Difference {
        route: "/export/heaptrack",
        captures: is_any,
        listed: "frees have the time at which the block was allocated",
        set_aside: |_, ours, theirs| {
            ours.times_of_heaptrack_only_grow();
            ours.forget_when_heaptrack_frees();
            theirs.forget_when_heaptrack_frees();
        },
    },
];

fn is_any(_: &str) -> bool {
    true
}

fn is_raw(name: &str) -> bool {
    name.ends_with(".raw")
}

#[test]
fn every_answer_is_the_same_field_by_field() {
    for (name, capture) in CAPTURES {
        let server = TestServer::start();
        server.upload(capture);
        let recorded: Vec<Value> = serde_json::from_slice(&golden(&format!("{name}/rest.json"))).unwrap();
        assert!(recorded.len() >= 44, "{name}");
        recorded.iter().for_each(|recorded| check(&server, name, recorded));
    }
}

fn check(server: &TestServer, name: &str, record: &Value) {
    let path = record["path"].as_str().unwrap();
    let at = format!("{name}: {path}");
    let answer = server.get(path);
    assert_eq!(answer.status, record["status"], "{at}");
    assert_eq!(answer.content_type(), record["content_type"], "{at}");
    let file = record["file"].as_str().unwrap();
    let mut ours = recorded(path, answer.text());
    let mut theirs = recorded(path, String::from_utf8(golden(&format!("{name}/{file}"))).unwrap());
    let asked = Asked { server, path };
    let route = path.split('?').next().unwrap();
    for difference in DIFFERENCES.iter().filter(|known| (known.captures)(name)) {
        if route.ends_with(difference.route) {
            (difference.set_aside)(&asked, &mut ours, &mut theirs);
        }
    }
    ours.assert_same(&theirs, &at);
}

#[test]
fn every_difference_is_listed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/differences.md");
    let list = std::fs::read_to_string(path).unwrap();
    for difference in DIFFERENCES {
        assert!(list.contains(difference.listed), "{}", difference.listed);
    }
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
