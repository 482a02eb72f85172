//! `bytehound script`: runs a script over a capture, with real files and arguments.

use crate::arguments::ScriptArguments;
use crate::library::Library;
use anyhow::{Context, Result, bail};
use bytehound_dsl::{Environment, Limits};
use bytehound_index::Cancel;
use std::sync::Arc;

/// Runs the script; its own exit code is ours.
pub(crate) fn run(arguments: &ScriptArguments) -> Result<u8> {
    let script = std::fs::read_to_string(&arguments.script)
        .with_context(|| format!("cannot open script file `{}`", arguments.script.display()))?;
    let library = Arc::new(Library::open(&arguments.data_dir)?);
    let profiles = arguments.data.iter().map(|path| library.profile(path)).collect::<Result<Vec<_>>>()?;
    let environment = Environment::Native { arguments: arguments.arguments.clone(), source: library };
    let outcome = bytehound_dsl::run(&script, &profiles, environment, &Limits::relaxed(), &Cancel::new());
    match outcome.result {
        // As a shell has it: the low byte.
        Ok(()) => Ok(outcome.exit_code.map_or(0, |code| code as u8)),
        Err(error) => bail!("failed to evaluate the script: {}", error.message),
    }
}
