//! Each difference that `docs/differences.md` lists for scripts is one.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use bytehound_dsl::{Outcome, OutputItem};
use bytehound_index::Profile;
use support::{Captures, evaluate, pictures, text};

/// How a difference shows.
enum Shown {
    /// A script prints this.
    Prints(&'static str, &'static str),
    /// A script fails, saying this.
    Fails(&'static str, &'static str),
    /// A script makes pictures that fulfil this.
    Draws(&'static str, fn(&[&str]) -> bool),
    /// Another test, in this file, is of nothing else.
    TestedBy(&'static str, &'static str),
}

use Shown::{Draws, Fails, Prints, TestedBy};

/// What 0.11 does, as the document has it, and how what is done here shows.
const DIFFERENCES: [(&str, Shown); 34] = [
    ("`s(0.5)` is 500 000 seconds", Prints("println(s(0.5));", "500ms\n")),
    ("a duration of zero prints nothing", Prints("println(s(0)); println(s(1) - s(1));", "0s\n0s\n")),
    ("`s(1) - s(2)` wraps around to half a million years", Fails("s(1) - s(2);", "`1s` - `2s` is negative")),
    ("durations can't be compared", Prints("println(s(60) == m(1) && s(1) < s(2));", "true\n")),
    (
        "`exit()` returns from the innermost function in the console",
        Prints("fn leave() { exit(); } println(1); leave(); println(2);", "1\n"),
    ),
    (
        "`deallocated_at()` gives an option that can only be printed",
        Prints(
            "println(allocations().only_temporary()[0].deallocated_at().unwrap() > s(0));
             println(allocations().only_leaked()[0].deallocated_at().unwrap_or(s(7)));",
            "true\n7s\n",
        ),
    ),
    (
        "a third call of the same regex filter replaces the second",
        Prints(
            "let f = |list, regex| list.only_passing_through_function(regex);
             println(f.call(f.call(f.call(allocations(), \"main\"), \"no such function\"), \"main\").len());",
            "0\n",
        ),
    ),
    (
        "regexes on function and source must match the same frame",
        Prints(
            "let list = allocations().only_passing_through_function(\"^main$\");
             println(list.len() > 0 && list.only_passing_through_source(\"api[.]rs$\").len() == list.len());",
            "true\n",
        ),
    ),
    (
        "a second `only_alive_at` replaces the first",
        Prints(
            "let early = ms(1);
             let late = data().runtime();
             println(allocations().only_alive_at([early]).only_alive_at([late]).len()
                 == allocations().only_alive_at([early, late]).len());",
            "true\n",
        ),
    ),
    (
        "a backtrace id that does not exist ends the program",
        Prints("println(allocations().only_matching_backtraces(1_000_000).len());", "0\n"),
    ),
    (
        "backtraces of another data file are taken as this file's",
        Fails(
            "allocations().only_matching_backtraces(profiles()[1].allocations());",
            "don't come from the same data file as the list",
        ),
    ),
    (
        "lists of different data files can't be in one graph",
        Draws("graph().add(allocations()).add(profiles()[1].allocations()).save();", |drawn| {
            drawn[0].matches("<polygon").count() == 2 && drawn[0].contains("the start of each profile")
        }),
    ),
    (
        "`for` works on group lists only",
        Prints(
            "let count = 0;
             for allocation in allocations() { count += 1; }
             for map in maps() { count += 1; }
             println(count == allocations().len() + maps().len());",
            "true\n",
        ),
    ),
    (
        "arrays, maps and allocations print as the name of their type",
        Prints("println([1, s(1)]); println(#{ a: 1 });", "[1, 1s]\n#{a: 1}\n"),
    ),
    (
        "numbers too large for 64 bits wrap around",
        Fails("9_223_372_036_854_775_807 + 1;", "Addition overflow"),
    ),
    ("`print` and `debug` print nothing", Prints("print(1); debug(2);", "1\n2\n")),
    ("scripts have no limits", Fails("fn f() { f() } f();", "more than 64 levels deep")),
    (
        "the block that a realloc ends is taken off the backtrace of the realloc",
        TestedBy("dsl/tests/golden.rs", "Self::ReallocsLeaveTheirBacktrace =>"),
    ),
    (
        "a frame without its binary prints as an address",
        TestedBy("dsl/tests/golden.rs", "Self::LibraryWithoutBinary =>"),
    ),
    (
        "`strip()` knows the runtime frames of Rust up to 2022",
        TestedBy("dsl/tests/golden.rs", "Self::NewerRustRuntime)"),
    ),
    (
        "the order of `group_by_backtrace()` before a sort changes from run to run",
        Prints(
            "let ordered = []; let id = 0; let groups = allocations().group_by_backtrace();
             while ordered.len() < groups.len() {
                 let list = allocations().only_matching_backtraces(id);
                 if list.len() > 0 { ordered.push(list.len()); }
                 id += 1;
             }
             let lens = []; for group in groups { lens.push(group.len()); }
             println(lens == ordered);",
            "true\n",
        ),
    ),
    (
        "a saved graph keeps its points when `end_at` is changed",
        Draws("graph().add(allocations()).save().end_at(data().runtime() * 0.5).save();", |drawn| {
            drawn[0].matches(',').count() != drawn[1].matches(',').count()
        }),
    ),
    (
        "graphs: `KB` is 1024 bytes",
        Draws("graph().add(allocations()).save();", |drawn| {
            drawn[0].contains("\n5.0 MB\n") && drawn[0].contains("\n0.2 s\n") && !drawn[0].contains("KB")
        }),
    ),
    (
        "graphs: 21 colours",
        Draws("graph().add(allocations().only_leaked()).add(allocations()).save();", |drawn| {
            drawn[0].contains("#0077BB") && drawn[0].contains("#EE7733")
        }),
    ),
    (
        "graphs: a quiet moment repeats the peak of the one before",
        TestedBy("dsl/src/graph/points.rs", "fn a_bucket_shows_its_peak_and_a_quiet_one_what_is_left"),
    ),
    (
        "graphs: any number of series",
        Fails(
            "let g = graph(); for i in 0..2_000 { g = g.add(allocations()); }",
            "a graph can have at most 1000 series",
        ),
    ),
    (
        "flame graph of nothing",
        Draws("allocations().only_larger(-1).save_as_flamegraph();", |drawn| {
            drawn[0].contains("No bytes allocated")
        }),
    ),
    (
        "flame graph: a `;` in a name begins another frame",
        TestedBy("dsl/src/flame.rs", "fn hostile_names_stay_text"),
    ),
    (
        "checksums of files are MD5",
        TestedBy("dsl/tests/differences.rs", "fn a_checksum_is_the_xxh3_of_the_file"),
    ),
    (
        "`only_peak_rss_at_least` and `only_peak_rss_at_most` leave their bounds out",
        Prints(
            "let map = maps().only_peak_rss_at_least(mb(0) + 1)[0];
             let exactly = maps().only_peak_rss_at_least(map.peak_rss()).only_peak_rss_at_most(map.peak_rss());
             println(exactly.len() > 0);",
            "true\n",
        ),
    ),
    (
        "`Map.backtrace()` gives an option that can only be printed",
        Prints(
            "let called = (maps() - maps().only_not_passing_through_function(\"main\")).only_backtrace_length_at_least(1);
             let backtrace = called[0].backtrace();
             println(backtrace.is_some() && backtrace.strip().is_some());
             println(maps().only_matching_backtraces(backtrace).len() > 0);",
            "true\ntrue\n",
        ),
    ),
    (
        "a map id that does not exist ends the program",
        Prints("println(allocations().only_from_maps(1_000_000).len());", "0\n"),
    ),
    (
        "graphs of maps: the changes of one look at all maps count one after the other",
        TestedBy("index/tests/ask/map_streams.rs", "fn one_look_at_all_maps_is_one_step_of_a_graph"),
    ),
    (
        "error messages of a call with wrong arguments name types of the program",
        Fails(
            "allocations().only_larger(\"x\");",
            "only_larger (AllocationList, String); expected `AllocationList.only_larger(threshold: Integer)",
        ),
    ),
];

/// The first cells of the table below `## Scripts`.
fn documented() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/differences.md");
    let document = std::fs::read_to_string(path).unwrap();
    let section = document.split("\n## ").find_map(|section| section.strip_prefix("Scripts\n")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| row.split(" | ").next().unwrap().trim_start_matches("| ").to_owned()).collect()
}

#[test]
fn every_difference_in_the_document_shows() {
    let documented = documented();
    for row in &documented {
        let known = DIFFERENCES.iter().filter(|(what, _)| row.starts_with(what)).count();
        assert_eq!(known, 1, "`{row}` is asserted nowhere");
    }
    assert_eq!(documented.len(), DIFFERENCES.len());
    let captures = Captures::new();
    let profiles = [captures.golden("mmap.decoded"), captures.golden("threads.decoded")];
    for (what, shown) in &DIFFERENCES {
        check(what, shown, &profiles);
    }
}

fn check(what: &str, shown: &Shown, profiles: &[Arc<Profile>]) {
    match shown {
        Prints(script, expected) => assert_eq!(text(&ran(what, script, profiles)), *expected, "{what}"),
        Fails(script, expected) => {
            let error = evaluate(script, profiles).result.expect_err(what);
            assert!(error.message.contains(expected), "{what}: {error}");
        }
        Draws(script, is_fulfilled) => {
            let outcome = ran(what, script, profiles);
            let drawn: Vec<_> = pictures(&outcome).into_iter().map(|(_, svg)| svg).collect();
            assert!(is_fulfilled(&drawn), "{what}");
        }
        TestedBy(file, line) => {
            let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
            assert!(std::fs::read_to_string(path).unwrap().contains(line), "{what}: {file}");
        }
    }
}

fn ran(what: &str, script: &str, profiles: &[Arc<Profile>]) -> Outcome {
    let outcome = evaluate(script, profiles);
    assert_eq!(outcome.result, Ok(()), "{what}");
    outcome
}

#[test]
fn a_checksum_is_the_xxh3_of_the_file() {
    let captures = Captures::new();
    let profiles = [captures.golden("realloc.decoded")];
    let outcome = ran("checksum", "graph().add(allocations()).save();", &profiles);
    let [OutputItem::Image { bytes, checksum, .. }] = &outcome.output[..] else { panic!("no picture") };
    assert_eq!(*checksum, format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes)));
}
