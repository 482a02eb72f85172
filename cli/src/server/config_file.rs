//! The file of `--config`: TOML, whose names are those of the flags. Its values stand in for the defaults, so that
//! flags and variables win over them, and are read as flags are.

use crate::arguments::{Arguments, Command};
use anyhow::{Context, Result, anyhow, bail};
use clap::{CommandFactory, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use toml::Value;

/// What only the command line can say.
const NOT_IN_A_FILE: [&str; 3] = ["config", "help", "version"];
/// Letters that a name may be off by to be taken for a slip of the finger.
const SLIP_MAX: usize = 3;

/// The same arguments, with what the file says that they name.
pub(crate) fn with_file(arguments: Arguments) -> Result<Arguments> {
    let Command::Server(server) = &arguments.command else { return Ok(arguments) };
    let Some(path) = &server.config else { return Ok(arguments) };
    read_again(path, std::env::args_os()).with_context(|| format!("in `{}`", path.display()))
}

fn read_again(path: &Path, typed: impl Iterator<Item = OsString>) -> Result<Arguments> {
    let text = std::fs::read_to_string(path)?;
    let mut command = with_defaults(Arguments::command(), &text)?;
    let matches = command.try_get_matches_from_mut(typed).map_err(in_one_line)?;
    Ok(Arguments::from_arg_matches(&matches)?)
}

/// The definition of the command line, with what a file says instead of its defaults.
fn with_defaults(command: clap::Command, text: &str) -> Result<clap::Command> {
    let told: BTreeMap<String, Value> = toml::from_str(text)?;
    let mut values = told.into_iter().map(|(name, value)| Ok((id(&command, &name)?, texts(&name, value)?)));
    let values: BTreeMap<String, Vec<String>> = values.by_ref().collect::<Result<_>>()?;
    Ok(command.mut_subcommand("server", |server| {
        server.mut_args(|argument| match values.get(argument.get_id().as_str()) {
            Some(told) => argument.default_values(told),
            None => argument,
        })
    }))
}

/// The argument of `server` whose long name this is.
fn id(command: &clap::Command, name: &str) -> Result<String> {
    let server = command.find_subcommand("server").context("there is no `server`")?;
    let named =
        |argument: &&clap::Arg| argument.get_long().is_some_and(|long| !NOT_IN_A_FILE.contains(&long));
    let long = |argument: &clap::Arg| argument.get_long().unwrap_or_default().to_owned();
    let arguments: Vec<_> = server.get_arguments().filter(named).collect();
    if let Some(found) = arguments.iter().find(|argument| argument.get_long() == Some(name)) {
        return Ok(found.get_id().to_string());
    }
    let distance = |known: &String| strsim::levenshtein(known, name);
    let closest = arguments.iter().map(|argument| long(argument)).min_by_key(distance);
    let closest = closest.filter(|known| distance(known) <= SLIP_MAX);
    let hint = closest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    Err(anyhow!("there is no setting `{name}`{hint}"))
}

/// A value, or those of an array, as one would type them.
fn texts(name: &str, value: Value) -> Result<Vec<String>> {
    match value {
        Value::Array(values) => {
            let texts = values.into_iter().map(|value| texts(name, value)).collect::<Result<Vec<_>>>()?;
            Ok(texts.concat())
        }
        Value::String(text) => Ok(vec![text]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Boolean(is_set) => Ok(vec![is_set.to_string()]),
        other => {
            bail!("`{name}` is {}: a text, a whole number, `true`, `false` or an array", other.type_str())
        }
    }
}

/// What is wrong, without the hints for who types.
fn in_one_line(error: clap::Error) -> anyhow::Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    anyhow!("{}", first.trim_start_matches("error: "))
}
