//! Memory maps in scripts.

mod support;

use bytehound_dsl::{Limits, filter, filter_maps};
use bytehound_index::{Cancel, MapPredicate};
use support::{Captures, error, evaluate, pictures, printed};

#[test]
fn a_map_tells_when_and_where_it_was_made() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let script = r#"
        println(maps()[0].allocated_at());
        println(maps().only_leaked()[0].deallocated_at());
        let called = maps()[2];
        println("{} {} {}", called.size(), called.peak_rss(), called.name());
        println(called.backtrace().is_some());
        println(called.backtrace().strip());
        println(`${called.backtrace().unwrap()}` == `${called.backtrace()}`);
        println(maps()[3].backtrace());
        println(maps()[3].backtrace().is_none());
        println(maps().only_matching_backtraces(called.backtrace()).len());
        println(maps().only_matching_backtraces(maps()[3].backtrace()).len());
        println(called);
    "#;
    let printed = printed(script, &[profile]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[..4], ["1ms 132us", "None", "1048576 524288 [anon:mmap]", "true"]);
    assert!(lines.iter().any(|line| line.contains(" main")), "{printed}");
    let address = lines.last().unwrap();
    assert!(address.starts_with("1048576 bytes at 0x7f2a33b7a000 of [anon:mmap], mapped at "), "{address}");
    assert_eq!(lines[lines.len() - 6..lines.len() - 1], ["true", "None", "true", "1", "0"]);
}

#[test]
fn map_lists_are_sets_that_can_be_indexed_and_iterated() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let script = r#"
        let large = maps().only_larger(100_000);
        let rest = maps() - large;
        println(large.len() + rest.len() == maps().len());
        println((large + rest).len() == maps().len());
        println((large & rest).len());
        let counted = 0;
        for map in large { counted += 1; if map.size() <= 100_000 { println("small"); } }
        println(counted == large.len());
        println(maps().only_peak_rss_at_least(524288).only_peak_rss_at_most(524288).len() > 0);
        println(data().maps());
        println(maps().only_alive_at([s(0)]).len());
        println(maps().only_writable().only_not_writable().len());
    "#;
    let expected = "true\ntrue\n0\ntrue\ntrue\n65 map(s)\n0\n0\n";
    assert_eq!(printed(script, &[profile]), expected);
}

#[test]
fn allocations_are_found_by_the_maps_they_lie_in() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let script = r#"
        let total = 0;
        for map in maps() {
            let inside = allocations().only_from_maps(map);
            total += inside.len();
            for allocation in inside {
                if allocation.address() < map.address() || allocation.address() >= map.address() + map.size() {
                    println("outside");
                }
            }
        }
        println(total == allocations().only_from_maps(maps()).len());
        println(total == allocations().only_from_maps([maps(), [maps()[0]], 1]).len());
        println(allocations().only_from_maps([]).len());
        println(allocations().only_from_maps([-1, 1_000_000]).len());
        let twice = allocations().only_from_maps(maps()).only_from_maps([]);
        println(twice.len());
    "#;
    assert_eq!(printed(script, &[profile]), "true\ntrue\n0\n0\n0\n");
}

#[test]
fn graphs_of_maps_show_rss_or_address_space() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let script = r#"
        let own = maps().only_not_bytehound();
        graph().add("All", own).trim().save("rss.svg");
        graph().show_address_space().add("Large", own.only_larger(mb(1))).add("Rest", own).save("space.svg");
        graph().add("Large", own.only_larger(mb(1))).add(own).save_each_series_as_graph();
    "#;
    let outcome = evaluate(script, &[profile]);
    assert_eq!(outcome.result, Ok(()));
    let pictures = pictures(&outcome);
    let paths: Vec<_> = pictures.iter().map(|picture| picture.0).collect();
    assert_eq!(paths, ["/rss.svg", "/space.svg", "/Large.svg", "/Series #1.svg"]);
    for ((path, svg), (name, areas)) in
        pictures.iter().zip([("RSS", 1), ("Address space", 2), ("RSS", 1), ("RSS", 1)])
    {
        assert!(svg.contains(name), "{path}");
        assert_eq!(svg.matches("<polygon").count(), areas, "{path}");
    }
}

#[test]
fn what_maps_cannot_do_is_said() {
    let captures = Captures::new();
    let two = [captures.golden("mmap.decoded"), captures.golden("threads.decoded")];
    let check = |script: &str, expected: &str| {
        let error = error(script, &two);
        assert!(error.message.contains(expected), "{script}: {error}");
    };
    check("maps()[65];", "index out of range: `65`, the list has 65 element(s)");
    check("maps()[3].backtrace().unwrap();", "`None`");
    check("graph().add(maps()).add(allocations());", "not an allocation graph");
    check("graph().add(allocations()).add(maps());", "not a map graph");
    check("graph().add(allocations()).show_rss();", "not a map graph");
    check("graph().show_live_allocations().add(maps());", "not a map graph");
    check("graph().add(maps()).save_each_series_as_flamegraph();", "only allocation graphs can be saved");
    check(
        "allocations().only_from_maps(\"x\");",
        "expected a raw map ID, 'Map' object, 'MapList' object, or an array of any of them, got String",
    );
    let other = "profiles()[1].maps()";
    check(&format!("maps() + {other};"), "lists don't come from the same data file");
    check(&format!("allocations().only_from_maps({other});"), "maps don't come from the same data file");
}

#[test]
fn a_script_can_pick_maps() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let (limits, cancel) = (Limits::default(), Cancel::new());
    let picked = filter_maps("maps().only_executable()", &profile, &limits, &cancel).unwrap().unwrap();
    let expected =
        profile.select_maps(&profile.all_maps(), &MapPredicate::Executable(true), &cancel).unwrap();
    assert_eq!((picked.len(), &picked), (11, &expected));
    assert_eq!(filter_maps("1", &profile, &limits, &cancel), Ok(None));
    let wrong = filter_maps("allocations()", &profile, &limits, &cancel).unwrap_err();
    assert_eq!(wrong.message, "expected 'MapList', got 'AllocationList'");
    let wrong = filter("maps()", &profile, &limits, &cancel).unwrap_err();
    assert_eq!(wrong.message, "expected 'AllocationList', got 'MapList'");
}
