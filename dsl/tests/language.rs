//! What scripts can say, and what they are told when they say it wrong.

mod support;

use bytehound_dsl::{Limits, filter};
use bytehound_index::{Cancel, Predicate, Selection};
use support::{Captures, error, evaluate, pictures, printed, text};

#[test]
fn durations_are_arithmetic() {
    let script = r#"
        println(h(1) + m(2) + s(3) + ms(4) + us(5));
        println(s(90) - ms(1));
        println(2 * s(30));
        println(s(10) * 0.25);
        println(0.5 * s(1) == ms(500));
        println(s(0.5));
        println(s(1) - s(1));
        println(`${ms(1500)}`);
        println(s(1) < s(2));
    "#;
    let expected = "1h 2m 3s 4ms 5us\n1m 29s 999ms\n1m\n2s 500ms\ntrue\n500ms\n0s\n1s 500ms\ntrue\n";
    assert_eq!(printed(script, &[]), expected);
}

#[test]
fn numbers_and_paths_have_their_functions() {
    let script = r#"
        println("{} {} {}", kb(3), mb(3), gb(3));
        println(dirname("/a/b/c"));
        println(dirname("name"));
        println(dirname("/"));
        println(argv().len());
    "#;
    assert_eq!(printed(script, &[]), "3000 3000000 3000000000\n/a/b\n\n.\n0\n");
}

#[test]
fn values_print_as_a_person_reads_them() {
    let script = r#"
        println([1, 2.5, "x", s(1)]);
        println(#{ b: 1, a: () });
        println('c');
        println();
        print("printed");
        println("{} {}", true, graph());
    "#;
    assert_eq!(printed(script, &[]), "[1, 2.5, x, 1s]\n#{a: (), b: 1}\nc\n\nprinted\ntrue Graph\n");
}

#[test]
fn exit_ends_the_script_even_inside_a_function_and_a_try() {
    let outcome = evaluate(
        "fn f() { try { exit(3); } catch { println(\"caught\"); } } println(1); f(); println(2);",
        &[],
    );
    assert_eq!((outcome.result.clone(), outcome.exit_code), (Ok(()), Some(3)));
    assert_eq!(text(&outcome), "1\n");
    assert_eq!(evaluate("exit();", &[]).exit_code, Some(0));
    assert_eq!(evaluate("", &[]).exit_code, None);
}

#[test]
fn the_line_with_the_interpreter_is_a_comment() {
    assert_eq!(printed("#!/usr/bin/env bytehound\nprintln(1);", &[]), "1\n");
    assert_eq!(error("#!x\nfoo();", &[]).line, Some(2));
}

#[test]
fn errors_say_where_and_what_was_expected() {
    let place = |script: &str| {
        let error = error(script, &[]);
        (error.message.clone(), error.line, error.column)
    };
    let (message, line, column) = place("let a = 1;\n  data();");
    assert_eq!(
        (message.as_str(), line, column),
        ("Runtime error: no globally loaded data file", Some(2), Some(3))
    );

    let (message, line, _) = place("fn f() {\n allocations() }\nf();");
    assert_eq!(message, "Runtime error: no globally loaded allocations in call to function f");
    assert_eq!(line, Some(2));

    let (message, ..) = place("s(\"1\");");
    assert_eq!(message, "Function not found: s (String); expected `s(seconds: Integer|Float) -> Duration`");

    let (message, line, _) = place("let x = ;");
    assert!(message.starts_with("Syntax error: "), "{message}");
    assert_eq!(line, Some(1));
    assert!(!message.contains("(line"), "{message}");

    assert!(place("println(\"{} {}\", 1);").0.contains("too many positional arguments in the format string"));
    assert!(place("graph().save();").0.contains("failed to generate a graph: empty graph"));
    assert!(place("s(1) - s(2);").0.contains("`1s` - `2s` is negative"));
    assert!(place("s(-1);").0.contains("`s` expected a number that isn't negative, got `-1`"));
    assert!(place("maps();").0.contains("no globally loaded maps"));
}

#[test]
fn files_go_to_a_file_system_in_memory() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let script = r#"
        mkdir_p("out/deep");
        chdir("out");
        allocations().save_as_graph("deep/a.svg").save_as_flamegraph();
        graph().add("All", allocations()).save();
        graph().add("Leaked", allocations().only_leaked()).add(allocations()).save_each_series_as_graph("each");
        graph().add("Leaked", allocations().only_leaked()).save_each_series_as_flamegraph();
    "#;
    let outcome = evaluate(script, &[profile]);
    assert_eq!(outcome.result, Ok(()));
    let pictures = pictures(&outcome);
    let paths: Vec<_> = pictures.iter().map(|picture| picture.0).collect();
    assert_eq!(
        paths,
        [
            "/out/deep/a.svg",
            "/out/Flamegraph #1.svg",
            "/out/Graph #1.svg",
            "/out/each/Leaked.svg",
            "/out/each/Series #1.svg",
            "/out/Leaked.svg"
        ]
    );
    for (path, svg) in pictures {
        assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"), "{path}");
    }
}

