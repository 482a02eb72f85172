//! Real captures of 0.11 against the answers of 0.11 itself.

use std::collections::HashSet;
use std::fs;

use bytehound_format::{Container, Reader, convert};
use bytehound_index::layout::{NONE, section};
use serde_json::Value;

use crate::built::Built;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden");

/// Directory of the answers, and the capture they are of.
const CAPTURES: [(&str, &str); 7] = [
    ("cull", "cull.decoded.dat"),
    ("mmap", "mmap.decoded.dat"),
    ("mmap.raw", "mmap.raw.dat"),
    ("realloc", "realloc.decoded.dat"),
    ("realloc.raw", "realloc.raw.dat"),
    ("startstop", "startstop.decoded.dat"),
    ("threads", "threads.decoded.dat"),
];

/// The index of the capture, and that of what it becomes in version 2 of the container.
fn built(capture: &str) -> [Built; 2] {
    let old = fs::read(format!("{GOLDEN}/{capture}")).expect("a golden capture");
    let mut reader = Reader::new(&old[..]).expect("a capture");
    let new = convert(&mut reader, Container::V2, Vec::new(), |_| {}).expect("room in memory");
    [old, new].map(|capture_bytes| {
        let built = Built::of(&capture_bytes);
        assert!(built.manifest.defects.is_empty(), "{capture}: {:?}", built.manifest.defects);
        built
    })
}

fn answer(name: &str, file: &str) -> Value {
    let text = fs::read(format!("{GOLDEN}/{name}/{file}")).expect("a golden answer");
    serde_json::from_slice(&text).expect("an answer in JSON")
}

fn us(time: &Value) -> u64 {
    time["secs"].as_u64().expect("seconds") * 1_000_000 + time["fract_nsecs"].as_u64().expect("ns") / 1_000
}

#[test]
fn totals_are_those_of_the_list() {
    for (name, capture) in CAPTURES {
        built(capture).iter().for_each(|built| check_totals(name, built));
    }
}

fn check_totals(name: &str, built: &Built) {
    let (manifest, list) = (&built.manifest, answer(name, "00.json"));
    let listed = &list[0];
    assert_eq!(listed["id"], manifest.data_id.as_str(), "{name}");
    assert_eq!(listed["executable"], manifest.executable.as_str(), "{name}");
    assert_eq!(listed["architecture"], manifest.architecture.as_str(), "{name}");
    assert_eq!(listed["final_allocated"], manifest.leaked_bytes, "{name}");
    assert_eq!(listed["final_allocated_count"], manifest.leaked_count, "{name}");
    assert_eq!(listed["unique_backtrace_count"], manifest.backtraces, "{name}");
    assert_eq!(listed["maximum_backtrace_depth"], manifest.max_depth, "{name}");
    assert_eq!(us(&listed["timestamp"]), manifest.start_us, "{name}");
    assert_eq!(us(&listed["runtime"]), manifest.runtime_us(), "{name}");
    assert_eq!(manifest.allocated_bytes - manifest.freed_bytes, manifest.leaked_bytes, "{name}");
}

#[test]
fn groups_have_the_same_numbers_and_frames() {
    for (name, capture) in CAPTURES {
        built(capture).iter().for_each(|built| check_groups(name, built));
    }
}

fn check_groups(name: &str, built: &Built) {
    let groups = answer(name, "25.json");
    let groups = groups["allocations"].as_array().expect("groups");
    assert_eq!(groups.len(), built.summaries.iter().filter(|summary| summary.rows > 0).count(), "{name}");
    let reallocating = reallocating_backtraces(built);
    for group in groups {
        let backtrace = group["backtrace_id"].as_u64().expect("a number") as u32;
        let summary = &built.summaries[backtrace as usize];
        let (all, matched) = (&group["all"], &group["only_matched"]);
        let what = format!("{name}, backtrace {backtrace}");
        assert_eq!(all["size"], summary.usable_bytes, "{what}");
        assert_eq!(all["min_size"], summary.min_usable, "{what}");
        assert_eq!(all["max_size"], summary.max_usable, "{what}");
        assert_eq!(us(&all["min_timestamp"]), summary.first_us, "{what}");
        assert_eq!(us(&all["max_timestamp"]), summary.last_us, "{what}");
        assert_eq!(all["leaked_count"], summary.leaked_count, "{what}");
        assert_eq!(all["allocated_count"], summary.allocated_count, "{what}");
        // Of a realloc, the original gives the difference to the new stack and leaves the old one as it was.
        if !reallocating.contains(&backtrace) {
            assert_eq!(us(&all["max_total_usage_first_seen_at"]), summary.own_peak_at_us, "{what}");
        }
        assert_eq!(matched["size"], summary.allocated_bytes, "{what}");
        assert_eq!(matched["min_size"], summary.min_size, "{what}");
        assert_eq!(matched["max_size"], summary.max_size, "{what}");
        assert_eq!(matched["allocated_count"], summary.rows, "{what}");
        check_frames(&what, built, backtrace, group["backtrace"].as_array().expect("frames"));
    }
}

