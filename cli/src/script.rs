//! `bytehound script`: runs a script over captures, with real files and arguments, or takes it line by line.

mod json;
mod prompt;

use crate::arguments::ScriptArguments;
use crate::library::Library;
use anyhow::{Context, Result, bail};
use bytehound_dsl::{Console, Environment, Limits, Outcome, Printing};
use bytehound_index::Cancel;
use std::io::{IsTerminal, Write, stdin, stdout};
use std::sync::Arc;

/// What is to be run.
enum Script {
    File(String),
    Expression(String),
    Prompt,
}

/// Runs the script; its own exit code is ours.
pub(crate) fn run(arguments: &ScriptArguments) -> Result<u8> {
    let (script, rest) = script(arguments)?;
    let library = Arc::new(Library::open(&arguments.data_dir)?);
    let profiles = arguments.data.iter().map(|path| library.profile(path)).collect::<Result<Vec<_>>>()?;
    let environment = Environment::Native {
        arguments: rest.to_vec(),
        printing: if arguments.json { Printing::Kept } else { Printing::AtOnce },
        source: Arc::clone(&library) as _,
        shelf: library,
    };
    let (limits, cancel) = (Limits::relaxed(), Cancel::new());
    let outcome = match script {
        Script::File(text) => bytehound_dsl::run(&text, &profiles, environment, &limits, &cancel),
        Script::Expression(text) => Console::new(&profiles, environment, &limits).enter(&text, &cancel),
        Script::Prompt => return prompt::converse(Console::new(&profiles, environment, &limits)),
    };
    if arguments.json { json::print(&outcome) } else { finish(&outcome) }
}

/// The script, and the arguments that follow it.
fn script(arguments: &ScriptArguments) -> Result<(Script, &[String])> {
    if let Some(expression) = &arguments.expression {
        return Ok((Script::Expression(expression.clone()), &arguments.words));
    }
    let Some((path, rest)) = arguments.words.split_first() else {
        if !stdin().is_terminal() || arguments.json {
            bail!("no script: name a file, `-` for the standard input, or give one with `-e`");
        }
        return Ok((Script::Prompt, &[]));
    };
    let text = match path.as_str() {
        "-" => std::io::read_to_string(stdin()).context("cannot read the script from the standard input")?,
        path => std::fs::read_to_string(path).with_context(|| format!("cannot open script file `{path}`"))?,
    };
    Ok((Script::File(text), rest))
}

fn finish(outcome: &Outcome) -> Result<u8> {
    if let Err(error) = &outcome.result {
        bail!("failed to evaluate the script: {error}");
    }
    if let Some(value) = &outcome.value {
        writeln!(stdout(), "{value}")?;
    }
    Ok(exit_code(outcome))
}

/// What the script gave `exit`, as a shell has it: the low byte.
fn exit_code(outcome: &Outcome) -> u8 {
    outcome.exit_code.map_or(0, |code| code as u8)
}
