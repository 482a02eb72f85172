//! Stacks as `/v1` shows them.

use bytehound_index::{Backtrace, Frame};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub(crate) struct FrameJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    address: u64,
    is_inline: bool,
}

/// A stack: all of its frames, outermost first, and the indexes of those that say something about the program.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StackJson<'a> {
    frames: Vec<FrameJson<'a>>,
    stripped: Vec<usize>,
}

impl<'a> StackJson<'a> {
    pub(crate) fn of(backtrace: Backtrace<'a>) -> Self {
        Self {
            frames: backtrace.frames().map(FrameJson::of).collect(),
            stripped: backtrace.stripped().map(|(index, _)| index).collect(),
        }
    }
}

impl<'a> FrameJson<'a> {
    pub(crate) fn of(frame: Frame<'a>) -> Self {
        Self {
            library: frame.library,
            function: frame.function,
            raw_function: frame.raw_function,
            source: frame.source,
            line: frame.line,
            column: frame.column,
            address: frame.address,
            is_inline: frame.is_inline,
        }
    }
}
