//! What 0.11 answered about real captures.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytehound_index::{Bound, Cancel, Pattern, Predicate, Profile, Selection, Share};
use serde_json::Value;

use crate::profiles::{Asked, indexed};

pub(crate) const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden");

/// Directory of the answers, and the capture they are of.
pub(crate) const CAPTURES: [(&str, &str); 8] = [
    ("cull", "cull.decoded.dat"),
    ("mmap", "mmap.decoded.dat"),
    ("mmap.raw", "mmap.raw.dat"),
    ("realloc", "realloc.decoded.dat"),
    ("realloc.raw", "realloc.raw.dat"),
    ("simulation", "simulation.decoded.dat"),
    ("startstop", "startstop.decoded.dat"),
    ("threads", "threads.decoded.dat"),
];

pub(crate) fn asked(capture: &str) -> Asked {
    indexed(&fs::read(format!("{GOLDEN}/{capture}")).expect("a golden capture"))
}

pub(crate) fn answer(name: &str, file: &str) -> Value {
    let text = fs::read(format!("{GOLDEN}/{name}/{file}")).expect("a golden answer");
    serde_json::from_slice(&text).expect("an answer in JSON")
}

#[test]
fn timelines_are_the_same() {
    for (name, capture) in CAPTURES {
        let asked = asked(capture);
        let leaked = Selection::all().filtered(Predicate::Leaked);
        for (selection, file) in [(Selection::all(), "01.json"), (leaked, "02.json")] {
            let timeline = asked.profile.compatible_timeline(&selection, &Cancel::new()).expect("a timeline");
            let written = serde_json::to_value(timeline).expect("JSON");
            let expected = answer(name, file);
            for (field, values) in expected.as_object().expect("an object") {
                assert_eq!(&written[field], values, "{name}, {file}, {field}");
            }
        }
    }
}

const PEAK_AFTER: &str = "only_group_max_total_usage_first_seen_at_least(data().runtime() * 0.5)";
const PEAK_BEFORE: &str = "only_group_max_total_usage_first_seen_at_most(data().runtime() * 0.5)";

/// Where we answer otherwise. A stack of 10 reallocs to smaller sizes uses memory here; 0.11 gave it the difference of
/// the sizes, so that it never used any and peaked when the profile began.
const DIFFERENT: [(&str, &str, &str); 4] = [
    ("realloc", PEAK_AFTER, "1270"),
    ("realloc", PEAK_BEFORE, "22"),
    ("realloc.raw", PEAK_AFTER, "1270"),
    ("realloc.raw", PEAK_BEFORE, "22"),
];

#[test]
fn filters_keep_the_same_allocations() {
    for (name, capture) in CAPTURES {
        let asked = asked(capture);
        let expected = fs::read_to_string(format!("{GOLDEN}/{name}/filters.out")).expect("golden answers");
        let filters = filters(asked.profile.manifest().runtime_us());
        let mut checked = 0;
        for (filter, count) in expected.lines().filter_map(|line| line.rsplit_once(' ')) {
            let Some(predicate) = filters.get(filter) else { continue };
            let ours = DIFFERENT.iter().find(|(capture, which, _)| (*capture, *which) == (name, filter));
            let count = ours.map_or(count, |(_, _, count)| count);
            let selection = Selection::all().filtered(predicate.clone());
            let counted = asked.profile.count(&selection, &Cancel::new()).expect("a count");
            assert_eq!(counted.to_string(), count, "{name}: {filter}");
            let rows = asked.profile.rows(&selection, &Cancel::new()).expect("rows");
            assert_eq!(rows.len().to_string(), count, "{name}: {filter}");
            checked += 1;
        }
        assert_eq!(checked, filters.len(), "{name} lacks an answer");
    }
}