#[test]
fn lists_are_sets_that_can_be_indexed_and_iterated() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let script = r#"
        let all = allocations();
        let large = all.only_larger(100);
        let small = all - large;
        println(large.len() + small.len() == all.len());
        println((large & small).len());
        println((large + small).len() == all.len());
        println((all & large).len() == large.len());
        let counted = 0;
        for allocation in large { counted += 1; }
        println(counted == large.len());
        println(all[0].allocated_at() <= all[all.len() - 1].allocated_at());
        println(all);
        let freed = all.only_temporary()[0].deallocated_at();
        println(freed.is_some() && freed.unwrap() > s(0));
        println(all.only_leaked()[0].deallocated_at().unwrap_or(s(0)));
        println(all.only_leaked()[0].deallocated_at());
    "#;
    let len = profile.row_count();
    let expected = format!("true\n0\ntrue\ntrue\ntrue\ntrue\n{len} allocation(s)\ntrue\n0s\nNone\n");
    assert_eq!(printed(script, &[profile]), expected);
}

#[test]
fn groups_are_picked_sorted_and_put_together_again() {
    let captures = Captures::new();
    let profile = captures.golden("threads.decoded");
    let script = r#"
        let groups = allocations().group_by_backtrace();
        let most = groups.sort_by_count();
        let least = groups.sort_by_count_ascending();
        println(most[0].len() == least[least.len() - 1].len());
        println(groups.take(1).len());
        println(groups.take(-1).len() == groups.len());
        println(groups.take(0).ungroup().len());
        println(groups.ungroup().len() == allocations().len());
        println(most.take(1).ungroup().len() == most[0].len());
        let members = 0;
        for list in groups { members += list.len(); }
        println(members == allocations().len());
        println(allocations().only_matching_backtraces([most[0], [most[0][0].backtrace()]]).len() == most[0].len());
        println(allocations().only_not_matching_backtraces(groups).len());
        println(allocations().only_matching_backtraces([]).len());
        println(allocations().only_matching_backtraces([-1, 1_000_000_000]).len());
    "#;
    let expected = "true\n1\ntrue\n0\ntrue\ntrue\ntrue\ntrue\n0\n0\n0\n";
    assert_eq!(printed(script, &[profile]), expected);
}

#[test]
fn wrong_arguments_are_named() {
    let captures = Captures::new();
    let profile = [captures.golden("realloc.decoded")];
    let check = |script: &str, expected: &str| {
        let error = error(script, &profile);
        assert!(error.message.contains(expected), "{script}: {error}");
    };
    check("allocations()[1_000_000];", "index out of range: `1000000`");
    check("allocations()[-1];", "index out of range: `-1`");
    check(
        "allocations().only_larger(\"x\");",
        "`AllocationList.only_larger(threshold: Integer) -> AllocationList`",
    );
    check("allocations().only_alive_at(s(1));", "expected an array of 'Duration's, got Duration");
    check("allocations().only_alive_at([1]);", "expected an array of 'Duration's, got an array with Integer");
    check("allocations().only_matching_backtraces(\"x\");", "or an array of any of them, got String");
    check("allocations().only_passing_through_function(\"(\");", "failed to compile regex: ");
    check(
        "graph().add(1);",
        "`add` expected an 'AllocationList', 'AllocationGroupList' or 'MapList' object as its `list`, got `Integer`",
    );
    check("graph().add(\"x\", allocations().group_by_backtrace());", "got `AllocationGroupList`");
    check(
        "graph().add(allocations()).with_gradient_color_scheme(\"red\", \"nope\");",
        "`nope` is not a colour",
    );
    check("allocations()[0].deallocated_at().unwrap().x;", "");
    check("allocations().only_leaked()[0].deallocated_at().unwrap();", "`None`");
}

#[test]
fn lists_of_different_files_do_not_mix() {
    let captures = Captures::new();
    let two = [captures.golden("realloc.decoded"), captures.golden("threads.decoded")];
    let all = "let a = profiles()[0].allocations(); let b = profiles()[1].allocations();";
    let check = |script: &str, expected: &str| {
        let error = error(&format!("{all}{script}"), &two);
        assert!(error.message.contains(expected), "{script}: {error}");
    };
    check("a + b", "lists don't come from the same data file");
    check("a.only_matching_backtraces(b)", "don't come from the same data file as the list");
}

