//! Profiles of the golden captures, and short ways to run scripts over them.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses a part, and tests may panic"
)]

use std::path::PathBuf;
use std::sync::Arc;

use bytehound_dsl::{Environment, Limits, Outcome, OutputItem, ScriptError, run};
use bytehound_index::build::{Observer, Progress, ingest};
use bytehound_index::{Cancel, Profile};
use bytehound_store::{NewProfile, Store};

struct Quiet;

impl Observer for Quiet {
    fn progress(&self, _: Progress) {}
}

/// A data directory with indexed captures; they live as long as it does.
pub(crate) struct Captures(Store);

impl Captures {
    pub(crate) fn new() -> Self {
        Self(Store::temporary().unwrap())
    }

    /// The golden capture `name`, as in `realloc.decoded`.
    pub(crate) fn golden(&self, name: &str) -> Arc<Profile> {
        let path = data(&format!("golden/{name}.dat"));
        let received = self
            .0
            .captures()
            .reference(&path, NewProfile { name: name.to_owned(), labels: Default::default() });
        let id = received.unwrap().record.id;
        ingest(&self.0, &id, &Quiet).unwrap();
        Profile::open(&self.0, &id).unwrap()
    }
}

/// A file of the repository's test data.
pub(crate) fn data(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "/../tests/data/", path].concat().into()
}

pub(crate) fn evaluate(script: &str, profiles: &[Arc<Profile>]) -> Outcome {
    run(script, profiles, Environment::Virtual, &Limits::default(), &Cancel::default())
}

/// What `script` printed; it must end well.
pub(crate) fn printed(script: &str, profiles: &[Arc<Profile>]) -> String {
    let outcome = evaluate(script, profiles);
    assert_eq!(outcome.result, Ok(()), "{script}");
    text(&outcome)
}

pub(crate) fn text(outcome: &Outcome) -> String {
    let lines = outcome.output.iter().filter_map(|item| match item {
        OutputItem::Println(line) => Some(format!("{line}\n")),
        OutputItem::Image { .. } => None,
    });
    lines.collect()
}

/// Path and content of what `outcome` drew.
pub(crate) fn pictures(outcome: &Outcome) -> Vec<(&str, &str)> {
    let pictures = outcome.output.iter().filter_map(|item| match item {
        OutputItem::Image { path, bytes, .. } => Some((path.as_str(), std::str::from_utf8(bytes).unwrap())),
        OutputItem::Println(_) => None,
    });
    pictures.collect()
}

/// Why `script` failed.
pub(crate) fn error(script: &str, profiles: &[Arc<Profile>]) -> ScriptError {
    evaluate(script, profiles).result.expect_err(script)
}
