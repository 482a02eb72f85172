//! The scripts of the book's case study, unmodified, tell the book's story of the golden simulation.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use support::{Captures, data, evaluate, pictures, text};

fn run(script: &str) -> (String, Vec<(String, String)>) {
    let captures = Captures::new();
    let simulation = captures.golden("simulation.decoded");
    let script = fs::read_to_string(data(&format!("scripts/{script}"))).unwrap();
    let outcome = evaluate(&script, &[simulation]);
    assert_eq!(outcome.result, Ok(()));
    let pictures =
        pictures(&outcome).into_iter().map(|(path, svg)| (path.to_owned(), svg.to_owned())).collect();
    (text(&outcome), pictures)
}

/// What is printed of each group: its numbers, and the innermost frame kept.
fn groups(text: &str) -> Vec<(Vec<&str>, &str)> {
    let mut groups = Vec::new();
    for part in text.split("Total: ").skip(1) {
        let (numbers, backtrace) = part.split_once("\n\nBacktrace:\n").unwrap();
        let numbers = numbers.split('\n').map(|line| line.rsplit(' ').next().unwrap()).collect();
        groups.push((numbers, backtrace.trim_end().lines().last().unwrap()));
    }
    groups
}

#[test]
fn the_first_half_finds_what_was_never_freed() {
    let (text, pictures) = run("case_study_1.rhai");
    let groups = groups(&text);
    let numbers: Vec<_> = groups.iter().map(|(numbers, _)| numbers.join("/")).collect();
    // In order of leaked bytes: the linear leak, the bounded one, and the one with temporary allocations as well.
    assert_eq!(numbers, ["2105/2105", "2304/1081", "226857/240"]);
    for (function, part) in [
        ("allocate_linear_leak_never_deallocated", 1),
        ("allocate_bounded_leak", 2),
        ("allocate_both_temporary_and_linear_leak", 3),
    ] {
        assert!(text.split("Total: ").nth(part).unwrap().contains(function), "{function}");
    }
    for (_, innermost) in &groups {
        assert!(innermost.contains("alloc::vec::Vec<T,A>::resize"), "{innermost}");
    }
    assert_eq!(pictures.len(), 6);
    assert!(pictures.iter().enumerate().all(|(i, (path, _))| *path == format!("/Graph #{}.svg", i + 1)));
    assert!(pictures[1].1.contains("Leaked") && pictures[1].1.contains("Temporary"));
    // The leaking groups, one area each.
    assert!(pictures[2].1.matches("<polygon").count() >= 3);
}

#[test]
fn the_second_half_finds_what_was_freed_only_at_the_end() {
    let (text, pictures) = run("case_study_2.rhai");
    let groups = groups(&text);
    assert_eq!(groups.len(), 2);
    let leak = text.split("Total: ").nth(1).unwrap();
    assert!(leak.contains("allocate_linear_leak_deallocated_at_the_end"), "{leak}");
    // Every allocation of the first group is freed in the last moments.
    assert_eq!(groups[0].0[0], groups[0].0[1]);
    // The second is a vector that grows.
    assert!(groups[1].1.contains("realloc"), "{}", groups[1].1);
    assert_eq!(groups[1].0[1], "1");
    assert_eq!(pictures.len(), 9);
    assert!(pictures[8].1.contains("Remaining"));
}
