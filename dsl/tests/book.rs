//! Everything that the book's "API reference" lists can be called as the book says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytehound_index::Profile;
use support::{Captures, evaluate, text};

/// Every heading of the reference with the signatures printed below it; `-` where there are none.
const BOOK: &str = include_str!("../../tests/data/book_signatures.txt");
/// Headings of the reference.
const FUNCTIONS: usize = 167;

/// Signatures that the book gets wrong: heading, what is printed there, and what holds. There is no other exception.
const CORRECTIONS: [(&str, &str, &str); 6] = [
    (
        "AllocationGroupList::take",
        "fn take(self: AllocationGroupList, count: AllocationGroupList) -> AllocanioGroupList",
        "fn take(self: AllocationGroupList, count: Integer) -> AllocationGroupList",
    ),
    (
        "AllocationList::only_from_maps",
        "fn only_from_maps(self: MapList, map_ids: Map|MapList|Integer) -> MapList",
        "fn only_from_maps(self: AllocationList, map_ids: Map|MapList|Integer) -> AllocationList",
    ),
    (
        "AllocationList::only_from_maps",
        "fn only_from_maps(self: MapList, map_ids: [Map|MapList|Integer]) -> MapList",
        "fn only_from_maps(self: AllocationList, map_ids: [Map|MapList|Integer]) -> AllocationList",
    ),
    ("Graph::trim", "fn trim_right(self: Graph) -> Graph", "fn trim(self: Graph) -> Graph"),
    ("exit", "fn exit(status_code: Integer) -> Duration", "fn exit(status_code: Integer)"),
    // A slip of the pen: its heading has the plural.
    (
        "Data::allocations",
        "fn allocation(self: Data) -> AllocationList",
        "fn allocations(self: Data) -> AllocationList",
    ),
];

/// One signature of the book, corrected.
struct Signature<'a> {
    receiver: &'a str,
    name: &'a str,
    /// Name and type of each, the receiver left out.
    parameters: Vec<(&'a str, &'a str)>,
    result: &'a str,
}

impl<'a> Signature<'a> {
    /// `fn name(parameter: Type, …) -> Result`, below a heading `Receiver::name`.
    fn parse(heading: &'a str, text: &'a str) -> Self {
        let (receiver, heading) = split_heading(heading);
        let (call, result) = text.split_once(" -> ").unwrap_or((text, "()"));
        let (name, parameters) = call.strip_prefix("fn ").unwrap().split_once('(').unwrap();
        assert_eq!(name, heading, "{text}");
        let parameters = parameters.strip_suffix(')').unwrap().split(", ").filter(|text| !text.is_empty());
        let parameters = parameters.map(|parameter| parameter.split_once(": ").unwrap());
        let is_argument = |(name, of): &(&str, &str)| {
            assert!(*name != "self" || *of == receiver, "{text}");
            *name != "self"
        };
        Self { receiver, name, parameters: parameters.filter(is_argument).collect(), result }
    }

    /// Calls with every kind of argument that it takes.
    fn calls(&self) -> Vec<String> {
        let mut arguments = vec![Vec::new()];
        for (name, types) in &self.parameters {
            let values = values(self.name, name, types);
            let with = |before: &Vec<String>, value: &String| {
                [before.as_slice(), std::slice::from_ref(value)].concat()
            };
            arguments = arguments
                .iter()
                .flat_map(|before| values.iter().map(move |value| with(before, value)))
                .collect();
        }
        arguments.iter().map(|arguments| self.call(arguments)).collect()
    }

    fn call(&self, arguments: &[String]) -> String {
        match (self.receiver, self.name, arguments) {
            (_, "+" | "-" | "*" | "&", [left, right]) => format!("{left} {} {right}", self.name),
            (_, "[]", [index]) => format!("{}[{index}]", self.receiver()),
            ("", name, _) => format!("{name}({})", arguments.join(", ")),
            (_, name, _) => format!("{}.{name}({})", self.receiver(), arguments.join(", ")),
        }
    }

    fn receiver(&self) -> &str {
        match (self.receiver, self.name) {
            ("Graph", name) if name.starts_with("save") => "graph().add(allocations())",
            ("Graph", _) => "graph()",
            (receiver, _) => object(receiver),
        }
    }
}

fn split_heading(heading: &str) -> (&str, &str) {
    heading.split_once("::").unwrap_or(("", heading))
}

/// How a script comes by an object of this type.
fn object(of: &str) -> &str {
    match of {
        "Data" => "data()",
        "Allocation" => "allocations()[0]",
        "AllocationList" => "allocations()",
        "AllocationGroupList" => "allocations().group_by_backtrace()",
        "Backtrace" => "allocations()[0].backtrace()",
        "Map" => "maps()[0]",
        "MapList" => "maps()",
        "Duration" => "ms(1)",
        "Integer" => "0",
        "Float" => "0.5",
        "Any" => "[1]",
        other => panic!("what is a {other}?"),
    }
}

