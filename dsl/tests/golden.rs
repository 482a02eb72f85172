//! The golden captures answer scripts as Bytehound 0.11 did.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytehound_dsl::{flame_graph, folded};
use bytehound_index::{Cancel, Selection};
use support::{Captures, data, printed};

const SCRIPTS: [&str; 7] = ["first", "basics", "algebra", "bysize", "durations", "groups", "filters"];

/// What is taken out of a script, and how many lines of the recorded answer that takes away: maps are not indexed yet.
const WITHOUT_MAPS: [(&str, &str, &str); 3] = [
    ("basics", "println(maps().len());", "4"),
    ("basics", "println(maps());", "7"),
    ("filters", "println(\"only_from_maps(maps()) {}\", allocations().only_from_maps(maps()).len());", "47"),
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

/// A golden script and its recorded answer, without what concerns maps.
fn recording(directory: &str, script: &str) -> (String, Vec<String>) {
    let read =
        |extension| fs::read_to_string(data(&format!("golden/{directory}/{script}.{extension}"))).unwrap();
    let mut source: String = read("rhai");
    let mut gone = Vec::new();
    for (_, statement, line) in WITHOUT_MAPS.iter().filter(|(name, _, _)| *name == script) {
        assert!(source.contains(statement), "{statement}");
        source = source.replace(statement, "");
        gone.push(line.parse::<usize>().unwrap());
    }
    let lines = read("out");
    let kept = lines.lines().enumerate().filter(|(index, _)| !gone.contains(&(index + 1)));
    (source, kept.map(|(_, line)| line.to_owned()).collect())
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