/// The filters of the golden scripts, as they are written there. Runtimes are cut to whole µs after multiplying.
fn filters(runtime_us: u64) -> BTreeMap<&'static str, Predicate> {
    use Bound::{AtLeast, AtMost, LessThan, MoreThan};
    let part = |share: f64| (runtime_us as f64 * share) as u64;
    let function =
        |regex| Pattern::new(regex).map(Predicate::PassingThroughFunction).expect("a regular expression");
    let source =
        |regex| Pattern::new(regex).map(Predicate::PassingThroughSource).expect("a regular expression");
    BTreeMap::from([
        ("only_larger(100)", Predicate::Size(MoreThan(100))),
        ("only_larger_or_equal(100)", Predicate::Size(AtLeast(100))),
        ("only_smaller(100)", Predicate::Size(LessThan(100))),
        ("only_smaller_or_equal(100)", Predicate::Size(AtMost(100))),
        ("only_alive_for_at_least(ms(50))", Predicate::Lifetime(AtLeast(50_000))),
        ("only_alive_for_at_most(ms(50))", Predicate::Lifetime(AtMost(50_000))),
        ("only_chain_alive_for_at_least(ms(100))", Predicate::ChainLifetime(AtLeast(100_000))),
        ("only_chain_alive_for_at_most(ms(100))", Predicate::ChainLifetime(AtMost(100_000))),
        ("only_chain_length_at_least(2)", Predicate::ChainLength(AtLeast(2))),
        ("only_chain_length_at_most(3)", Predicate::ChainLength(AtMost(3))),
        ("only_first_size_larger(50)", Predicate::FirstSize(MoreThan(50))),
        ("only_first_size_smaller_or_equal(50)", Predicate::FirstSize(AtMost(50))),
        ("only_last_size_larger_or_equal(500)", Predicate::LastSize(AtLeast(500))),
        ("only_last_size_smaller(500)", Predicate::LastSize(LessThan(500))),
        ("only_position_in_chain_at_least(1)", Predicate::ChainPosition(AtLeast(1))),
        ("only_position_in_chain_at_most(1)", Predicate::ChainPosition(AtMost(1))),
        ("only_chain_leaked()", Predicate::ChainLeaked),
        (
            "only_leaked_or_deallocated_after(data().runtime() * 0.5)",
            Predicate::LeakedOrDeallocatedAfter(part(0.5)),
        ),
        (
            "only_deallocated_after_at_least(data().runtime() * 0.5)",
            Predicate::Deallocated(AtLeast(part(0.5))),
        ),
        ("only_deallocated_until_at_most(data().runtime() * 0.5)", Predicate::Deallocated(AtMost(part(0.5)))),
        ("only_allocated_after_at_least(data().runtime() * 0.3)", Predicate::Allocated(AtLeast(part(0.3)))),
        ("only_allocated_until_at_most(data().runtime() * 0.3)", Predicate::Allocated(AtMost(part(0.3)))),
        ("only_alive_at([data().runtime() * 0.4])", Predicate::AliveAt(vec![part(0.4)])),
        (
            "only_alive_at([data().runtime() * 0.2, data().runtime() * 0.6])",
            Predicate::AliveAt(vec![part(0.2), part(0.6)]),
        ),
        ("only_backtrace_length_at_least(5)", Predicate::BacktraceLength(AtLeast(5))),
        ("only_backtrace_length_at_most(4)", Predicate::BacktraceLength(AtMost(4))),
        ("only_group_allocations_at_least(20)", Predicate::GroupAllocations(AtLeast(20))),
        ("only_group_allocations_at_most(20)", Predicate::GroupAllocations(AtMost(20))),
        ("only_group_interval_at_least(ms(100))", Predicate::GroupInterval(AtLeast(100_000))),
        ("only_group_interval_at_most(ms(100))", Predicate::GroupInterval(AtMost(100_000))),
        ("only_group_leaked_allocations_at_least(5)", Predicate::GroupLeaked(AtLeast(5))),
        ("only_group_leaked_allocations_at_most(5)", Predicate::GroupLeaked(AtMost(5))),
        ("only_group_leaked_allocations_at_least(0.5)", Predicate::GroupLeakedShareAtLeast(Share(0.5))),
        (PEAK_AFTER, Predicate::GroupPeakAt(AtLeast(part(0.5)))),
        (PEAK_BEFORE, Predicate::GroupPeakAt(AtMost(part(0.5)))),
        ("only_jemalloc()", Predicate::Jemalloc),
        ("only_not_jemalloc()", Predicate::NotJemalloc),
        ("only_ptmalloc_mmaped()", Predicate::PtmallocMmaped),
        ("only_ptmalloc_not_mmaped()", Predicate::PtmallocNotMmaped),
        ("only_ptmalloc_from_main_arena()", Predicate::PtmallocFromMainArena),
        ("only_ptmalloc_not_from_main_arena()", Predicate::PtmallocNotFromMainArena),
        ("only_passing_through_function('main')", function("main")),
        (
            "only_not_passing_through_function('main')",
            Pattern::new("main").map(Predicate::NotPassingThroughFunction).expect("a regular expression"),
        ),
        ("only_passing_through_source('\\.c$')", source("\\.c$")),
        (
            "only_not_passing_through_source('\\.c$')",
            Pattern::new("\\.c$").map(Predicate::NotPassingThroughSource).expect("a regular expression"),
        ),
        ("only_with_marker(7)", Predicate::Marker(7)),
    ])
}