/// A value of each type that a parameter may have.
fn values(function: &str, parameter: &str, types: &str) -> Vec<String> {
    if types == "String" {
        return vec![text_for(function, parameter).to_owned()];
    }
    match types.strip_prefix('[').and_then(|types| types.strip_suffix(']')) {
        Some(elements) => elements.split('|').map(|of| format!("[{}]", object(of))).collect(),
        None => types.split('|').map(|of| object(of).to_owned()).collect(),
    }
}

fn text_for(function: &str, parameter: &str) -> &'static str {
    match (function, parameter) {
        ("println", _) => r#""{}""#,
        ("chdir", _) => r#""/""#,
        ("with_gradient_color_scheme", _) => r#""red""#,
        (_, "regex") => r#""^[a-z]+$""#,
        _ => r#""name""#,
    }
}

/// The signatures of the book, corrected.
fn signatures() -> Vec<Signature<'static>> {
    let mut corrected = BTreeSet::new();
    let lines = BOOK.lines().map(|line| line.split_once('\t').unwrap());
    let signatures = lines.filter_map(|(heading, printed)| {
        let correction = CORRECTIONS.iter().position(|wrong| (wrong.0, wrong.1) == (heading, printed));
        corrected.extend(correction);
        let holds = correction.map_or(printed, |index| CORRECTIONS[index].2);
        (holds != "-").then(|| Signature::parse(heading, holds))
    });
    let signatures = signatures.collect();
    assert_eq!(corrected.len(), CORRECTIONS.len(), "the book is not wrong there");
    signatures
}

fn headings() -> BTreeSet<&'static str> {
    BOOK.lines().map(|line| line.split_once('\t').unwrap().0).collect()
}

#[test]
fn every_function_of_the_book_is_registered() {
    let entries = bytehound_dsl::reference();
    let registered: BTreeSet<_> = entries.iter().map(|entry| (entry.receiver, entry.name)).collect();
    for heading in headings() {
        let (receiver, name) = split_heading(heading);
        let name = if name == "(iterator)" { "for" } else { name };
        assert!(registered.contains(&(receiver, name)), "{heading}");
    }
    assert_eq!(headings().len(), FUNCTIONS, "the list of the book's functions has changed");
}

#[test]
fn every_function_takes_the_arguments_that_the_book_gives_it_and_gives_what_the_book_says() {
    let captures = Captures::new();
    let profile = captures.golden("mmap.decoded");
    let mut called = BTreeSet::new();
    for signature in signatures() {
        for call in signature.calls() {
            check(&profile, &signature, &call);
        }
        called.insert((signature.receiver, signature.name));
    }
    // Without a signature are two aliases, which `sort_by_…_descending` tests, and the iterator.
    assert_eq!(called.len(), FUNCTIONS - 3);
}

fn check(profile: &Arc<Profile>, signature: &Signature<'_>, call: &str) {
    let script = format!("let result = {call}; println(); println(type_of(result)); result.to_string();");
    let outcome = evaluate(&script, &[Arc::clone(profile)]);
    match (signature.receiver, signature.name) {
        ("", "exit") => assert!(outcome.exit_code.is_some(), "{call}"),
        // On the command line alone, as the book says.
        ("", "load") => {
            assert!(outcome.result.unwrap_err().message.contains("unsupported in this environment"))
        }
        _ => {
            assert_eq!(outcome.result, Ok(()), "{call}");
            let printed = text(&outcome);
            assert_eq!(printed.trim_end().lines().last(), Some(rhai_name(signature.result)), "{call}");
        }
    }
}

/// What Rhai's `type_of` says of a type of the book.
fn rhai_name(of: &str) -> &str {
    match of {
        "Integer" => "i64",
        "String" => "string",
        "[String]" => "array",
        other => other,
    }
}

#[test]
fn aliases_and_the_iterator_do_what_they_stand_for() {
    let captures = Captures::new();
    let script = r#"
        let groups = allocations().group_by_backtrace();
        let lens = |groups| { let lens = []; for group in groups { lens.push(group.len()); } lens };
        println(lens.call(groups.sort_by_count()) == lens.call(groups.sort_by_count_descending()));
        println(lens.call(groups.sort_by_size()) == lens.call(groups.sort_by_size_descending()));
        println(lens.call(groups).len() == groups.len());
    "#;
    let outcome = evaluate(script, &[captures.golden("realloc.decoded")]);
    assert_eq!((outcome.result.clone(), text(&outcome).as_str()), (Ok(()), "true\ntrue\ntrue\n"));
}
