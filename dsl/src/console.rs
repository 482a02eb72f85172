//! A script that goes on: what one entry defines, the next can use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytehound_index::{Cancel, Profile};
use rhai::{AST, Dynamic, Engine, EvalAltResult, ParseErrorType, Position, Scope};

use crate::engine::engine;
use crate::environment::{Environment, World};
use crate::failure::Answer;
use crate::library::Entry;
use crate::limits::Limits;
use crate::native::Native;
use crate::report::{exit_code, report};
use crate::sandbox::Sandbox;
use crate::script::{Outcome, ScriptError};
use crate::session::Session;
use crate::supervise::supervise;
use crate::text;

/// Words of Rhai that a person types.
const KEYWORDS: [&str; 15] = [
    "break", "catch", "const", "continue", "else", "false", "fn", "for", "if", "let", "loop", "return",
    "true", "try", "while",
];

/// An interpreter that keeps variables and functions from one entry to the next.
///
/// Each entry has the whole of the limits for itself.
pub struct Console {
    session: Arc<Session>,
    engine: Engine,
    entries: Vec<Entry>,
    limits: Limits,
    variables: Scope<'static>,
    functions: AST,
}

/// How an entry ended.
pub(crate) enum End<T> {
    Finished(T),
    Exited(i64),
    Failed(ScriptError),
}

impl Console {
    /// An interpreter in which nothing is defined yet. The first of `profiles` is its global data.
    pub fn new(profiles: &[Arc<Profile>], environment: Environment, limits: &Limits) -> Self {
        let (shelf, world): (_, Box<dyn World>) = match environment {
            Environment::Native { arguments, printing, source, shelf } => {
                (shelf, Box::new(Native::new(arguments, printing, source)))
            }
            Environment::Virtual { shelf } => {
                (shelf, Box::new(Sandbox::new(limits.output_bytes, limits.files_bytes)))
            }
        };
        let session = Arc::new(Session::new(profiles.to_vec(), shelf, world));
        let (engine, entries) = engine(&session, limits);
        let (variables, functions) = (Scope::new(), AST::empty());
        Self { session, engine, entries, limits: limits.clone(), variables, functions }
    }

    /// Evaluates `entry`; the outcome has its value, unless that is `()`.
    pub fn enter(&mut self, entry: &str, cancel: &Cancel) -> Outcome {
        self.run(entry, cancel, |value| match value.is_unit() {
            true => Ok(None),
            false => text::display(&value).map(Some),
        })
    }

    /// Whether `entry` could be evaluated, or is wrong; else more has to come.
    pub fn is_complete(&self, entry: &str) -> bool {
        let Err(error) = self.engine.compile(entry) else { return true };
        match *error.0 {
            ParseErrorType::UnexpectedEOF => false,
            ParseErrorType::MissingToken(..) => !is_behind(entry, error.position()),
            _ => true,
        }
    }

    /// Every word that can be written: functions, variables, and those of the language.
    pub fn words(&self) -> BTreeSet<String> {
        let is_word = |name: &&str| name.starts_with(|first: char| first.is_ascii_alphabetic());
        let functions = self.entries.iter().map(|entry| entry.name).filter(is_word);
        let own_functions = self.functions.iter_functions().map(|function| function.name);
        let variables = self.variables.iter().map(|(name, ..)| name);
        functions.chain(KEYWORDS).chain(own_functions).chain(variables).map(str::to_owned).collect()
    }

    pub(crate) fn into_reference(self) -> Vec<Entry> {
        self.entries
    }

    /// Evaluates `script`, and makes what the outcome tells of its value.
    pub(crate) fn run(
        &mut self,
        script: &str,
        cancel: &Cancel,
        shown: impl FnOnce(Dynamic) -> Answer<Option<String>> + Send,
    ) -> Outcome {
        let started = Instant::now();
        let end = self.supervised(script, cancel, shown);
        let output = self.session.world().take_output();
        let (result, exit_code, value) = match end {
            End::Finished(value) => (Ok(()), None, value),
            End::Exited(code) => (Ok(()), Some(code), None),
            End::Failed(error) => (Err(error), None, None),
        };
        Outcome { output, result, exit_code, value, elapsed: started.elapsed() }
    }

    pub(crate) fn supervised<T: Send>(
        &mut self,
        script: &str,
        caller: &Cancel,
        then: impl FnOnce(Dynamic) -> Answer<T> + Send,
    ) -> End<T> {
        // The script has a flag of its own: that it is stopped is not to stop what else its caller does.
        let cancel = Cancel::new();
        self.session.begin(match Instant::now().checked_add(self.limits.deadline) {
            Some(deadline) => cancel.with_deadline(deadline),
            None => cancel,
        });
        let (session, limits) = (Arc::clone(&self.session), self.limits.clone());
        let end = supervise(&session, caller, &limits, || {
            let value = self.evaluate(script).and_then(then);
            value.map_or_else(|error| self.failed(&error), End::Finished)
        });
        end.unwrap_or_else(|what| End::Failed(ScriptError::internal(&what)))
    }

    fn evaluate(&mut self, script: &str) -> Answer<Dynamic> {
        // A `#!` line becomes a comment, so that the other lines keep their numbers.
        let commented;
        let script = if script.starts_with("#!") {
            commented = format!("//{script}");
            &commented
        } else {
            script
        };
        let ast = self.functions.merge(&self.engine.compile(script)?);
        self.functions = ast.clone_functions_only();
        self.engine.eval_ast_with_scope(&mut self.variables, &ast)
    }

    fn failed<T>(&self, error: &EvalAltResult) -> End<T> {
        match exit_code(error) {
            Some(code) => End::Exited(code),
            None => End::Failed(report(error, &self.entries, &self.limits, &self.session)),
        }
    }
}

/// Whether a place lies behind all that is written.
fn is_behind(entry: &str, place: Position) -> bool {
    let last = entry.lines().last().unwrap_or_default();
    let end = (entry.lines().count(), last.trim_end().chars().count());
    place.line().zip(place.position()).is_none_or(|place| place > end)
}