#[test]
fn allocations_are_the_same_one_by_one() {
    let asked = asked("realloc.decoded.dat");
    let leaked = Selection::all().filtered(Predicate::Leaked);
    let grown = Selection::all().filtered(Predicate::ChainLength(Bound::AtLeast(3)));
    for (selection, file) in [(Selection::all(), "04.json"), (leaked, "07.json"), (grown, "11.json")] {
        check_allocations(file, &asked.profile, &selection, &answer("realloc", file));
    }
}

fn check_allocations(what: &str, profile: &Arc<Profile>, selection: &Selection, expected: &Value) {
    let rows = profile.rows(selection, &Cancel::new()).expect("rows");
    assert_eq!(expected["total_count"], rows.len(), "{what}");
    let us = |time: &Value| match (&time["secs"], &time["fract_nsecs"]) {
        (Value::Number(secs), Value::Number(nsecs)) => {
            secs.as_u64().zip(nsecs.as_u64()).map(|(secs, nsecs)| secs * 1_000_000 + nsecs / 1_000)
        }
        _ => None,
    };
    for (place, expected) in (0..).zip(expected["allocations"].as_array().expect("allocations")) {
        let allocation = profile.allocation(rows.nth(place).expect("a row for each"));
        let what = format!("{what}, allocation {place}");
        assert_eq!(expected["id"], allocation.id, "{what}");
        assert_eq!(expected["address"], allocation.address, "{what}");
        assert_eq!(expected["size"], allocation.size, "{what}");
        assert_eq!(expected["extra_space"], allocation.extra, "{what}");
        assert_eq!(expected["thread"], allocation.thread, "{what}");
        assert_eq!(us(&expected["timestamp"]), Some(allocation.birth_us), "{what}");
        assert_eq!(expected["backtrace_id"], allocation.backtrace.0, "{what}");
        assert_eq!(expected["position_in_chain"], allocation.chain.position, "{what}");
        assert_eq!(expected["chain_length"], allocation.chain.length, "{what}");
        assert_eq!(expected["is_mmaped"], allocation.is_mmaped(), "{what}");
        assert_eq!(expected["in_main_arena"], allocation.in_main_arena(), "{what}");
        assert_eq!(us(&expected["deallocation"]["timestamp"]), allocation.death_us, "{what}");
        let thread = allocation.death_thread.map_or(Value::Null, Value::from);
        assert_eq!(expected["deallocation"]["thread"], thread, "{what}");
    }
}
