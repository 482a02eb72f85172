//! Running one script from its text to its [`Outcome`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytehound_index::{Cancel, MapSet, Profile, Selection};
use rhai::{Dynamic, Engine, EvalAltResult};

use crate::allocation_list::AllocationList;
use crate::engine::engine;
use crate::environment::{Environment, OutputItem, World};
use crate::library::Entry;
use crate::limits::Limits;
use crate::map_list::MapList;
use crate::native::Native;
use crate::report::{exit_code, report};
use crate::sandbox::Sandbox;
use crate::session::Session;
use crate::supervise::supervise;

/// Why a script failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// What went wrong, without the place.
    pub message: String,
    /// Line of the script, from 1.
    pub line: Option<usize>,
    /// Column in that line, from 1.
    pub column: Option<usize>,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{} (line {line}, position {column})", self.message),
            (Some(line), None) => write!(f, "{} (line {line})", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ScriptError {}

impl ScriptError {
    fn internal(what: &str) -> Self {
        Self::unplaced(format!("internal error: {what}"))
    }

    fn unplaced(message: String) -> Self {
        Self { message, line: None, column: None }
    }
}

/// What came of a script.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Text and files in the order in which they were made; empty in the native environment, which made them at once.
    pub output: Vec<OutputItem>,
    /// Whether the script reached its end, or called `exit`.
    pub result: Result<(), ScriptError>,
    /// What was given to `exit`, if it was called.
    pub exit_code: Option<i64>,
    /// Time on the clock.
    pub elapsed: Duration,
}

/// Runs `script`. The first of `profiles` is its global data; `profiles()` gives all of them.
///
/// Returns when the script ends, fails, exceeds one of the `limits`, or is cancelled.
pub fn run(
    script: &str,
    profiles: &[Arc<Profile>],
    environment: Environment,
    limits: &Limits,
    cancel: &Cancel,
) -> Outcome {
    let started = Instant::now();
    let session = session(profiles, environment, limits);
    let end = supervised(script, &session, limits, cancel);
    let output = session.world().take_output();
    let (result, exit_code) = match end {
        End::Finished(_) => (Ok(()), None),
        End::Exited(code) => (Ok(()), Some(code)),
        End::Failed(error) => (Err(error), None),
    };
    Outcome { output, result, exit_code, elapsed: started.elapsed() }
}

/// The allocations of `profile` that `script` results in; `None` if its result is no list of allocations.
///
/// The script runs in [`Environment::Virtual`]; what it prints and draws is dropped.
///
/// # Errors
/// Why the script failed.
pub fn filter(
    script: &str,
    profile: &Arc<Profile>,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Option<Arc<Selection>>, ScriptError> {
    let value = result(script, profile, limits, cancel)?;
    if value.is::<MapList>() {
        return Err(ScriptError::unplaced("expected 'AllocationList', got 'MapList'".to_owned()));
    }
    Ok(value.read_lock::<AllocationList>().map(|list| Arc::clone(list.selection())))
}

/// The maps of `profile` that `script` results in; `None` if its result is no list of maps. Else as [`filter`].
///
/// # Errors
/// Why the script failed.
pub fn filter_maps(
    script: &str,
    profile: &Arc<Profile>,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Option<MapSet>, ScriptError> {
    let value = result(script, profile, limits, cancel)?;
    if value.is::<AllocationList>() {
        return Err(ScriptError::unplaced("expected 'MapList', got 'AllocationList'".to_owned()));
    }
    Ok(value.read_lock::<MapList>().map(|list| list.maps().clone()))
}

/// What a script that picks something results in.
fn result(
    script: &str,
    profile: &Arc<Profile>,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Dynamic, ScriptError> {
    let session = session(std::slice::from_ref(profile), Environment::Virtual, limits);
    match supervised(script, &session, limits, cancel) {
        End::Finished(value) => Ok(value),
        End::Exited(_) => Ok(Dynamic::UNIT),
        End::Failed(error) => Err(error),
    }
}

/// Every function that scripts can call beside Rhai's own.
pub fn reference() -> Vec<Entry> {
    let limits = Limits::default();
    let session = Session::new(Vec::new(), Cancel::default(), world(Environment::Virtual, &limits));
    engine(&Arc::new(session), &limits).1
}

fn session(profiles: &[Arc<Profile>], environment: Environment, limits: &Limits) -> Arc<Session> {
    // The script has a flag of its own: that it is stopped is not to stop what else its caller does.
    let cancel = match Instant::now().checked_add(limits.deadline) {
        Some(deadline) => Cancel::new().with_deadline(deadline),
        None => Cancel::new(),
    };
    Arc::new(Session::new(profiles.to_vec(), cancel, world(environment, limits)))
}

fn world(environment: Environment, limits: &Limits) -> Box<dyn World> {
    match environment {
        Environment::Native { arguments, source } => Box::new(Native { arguments, source }),
        Environment::Virtual => Box::new(Sandbox::new(limits.output_bytes, limits.files_bytes)),
    }
}

enum End {
    Finished(Dynamic),
    Exited(i64),
    Failed(ScriptError),
}

fn supervised(script: &str, session: &Arc<Session>, limits: &Limits, caller: &Cancel) -> End {
    supervise(session, caller, limits.memory_bytes, || evaluate(script, session, limits))
        .unwrap_or_else(|what| End::Failed(ScriptError::internal(&what)))
}

fn evaluate(script: &str, session: &Arc<Session>, limits: &Limits) -> End {
    let (engine, entries) = engine(session, limits);
    match compile_and_run(&engine, script) {
        Ok(value) => End::Finished(value),
        Err(error) => match exit_code(&error) {
            Some(code) => End::Exited(code),
            None => End::Failed(report(&error, &entries, limits, session)),
        },
    }
}

fn compile_and_run(engine: &Engine, script: &str) -> Result<Dynamic, Box<EvalAltResult>> {
    // A `#!` line becomes a comment, so that the other lines keep their numbers.
    let commented;
    let script = if script.starts_with("#!") {
        commented = format!("//{script}");
        &commented
    } else {
        script
    };
    let ast = engine.compile(script)?;
    engine.eval_ast(&ast)
}
