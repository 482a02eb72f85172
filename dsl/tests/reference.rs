//! The reference in `docs/dsl.md` is that of the functions which are registered.

mod support;

use std::collections::HashSet;

use support::{Captures, evaluate};

#[path = "../examples/reference.rs"]
mod printed;

#[test]
fn the_documentation_holds_every_registered_function() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dsl.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    let reference = printed::reference_text();
    assert!(
        documentation.contains(&reference),
        "docs/dsl.md is out of date: replace its reference with what `cargo run -p bytehound-dsl --example reference` prints"
    );
}

#[test]
fn no_function_is_described_twice() {
    let mut seen = HashSet::new();
    for entry in bytehound_dsl::reference() {
        assert!(seen.insert((entry.receiver, entry.name)), "{} {}", entry.receiver, entry.name);
        assert!(entry.meaning.ends_with('.'), "{}: {}", entry.name, entry.meaning);
    }
}

#[test]
fn every_function_of_the_book_is_registered() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/book_functions.txt");
    let book = std::fs::read_to_string(path).unwrap();
    let registered: HashSet<_> =
        bytehound_dsl::reference().iter().map(|entry| (entry.receiver, entry.name)).collect();
    let mut checked = 0;
    for line in book.lines() {
        let (receiver, name) = line.split_once("::").unwrap_or(("", line));
        let name = if name == "(iterator)" { "for" } else { name };
        assert!(registered.contains(&(receiver, name)), "{line}");
        checked += 1;
    }
    assert_eq!(checked, 167, "the list of the book's functions has changed");
}

#[test]
fn the_examples_of_the_documentation_run() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dsl.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    let captures = Captures::new();
    let profiles = [captures.golden("realloc.decoded"), captures.golden("threads.decoded")];
    let examples: Vec<_> =
        documentation.split("```rhai\n").skip(1).map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2);
    for example in examples.into_iter().flatten() {
        let outcome = evaluate(example, &profiles);
        assert_eq!(outcome.result, Ok(()), "{example}");
        assert!(!outcome.output.is_empty(), "{example}");
    }
}
