//! What came of a script as JSON: the shape that the service answers with, but for the addresses of pictures.

use anyhow::Result;
use bytehound_dsl::{Outcome, OutputItem};
use serde_json::{Value, json};
use std::io::Write;

/// Prints it on one line. A script that failed has said so in it, and only the exit code repeats it.
pub(super) fn print(outcome: &Outcome) -> Result<u8> {
    writeln!(std::io::stdout(), "{}", of(outcome))?;
    Ok(if outcome.result.is_ok() { super::exit_code(outcome) } else { 1 })
}

fn of(outcome: &Outcome) -> Value {
    let output: Vec<Value> = outcome.output.iter().map(item).collect();
    let elapsed = outcome.elapsed.as_secs_f64();
    match &outcome.result {
        Ok(()) => json!({
            "status": "ok", "elapsed": elapsed, "output": output,
            "value": outcome.value, "exit_code": outcome.exit_code,
        }),
        Err(error) => json!({
            "status": "error", "elapsed": elapsed, "output": output,
            "message": error.message, "line": error.line, "column": error.column,
        }),
    }
}

fn item(item: &OutputItem) -> Value {
    match item {
        OutputItem::Println(value) => json!({ "kind": "println", "value": value }),
        OutputItem::Image { path, checksum, .. } => {
            json!({ "kind": "image", "path": path, "checksum": checksum })
        }
    }
}
