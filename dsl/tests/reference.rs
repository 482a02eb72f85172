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
fn the_example_of_every_function_runs_and_uses_it() {
    let captures = Captures::new();
    let profiles = [captures.golden("mmap.decoded"), captures.golden("threads.decoded")];
    for entry in bytehound_dsl::reference() {
        let name = if entry.name == "[]" { "[" } else { entry.name };
        assert!(entry.example.contains(name), "{}: `{}`", entry.form(), entry.example);
        let result = evaluate(&format!("{};", entry.example), &profiles).result;
        if entry.name == "load" {
            assert!(result.unwrap_err().message.contains("unsupported in this environment"));
        } else {
            assert_eq!(result, Ok(()), "`{}`", entry.example);
        }
    }
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