/// Those with rows that came from a realloc or ended in one.
fn reallocating_backtraces(built: &Built) -> HashSet<u32> {
    let chains: Vec<u32> = built.column(section::CHAIN);
    let chained = built.rows().into_iter().zip(chains).filter(|&(_, chain)| chain != NONE);
    chained.map(|(row, _)| row.backtrace).collect()
}

fn check_frames(what: &str, built: &Built, backtrace: u32, expected: &[Value]) {
    let frames = built.frames(backtrace);
    assert_eq!(frames.len(), expected.len(), "{what}");
    for (frame, expected) in frames.iter().zip(expected) {
        let number = |number: u32| Value::from((number != NONE).then_some(number));
        let string = |number: u32| Value::from(built.string(number));
        assert_eq!(expected["address"], frame.address, "{what}");
        assert_eq!(expected["count"], frame.count, "{what}: {expected}");
        // Where the binary wasn't embedded, the original doesn't tell the library; the maps do.
        if !expected["library"].is_null() {
            assert_eq!(expected["library"], string(frame.library), "{what}");
        }
        assert_eq!(expected["function"], string(frame.function), "{what}");
        assert_eq!(expected["raw_function"], string(frame.raw_function), "{what}");
        assert_eq!(expected["source"], string(frame.source), "{what}");
        assert_eq!(expected["line"], number(frame.line), "{what}");
        assert_eq!(expected["column"], number(frame.column), "{what}");
        assert_eq!(expected["is_inline"], frame.is_inline == 1, "{what}");
    }
}

#[test]
fn leaks_are_the_same() {
    for (name, capture) in CAPTURES {
        built(capture).iter().for_each(|built| check_leaks(name, built));
    }
}

fn check_leaks(name: &str, built: &Built) {
    let groups = answer(name, "27.json");
    let groups = groups["allocations"].as_array().expect("groups");
    let leaking = built.summaries.iter().filter(|summary| summary.leaked_count > 0).count();
    assert_eq!(groups.len(), leaking, "{name}");
    for group in groups {
        let backtrace = group["backtrace_id"].as_u64().expect("a number");
        let summary = &built.summaries[backtrace as usize];
        assert_eq!(group["only_matched"]["leaked_count"], summary.leaked_count, "{name} {backtrace}");
        assert_eq!(group["only_matched"]["size"], summary.leaked_bytes, "{name} {backtrace}");
    }
}

#[test]
fn buckets_are_the_points_of_the_timeline() {
    for (name, capture) in CAPTURES {
        built(capture).iter().for_each(|built| check_timeline(name, built));
    }
}

fn check_timeline(name: &str, built: &Built) {
    let timeline = answer(name, "01.json");
    let series = |field: &str| timeline[field].as_array().expect("a series").clone();
    let (times, sizes, counts) = (series("xs"), series("allocated_size"), series("allocated_count"));
    let (births, deaths) = (series("allocations"), series("deallocations"));
    let first = built.buckets[0].index;
    for bucket in &built.buckets {
        let (at, what) = ((bucket.index - first) as usize, format!("{name}, bucket {}", bucket.index));
        assert_eq!(times[at], bucket.index * built.manifest.bucket_width_us / 1_000, "{what}");
        assert_eq!(sizes[at], bucket.live_bytes_max, "{what}");
        assert_eq!(counts[at], bucket.live_count_max, "{what}");
        assert_eq!(births[at], bucket.allocated_count - bucket.reallocated_count, "{what}");
        assert_eq!(deaths[at], bucket.freed_count - bucket.reallocated_count, "{what}");
    }
    let peak = sizes.iter().filter_map(Value::as_u64).max();
    assert_eq!(peak, Some(built.manifest.peak_bytes), "{name}");
}

#[test]
fn eight_hundred_thousand_events_give_the_same_answers() {
    for built in &built("simulation.decoded.dat") {
        check_totals("simulation", built);
        check_groups("simulation", built);
        check_timeline("simulation", built);
    }
}
