//! A filter as the script that asks for the same.

use super::{Condition, Filter, Value};
use bytehound_index::Manifest;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// What goes before an expression, and the expression.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::original) struct FilterScript {
    prologue: String,
    code: String,
}

impl From<FilterScript> for String {
    fn from(script: FilterScript) -> Self {
        script.prologue + script.code.as_str()
    }
}

impl<P: Clone> Filter<P> {
    /// The script; `all` is what it begins with where the filter has no script of its own.
    pub(in crate::original) fn to_script(&self, all: &str, manifest: &Manifest) -> FilterScript {
        let (prologue, first) = match &self.custom {
            Some(script) => (prologue(script), "filtered"),
            None => (String::new(), all),
        };
        let mut code = format!("{first}\n");
        for Condition { parameter, value } in &self.conditions {
            if !parameter.call.is_empty() {
                // Writing into a string can't fail.
                _ = writeln!(code, "  .{}({})", parameter.call, value.argument(manifest));
            }
        }
        FilterScript { prologue, code }
    }
}

impl<P> Value<P> {
    fn argument(&self, manifest: &Manifest) -> String {
        match self {
            Self::Fixed(_, argument) => argument.clone(),
            Self::At(_, offset) => span(offset.in_us(manifest)),
            Self::AliveAt(_, offsets) => {
                let spans: Vec<_> = offsets.iter().map(|offset| span(offset.in_us(manifest))).collect();
                format!("[{}]", spans.join(", "))
            }
        }
    }
}

fn prologue(script: &str) -> String {
    let body: String = script.lines().map(|line| format!("    {line}\n")).collect();
    format!("fn custom_filter() {{\n{body}}}\n\nlet filtered = custom_filter();\n")
}

/// A duration as a sum of whole units.
fn span(us: u64) -> String {
    let mut rest = us;
    let mut parts = Vec::new();
    for (unit, length) in [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)]
    {
        if rest >= length {
            parts.push(format!("{unit}({})", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "s(0)".to_owned() } else { parts.join(" + ") }
}

/// A number that stays a float when it is read again.
pub(super) fn float(number: f64) -> String {
    format!("{number:?}")
}

/// A string literal.
pub(super) fn text(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;

    fn script(query: &str) -> FilterScript {
        let manifest = Manifest { start_us: 5_000_000, end_us: 7_000_000, ..Manifest::default() };
        let filter = Filter::of_allocations(&Parameters::parse(query)).unwrap();
        filter.to_script("allocations()", &manifest)
    }

    #[test]
    fn times_are_sums_and_texts_are_quoted() {
        assert_eq!(span(3_600_000_000 * 25 + 61_002_003), "h(25) + m(1) + s(1) + ms(2) + us(3)");
        assert_eq!(span(0), "s(0)");
        assert_eq!(text("a\\.\"b\n"), "\"a\\\\.\\\"b\\n\"");
    }

    #[test]
    fn every_condition_is_a_line() {
        let query = "lifetime=only_whole_group_leaked&group_leaked_allocations_min=3&alive_at=50%25&to=5001\
            &deallocation_backtraces=7&size_max=18446744073709551615&function_regex=a%22b";
        let code = "allocations()\n  .only_matching_deallocation_backtraces([7])\n  \
            .only_passing_through_function(\"a\\\"b\")\n  .only_smaller_or_equal(-1)\n  \
            .only_allocated_until_at_most(ms(1) + us(999))\n  .only_alive_at([s(1)])\n  \
            .only_group_leaked_allocations_at_least(1.0)\n";
        assert_eq!(script(query), FilterScript { prologue: String::new(), code: code.to_owned() });
    }

    #[test]
    fn a_filter_with_a_script_begins_with_its_result() {
        let FilterScript { prologue, code } =
            script("custom_filter=let+a+%3D+1;%0Aallocations()&lifetime=all");
        assert_eq!(
            prologue,
            "fn custom_filter() {\n    let a = 1;\n    allocations()\n}\n\nlet filtered = custom_filter();\n"
        );
        assert_eq!(code, "filtered\n");
    }
}
