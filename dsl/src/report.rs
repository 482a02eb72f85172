//! What a person is told when a script ends by an error.

use rhai::{EvalAltResult, ParseErrorType, Position};

use crate::failure::Stop;
use crate::library::Entry;
use crate::limits::Limits;
use crate::script::ScriptError;
use crate::session::Session;
use crate::text;

/// Script functions named of those that an error came through.
const CALLS_NAMED: usize = 8;

/// The exit code, if `error` is the script's wish to end.
pub(crate) fn exit_code(error: &EvalAltResult) -> Option<i64> {
    match stop(innermost(error).0) {
        Some(Stop::Exit(code)) => Some(code),
        _ => None,
    }
}

pub(crate) fn report(
    error: &EvalAltResult,
    entries: &[Entry],
    limits: &Limits,
    session: &Session,
) -> ScriptError {
    let (inner, calls) = innermost(error);
    let mut message = message(inner, entries, limits, session);
    for function in calls.iter().rev().take(CALLS_NAMED) {
        message.push_str(&format!(" in call to function {function}"));
    }
    let place = inner.position();
    ScriptError { message, line: place.line(), column: place.position() }
}

/// The error itself, and the script functions it came through, outermost first.
fn innermost(error: &EvalAltResult) -> (&EvalAltResult, Vec<&str>) {
    let mut calls = Vec::new();
    let mut error = error;
    while let EvalAltResult::ErrorInFunctionCall(name, _, inner, _) = error {
        calls.push(name.as_str());
        error = inner;
    }
    (error, calls)
}

fn stop(error: &EvalAltResult) -> Option<Stop> {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => token.read_lock::<Stop>().map(|stop| *stop),
        _ => None,
    }
}

fn message(error: &EvalAltResult, entries: &[Entry], limits: &Limits, session: &Session) -> String {
    match error {
        EvalAltResult::ErrorTerminated(..) => match stop(error) {
            Some(Stop::Deadline) => format!("the script ran longer than {:?}", limits.deadline),
            _ => session.verdict().unwrap_or_else(|| "the script was cancelled".to_owned()),
        },
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("the script took more than {} operations", limits.operations)
        }
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions called one another more than {} levels deep", limits.call_levels)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!(
            "{what} too large: a string has at most {} bytes, an array {} elements, a map {} entries",
            limits.string_bytes, limits.array_elements, limits.map_entries
        ),
        EvalAltResult::ErrorFunctionNotFound(call, _) => not_found(call, entries),
        EvalAltResult::ErrorParsing(ParseErrorType::ExprTooDeep, _) => {
            "an expression is nested too deeply".to_owned()
        }
        other => without_place(other),
    }
}

/// `Function not found: only_larger (AllocationList, String)`, and how the function would have to be called.
fn not_found(call: &str, entries: &[Entry]) -> String {
    let (name, arguments) = call.split_once(" (").unwrap_or((call, ")"));
    let arguments: Vec<&str> = arguments.trim_end_matches(')').split(", ").map(text::script_name).collect();
    let call = format!("{name} ({})", arguments.join(", "));
    let forms: Vec<String> = entries
        .iter()
        .filter(|entry| entry.name == name)
        .map(|entry| format!("`{}`", entry.form()))
        .collect();
    if forms.is_empty() {
        format!("Function not found: {call}")
    } else {
        format!("Function not found: {call}; expected {}", forms.join(" or "))
    }
}

fn without_place(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = error.position();
    if place == Position::NONE {
        return text;
    }
    text.strip_suffix(&format!(" ({place})")).map(str::to_owned).unwrap_or(text)
}
