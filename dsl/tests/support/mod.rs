//! Profiles of the golden captures, and short ways to run scripts over them.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses a part, and tests may panic"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytehound_dsl::{Environment, Limits, Outcome, OutputItem, ScriptError, Shelf, run};
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

/// Runs `script` as the service does, which keeps no more than `profiles`.
pub(crate) fn evaluate(script: &str, profiles: &[Arc<Profile>]) -> Outcome {
    let environment = Environment::Virtual { shelf: Arc::new(These(profiles.to_vec())) };
    // How fast the machine is that the tests run on must not matter.
    let limits = Limits { deadline: Duration::from_secs(3600), niceness: 0, ..Limits::default() };
    run(script, profiles, environment, &limits, &Cancel::default())
}

/// Profiles without labels.
struct These(Vec<Arc<Profile>>);

impl Shelf for These {
    fn profile(&self, name: &str) -> Result<Arc<Profile>, String> {
        let found = self.0.iter().find(|profile| profile.id().as_str() == name);
        found.cloned().ok_or_else(|| "there is no such".to_owned())
    }

    fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        let found = self.0.iter().filter(|_| labels.is_empty());
        Ok(found.map(|profile| profile.id().to_string()).collect())
    }
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
