//! The golden captures answer scripts as Bytehound 0.11 did.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytehound_dsl::{flame_graph, folded};
use bytehound_index::{Cancel, Selection};
use support::{Captures, data, printed};

const SCRIPTS: [&str; 8] = ["first", "basics", "algebra", "bysize", "durations", "groups", "filters", "maps"];

/// Calls as they have to be written here for what they meant in 0.11, which took these bounds to be out of the range.
const REWRITTEN: [(&str, &str); 2] = [
    ("maps().only_peak_rss_at_least(4096)", "maps().only_peak_rss_at_least(4097)"),
    ("maps().only_peak_rss_at_most(100000)", "maps().only_peak_rss_at_most(99999)"),
];

/// Lines that differ from the recorded ones, each with the reason.
enum Difference {
    /// `strip()` also leaves out runtime frames as newer Rust spells them.
    NewerRustRuntime,
    /// A frame names its library even when the capture does not hold the binary.
    LibraryWithoutBinary,
    /// The block that a realloc ends leaves the backtrace that made it, not the one that the realloc came from, so
    /// that other backtraces reach their largest at another time.
    ReallocsLeaveTheirBacktrace,
}

const DIFFERENCES: [(&str, &str, Difference); 8] = [
    ("simulation", "first", Difference::NewerRustRuntime),
    ("simulation", "bysize", Difference::NewerRustRuntime),
    ("mmap.raw", "first", Difference::LibraryWithoutBinary),
    ("mmap.raw", "bysize", Difference::LibraryWithoutBinary),
    ("realloc", "filters", Difference::ReallocsLeaveTheirBacktrace),
    ("realloc.raw", "filters", Difference::ReallocsLeaveTheirBacktrace),
    ("realloc.raw", "first", Difference::LibraryWithoutBinary),
    ("realloc.raw", "bysize", Difference::LibraryWithoutBinary),
];

impl Difference {
    /// Whether `recorded` may be missing.
    fn leaves_out(&self, recorded: &str) -> bool {
        let names = [
            "std::panic::catch_unwind::<",
            "std::panicking::catch_unwind",
            "std::rt::lang_start_internal::{closure#",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            " as core::ops::function::FnOnce<",
        ];
        matches!(self, Self::NewerRustRuntime) && names.iter().any(|name| recorded.contains(name))
    }

    /// `line` as it was recorded.
    fn undone(&self, line: &str) -> String {
        match self {
            Self::NewerRustRuntime => line.to_owned(),
            Self::LibraryWithoutBinary => match (line.split_once(" ["), line.split_once("] ")) {
                (Some((number, _)), Some((_, address))) if line.starts_with('#') => {
                    format!("{number} {address}")
                }
                _ => line.to_owned(),
            },
            Self::ReallocsLeaveTheirBacktrace => {
                match line.strip_prefix("only_group_max_total_usage_first_seen_at_") {
                    Some("least(data().runtime() * 0.5) 1270") => line.replace("1270", "1260"),
                    Some("most(data().runtime() * 0.5) 22") => line.replace("22", "32"),
                    _ => line.to_owned(),
                }
            }
        }
    }
}

fn check(directory: &str, capture: &str) {
    let captures = Captures::new();
    let profile = captures.golden(capture);
    for script in SCRIPTS {
        let (source, recorded) = recording(directory, script);
        compare(directory, script, &recorded, &printed(&source, &[Arc::clone(&profile)]));
    }
}

/// A golden script and its recorded answer.
fn recording(directory: &str, script: &str) -> (String, Vec<String>) {
    let read =
        |extension| fs::read_to_string(data(&format!("golden/{directory}/{script}.{extension}"))).unwrap();
    let source = REWRITTEN.iter().fold(read("rhai"), |source: String, (theirs, ours)| {
        assert!(script != "maps" || source.contains(theirs), "{theirs}");
        source.replace(theirs, ours)
    });
    (source, read("out").lines().map(str::to_owned).collect())
}

fn compare(directory: &str, script: &str, recorded: &[String], printed: &str) {
    let ours: Vec<&str> = printed.lines().collect();
    let mut differences = DIFFERENCES.iter().filter(|(d, s, _)| (*d, *s) == (directory, script));
    let Some((_, _, difference)) = differences.next() else {
        assert_eq!(ours, recorded, "{directory}/{script}");
        return;
    };
    assert_ne!(ours, recorded, "{directory}/{script} does not differ any more");
    let mut ours = ours.into_iter().map(|line| difference.undone(line)).peekable();
    for line in recorded {
        if ours.next_if_eq(line).is_none() {
            assert!(
                difference.leaves_out(line),
                "{directory}/{script}: `{line}` is missing before {:?}",
                ours.peek()
            );
        }
    }
    assert_eq!(ours.next(), None, "{directory}/{script}");
}

#[test]
fn cull() {
    check("cull", "cull.decoded");
}

#[test]
fn mmap() {
    check("mmap", "mmap.decoded");
}

#[test]
fn mmap_without_binaries() {
    check("mmap.raw", "mmap.raw");
}

#[test]
fn realloc() {
    check("realloc", "realloc.decoded");
}

#[test]
fn realloc_without_binaries() {
    check("realloc.raw", "realloc.raw");
}

#[test]
fn startstop() {
    check("startstop", "startstop.decoded");
}

#[test]
fn threads() {
    check("threads", "threads.decoded");
}

#[test]
fn simulation() {
    check("simulation", "simulation.decoded");
}

/// The recorded folded stacks, equal ones added up.
fn recorded_stacks(directory: &str) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(data(&format!("golden/{directory}/38.txt"))).unwrap();
    let mut stacks = BTreeMap::new();
    for line in text.lines() {
        let (stack, bytes) = line.rsplit_once(' ').unwrap();
        *stacks.entry(stack.to_owned()).or_default() += bytes.parse::<u64>().unwrap();
    }
    stacks
}

#[test]
fn folded_stacks_are_the_same() {
    for (directory, capture) in [
        ("cull", "cull.decoded"),
        ("mmap", "mmap.decoded"),
        ("realloc", "realloc.decoded"),
        ("startstop", "startstop.decoded"),
        ("threads", "threads.decoded"),
        ("simulation", "simulation.decoded"),
    ] {
        let captures = Captures::new();
        let profile = captures.golden(capture);
        let all = profile.rows(&Selection::All, &Cancel::new()).unwrap();
        let folded = folded(&profile, &all, &Cancel::new()).unwrap();
        let stacks: BTreeMap<String, u64> = folded
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(stack, bytes)| (stack.to_owned(), bytes.parse().unwrap()))
            .collect();
        assert_eq!(stacks, recorded_stacks(directory), "{directory}");
        assert!(flame_graph(&profile, &all, &Cancel::new()).unwrap().contains("bytes"));
    }
}
