//! Frames as the original showed them.

use bytehound_index::{Backtrace, Frame};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalFrame")]
pub(crate) struct FrameJson<'a> {
    address: u64,
    address_s: String,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    is_inline: bool,
}

/// All frames of a stack, outermost first.
pub(super) fn frames(backtrace: Backtrace<'_>, strips_template_arguments: bool) -> Vec<FrameJson<'_>> {
    backtrace.frames().map(|frame| FrameJson::of(frame, strips_template_arguments)).collect()
}

impl<'a> FrameJson<'a> {
    pub(super) fn of(frame: Frame<'a>, strips: bool) -> Self {
        let function = frame.function.map(|name| if strips { strip(name).into() } else { Cow::from(name) });
        Self {
            address: frame.address,
            address_s: format!("{:016X}", frame.address),
            count: frame.count,
            library: frame.library,
            function,
            raw_function: frame.raw_function,
            source: frame.source,
            line: frame.line,
            column: frame.column,
            is_inline: frame.is_inline,
        }
    }
}

/// Writes `<...>` for each outermost `<…>`, but not for what belongs to the name of an operator.
fn strip(name: &str) -> String {
    let mut stripped = String::with_capacity(name.len());
    let mut depth = 0_usize;
    for character in name.chars() {
        match character {
            '<' if depth == 0 && ends_with_operator(&stripped) => stripped.push('<'),
            '<' => {
                if depth == 0 {
                    stripped.push_str("<...>");
                }
                depth += 1;
            }
            '>' if depth > 0 => depth -= 1,
            other if depth == 0 => stripped.push(other),
            _ => {}
        }
    }
    stripped
}

/// `operator<`, `operator<<`: what comes next is a part of the operator.
fn ends_with_operator(text: &str) -> bool {
    text.strip_suffix('<').unwrap_or(text).ends_with("operator")
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn template_arguments_become_dots() {
        assert_eq!(strip("std::map<int, std::vector<int>>::find(int)"), "std::map<...>::find(int)");
        assert_eq!(strip("<alloc::vec::Vec<T> as Drop>::drop"), "<...>::drop");
        assert_eq!(strip("main"), "main");
    }

    #[test]
    fn operators_keep_their_names() {
        assert_eq!(strip("operator<"), "operator<");
        assert_eq!(strip("std::operator<< <char>(int)"), "std::operator<< <...>(int)");
        assert_eq!(strip("A::operator->()"), "A::operator->()");
    }

    #[test]
    fn what_is_never_closed_ends_the_name() {
        assert_eq!(strip("f<a<b"), "f<...>");
    }
}
