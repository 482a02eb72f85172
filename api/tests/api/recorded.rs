//! Answers as they can be compared: JSON by fields, folded stacks by stack, heaptrack's records by what they say.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a route answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Document {
    Json(Value),
    Text(String),
    Stacks(BTreeMap<String, u64>),
    Heap(Vec<HeapStep>),
}

/// One allocation, or its end, in a data file of heaptrack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeapStep {
    is_allocation: bool,
    ms: u64,
    size: u64,
    /// Outermost first; each an address, a module, and what else is known.
    stack: Vec<[String; 3]>,
}

/// An answer, as what its route gives.
pub(crate) fn recorded(path: &str, text: String) -> Document {
    if path.contains("/export/heaptrack") {
        return Document::Heap(heap(&text));
    }
    match serde_json::from_str(&text) {
        Ok(json) => Document::Json(json),
        Err(_) => Document::Text(text),
    }
}

impl Document {
    #[track_caller]
    pub(crate) fn json(&mut self) -> &mut Value {
        match self {
            Self::Json(json) => json,
            other => panic!("not JSON: {other:?}"),
        }
    }

    /// Takes out in which library each frame lies.
    pub(crate) fn forget_libraries(&mut self) {
        match self {
            Self::Json(json) => forget_libraries(json),
            Self::Text(text) => *text = without_brackets(text),
            Self::Stacks(_) => {}
            Self::Heap(steps) => steps.iter_mut().flat_map(|step| &mut step.stack).for_each(|frame| {
                frame[1].clear();
            }),
        }
    }

    /// Makes lines of folded stacks one line a stack.
    pub(crate) fn add_up_stacks(&mut self) {
        let Self::Text(text) = self else { panic!("not text") };
        let mut stacks = BTreeMap::new();
        for (stack, bytes) in text.lines().map(|line| line.rsplit_once(' ').unwrap()) {
            *stacks.entry(stack.to_owned()).or_default() += bytes.parse::<u64>().unwrap();
        }
        *self = Self::Stacks(stacks);
    }

    pub(crate) fn times_of_heaptrack_only_grow(&self) {
        let Self::Heap(steps) = self else { panic!("not of heaptrack") };
        assert!(steps.is_sorted_by_key(|step| step.ms));
    }

    /// Leaves allocations in their order, and of frees only how many of each kind there are.
    pub(crate) fn forget_when_heaptrack_frees(&mut self) {
        let Self::Heap(steps) = self else { panic!("not of heaptrack") };
        let (allocations, mut frees): (Vec<_>, Vec<_>) = steps.drain(..).partition(|step| step.is_allocation);
        frees.iter_mut().for_each(|step| step.ms = 0);
        frees.sort();
        *steps = [allocations, frees].concat();
    }

    #[track_caller]
    pub(crate) fn assert_same(&self, expected: &Self, at: &str) {
        match (self, expected) {
            (Self::Json(ours), Self::Json(expected)) => same(at, ours, expected),
            _ => assert!(self == expected, "{at}\n{self:#?}\n{expected:#?}"),
        }
    }
}

fn forget_libraries(json: &mut Value) {
    match json {
        Value::Array(values) => values.iter_mut().for_each(forget_libraries),
        Value::Object(fields) => {
            fields.remove("library");
            fields.values_mut().for_each(forget_libraries);
        }
        _ => {}
    }
}

/// ` [library]` stands after an address, in trees and in folded stacks.
fn without_brackets(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, bracket)) = rest.split_once(" [") {
        kept += before;
        rest = bracket.split_once(']').unwrap().1;
    }
    kept + rest
}

fn heap(text: &str) -> Vec<HeapStep> {
    let mut strings = vec![String::new()];
    let mut places: Vec<[String; 3]> = vec![Default::default()];
    let mut stacks = vec![Vec::new()];
    let mut kinds = Vec::new();
    let mut ms = 0;
    let mut steps = Vec::new();
    for line in text.lines() {
        let (record, rest) = line.split_once(' ').unwrap();
        let number = |index: usize| {
            rest.split(' ').nth(index).map(|number| usize::from_str_radix(number, 16).unwrap())
        };
        let string = |index: usize| number(index).map_or("", |number| strings[number].as_str());
        match record {
            "s" => strings.push(rest.to_owned()),
            "i" => {
                let function = format!("{} {} {:?}", string(2), string(3), number(4));
                places.push([rest.split(' ').next().unwrap().to_owned(), string(1).to_owned(), function]);
            }
            "t" => {
                let mut stack = stacks[number(1).unwrap()].clone();
                stack.push(places[number(0).unwrap()].clone());
                stacks.push(stack);
            }
            "a" => kinds.push((number(0).unwrap() as u64, number(1).unwrap())),
            "c" => ms = number(0).unwrap() as u64,
            "+" | "-" => {
                let (size, stack) = kinds[number(0).unwrap()];
                let stack = stacks[stack].clone();
                steps.push(HeapStep { is_allocation: record == "+", ms, size, stack });
            }
            _ => assert!(matches!(record, "v" | "X"), "{line}"),
        }
    }
    steps
}

#[track_caller]
fn same(at: &str, ours: &Value, expected: &Value) {
    match (ours, expected) {
        (Value::Array(ours), Value::Array(expected)) => {
            assert_eq!(ours.len(), expected.len(), "{at}");
            for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
                same(&format!("{at}[{index}]"), ours, expected);
            }
        }
        (Value::Object(ours), Value::Object(expected)) => {
            let [names, expected_names] = [ours, expected].map(|object| object.keys().collect::<Vec<_>>());
            assert_eq!(names, expected_names, "{at}");
            for (key, expected) in expected {
                same(&format!("{at}.{key}"), &ours[key], expected);
            }
        }
        _ => assert_eq!(ours, expected, "{at}"),
    }
}
