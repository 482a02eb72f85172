//! Running one script, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use bytehound_index::{Cancel, MapSet, Profile, Selection};
use rhai::Dynamic;

use crate::allocation_list::AllocationList;
use crate::console::{Console, End};
use crate::environment::{Environment, OutputItem};
use crate::library::Entry;
use crate::limits::Limits;
use crate::map_list::MapList;

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
    pub(crate) fn internal(what: &str) -> Self {
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
    /// What an entry of a [`Console`] resulted in, as `println` shows it.
    pub value: Option<String>,
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
    Console::new(profiles, environment, limits).run(script, cancel, |_| Ok(None))
}

/// The allocations of `profile` that `script` results in; `None` if its result is no list of allocations.
///
/// The script runs in [`Environment::closed`]; what it prints and draws is dropped.
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
    let mut console = Console::new(std::slice::from_ref(profile), Environment::closed(), limits);
    match console.supervised(script, cancel, Ok) {
        End::Finished(value) => Ok(value),
        End::Exited(_) => Ok(Dynamic::UNIT),
        End::Failed(error) => Err(error),
    }
}

/// Every function that scripts can call beside Rhai's own.
pub fn reference() -> Vec<Entry> {
    Console::new(&[], Environment::closed(), &Limits::default()).into_reference()
}