#[test]
fn lists_of_different_files_are_drawn_side_by_side_from_their_own_starts() {
    let captures = Captures::new();
    let two = [captures.golden("realloc.decoded"), captures.golden("threads.decoded")];
    let script = r#"
        let a = profiles()[0].allocations();
        let b = profiles()[1].allocations();
        let both = graph().add("a", a).add("b", b).add("nothing left of a", a);
        both.save();
        graph().add("b", b).save();
        both.only_non_empty_series().save_each_series_as_graph("each");
        both.save_each_series_as_flamegraph("each");
        println(a.len() > 0 && b.len() > 0);
        println([profiles()[0].runtime(), profiles()[1].runtime()]);
    "#;
    let outcome = evaluate(script, &two);
    assert_eq!(outcome.result, Ok(()));
    let pictures = pictures(&outcome);
    assert_eq!(pictures.len(), 2 + 3 + 3);
    let (both, alone) = (pictures[0].1, pictures[1].1);
    assert!(both.contains("Time since the start of each profile"), "{both}");
    assert!(alone.contains("Time since 20"));
    // The two stand on the same ground, seen through one another, and nothing is drawn of what an earlier series has.
    assert_eq!(both.matches("<polygon").count(), 2);
    assert_eq!(both.matches("opacity=\"0.35\"").count(), 2);
    assert!(!alone.contains("opacity=\"0.35\""));
    assert!(both.contains("nothing left of a"));
    assert!(!pictures[4].1.contains("nothing left of a"), "{}", pictures[4].0);
}

#[test]
fn two_runs_compare_by_backtrace() {
    let captures = Captures::new();
    let two = [captures.golden("realloc.decoded"), captures.golden("threads.decoded")];
    let script = r#"
        let all = profiles();
        let same = compare(all[0], all[0]);
        for row in same { if row.delta.leaked_bytes != 0 { println("differs"); } }
        let rows = compare(all[0], [all[1]]).sort_by_delta("leaked_bytes");
        let sum = 0;
        for row in rows { sum += row.delta.leaked_bytes; }
        println(rows.len() > 0);
        println(rows.take(1).len());
        println(rows[0].delta.keys().len());
        println(sum == rows.total().leaked_bytes);
        println(rows[0].backtrace.strip().to_string() != "");
        let both = same[0];
        println(both.new.leaked_bytes - both.base.leaked_bytes);
        println([rows[0].base, rows[0].new].contains(()));
    "#;
    assert_eq!(printed(script, &two), "true\n1\n5\ntrue\ntrue\n0\ntrue\n");
    let wrong = error("compare(data(), data()).sort_by_delta(\"bytes\");", &two);
    assert!(wrong.message.contains("unknown metric `bytes`: expected one of "), "{wrong}");
    assert!(error("compare(1, data());", &two).message.contains("`compare` expected"));
}

#[test]
fn a_filter_is_a_script_that_results_in_a_list() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let filter = |script: &str| filter(script, &profile, &Limits::default(), &Cancel::default());
    let leaked = Selection::all().filtered(Predicate::Leaked);
    assert_eq!(filter("println(1); allocations().only_leaked()"), Ok(Some(leaked.clone())));
    assert_eq!(filter("fn f() { return allocations().only_leaked(); } return f();"), Ok(Some(leaked)));
    assert_eq!(filter("42"), Ok(None));
    assert_eq!(filter("exit(1)"), Ok(None));
    assert!(filter("allocations().nothing()").unwrap_err().message.contains("nothing (AllocationList)"));
}

#[test]
fn graphs_show_what_they_are_told() {
    let captures = Captures::new();
    let profile = [captures.golden("simulation.decoded")];
    let draw = |graph: &str| {
        let outcome = evaluate(&format!("{graph}.save();"), &profile);
        assert_eq!(outcome.result, Ok(()), "{graph}");
        pictures(&outcome)[0].1.to_owned()
    };
    let named = r#"graph().add("Leaked", allocations().only_leaked()).add("Temporary", allocations().only_temporary())
        .add("Remaining", allocations())"#;
    assert!(draw(named).contains("Remaining"));
    let non_empty = draw(&format!("{named}.only_non_empty_series()"));
    assert!(!non_empty.contains("Remaining") && non_empty.contains("Temporary"));
    assert!(!draw(&format!("{named}.without_legend()")).contains("Temporary"));
    assert!(!draw(&format!("{named}.without_axes()")).contains("Memory usage"));

    let all = "graph().add(allocations())";
    let (whole, later, longer) =
        (draw(all), draw(&format!("{all}.start_at(s(5))")), draw(&format!("{all}.end_at(s(20))")));
    assert!(whole.contains(">\n2 s\n<") && whole.contains(">\n10 s\n<") && !whole.contains("20 s"));
    assert!(!later.contains(">\n2 s\n<") && later.contains(">\n10 s\n<"));
    assert!(longer.contains(">\n20 s\n<"));

    let few =
        "graph().add(allocations().only_allocated_after_at_least(s(4)).only_deallocated_until_at_most(s(6)))";
    let trimmed = draw(&format!("{few}.trim()"));
    assert!(
        !trimmed.contains(">\n2.0 s\n<")
            && trimmed.contains(">\n5.0 s\n<")
            && !trimmed.contains(">\n8.0 s\n<")
    );
    assert_eq!(draw(&format!("{few}.trim_left().trim_right()")), trimmed);

    for show in ["show_live_allocations", "show_new_allocations", "show_deallocations", "show_memory_usage"] {
        let name = show.trim_start_matches("show_").replace('_', " ");
        assert!(draw(&format!("{all}.{show}()")).to_lowercase().contains(&name), "{show}");
    }
    assert!(draw(&format!("{named}.with_gradient_color_scheme(\"#010203\", \"red\")")).contains("#010203"));
}
