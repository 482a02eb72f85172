//! Entries of a prompt: each goes on where the last one ended.

mod support;

use bytehound_dsl::{Console, Environment, Limits, Outcome};
use bytehound_index::Cancel;
use support::Captures;

fn enter(console: &mut Console, entry: &str) -> Outcome {
    console.enter(entry, &Cancel::new())
}

#[test]
fn what_one_entry_defines_the_next_can_use() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let mut console = Console::new(&[profile], Environment::closed(), &Limits::default());
    assert_eq!(enter(&mut console, "fn twice(n) { 2 * n } let n = 20;").value, None);
    assert_eq!(enter(&mut console, "n += 1; twice(n)").value.as_deref(), Some("42"));
    let failed = enter(&mut console, "let lost = 1;\nnonsense()").result.expect_err("no such function");
    assert_eq!(failed.line, Some(2));
    assert_eq!(enter(&mut console, "fn twice(n) { 3 * n } twice(n)").value.as_deref(), Some("63"));
    let leaked = enter(&mut console, "let leaked = allocations().only_leaked(); leaked").value;
    assert!(leaked.is_some_and(|text| text.ends_with(" allocation(s)")));
    assert_eq!(
        enter(&mut console, "leaked.len() == (leaked & allocations()).len()").value.as_deref(),
        Some("true")
    );
    assert_eq!(enter(&mut console, "exit(3)").exit_code, Some(3));
}

#[test]
fn an_entry_that_was_given_up_or_went_too_far_leaves_the_next_ones_alone() {
    let limits = Limits { operations: 100_000, ..Limits::default() };
    let mut console = Console::new(&[], Environment::closed(), &limits);
    let cancel = Cancel::new();
    cancel.cancel();
    let given_up = console.enter("loop { }", &cancel).result.expect_err("cancelled");
    assert_eq!(given_up.message, "the script was cancelled");
    for _ in 0..2 {
        let too_far = enter(&mut console, "loop { }").result.expect_err("too many operations");
        assert!(too_far.message.contains("more than 100000 operations"), "{too_far}");
    }
    assert_eq!(enter(&mut console, "1 + 1").value.as_deref(), Some("2"));
}

#[test]
fn an_entry_goes_on_until_it_is_closed() {
    let console = Console::new(&[], Environment::closed(), &Limits::default());
    for entry in ["fn f() {", "fn f() {\n  1\n", "println(1", "graph()\n  .add(", "[1, 2", "let x =", "1 +"] {
        assert!(!console.is_complete(entry), "{entry}");
    }
    for entry in ["", "1", "let x = 1;", "fn f() { 1 }", "let x = ;", "println(1))", "if { }", "nonsense("] {
        assert_eq!(console.is_complete(entry), entry != "nonsense(", "{entry}");
    }
}

#[test]
fn functions_variables_and_keywords_can_be_completed() {
    let mut console = Console::new(&[], Environment::closed(), &Limits::default());
    enter(&mut console, "let my_list = 1; fn my_function() { }");
    let words = console.words();
    for word in ["allocations", "only_leaked", "while", "my_list", "my_function", "thread"] {
        assert!(words.contains(word), "{word}");
    }
    assert!(!words.contains("+") && !words.contains("[]"));
}
