//! Running a script, and what came of it as JSON: one shape for all routes that run scripts.

use crate::artifacts::Artifacts;
use crate::percent;
use crate::problem::Problem;
use crate::state::State;
use bytehound_actors::Service;
use bytehound_dsl::{Environment, Limits, Outcome, OutputItem, Shelf, run};
use bytehound_index::Profile;
use bytehound_store::ProfileId;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `execute_script` of Bytehound 0.11 answered; errors of a script are answers too.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum ScriptJson {
    Ok {
        elapsed: f64,
        output: Vec<OutputJson>,
    },
    Error {
        message: String,
        line: Option<usize>,
        column: Option<usize>,
        elapsed: f64,
        output: Vec<OutputJson>,
    },
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum OutputJson {
    Println { value: String },
    Image { url: String, basename: String, path: String, checksum: String },
}

/// Runs a script over these profiles. Its pictures are kept, each at `folder`/checksum/name.
pub(crate) async fn run_script(
    api: &State,
    profiles: Vec<ProfileId>,
    script: String,
    folder: &str,
) -> Result<ScriptJson, Problem> {
    let _turn = api.scripts.turn().await?;
    let environment = Environment::Virtual { shelf: Arc::new(Kept(api.service.clone())) };
    let outcome = api.service.ask(profiles, move |profiles, cancel| {
        Ok(run(&script, profiles, environment, &Limits::default(), cancel))
    });
    Ok(ScriptJson::of(outcome.await?, &api.artifacts, folder))
}

/// The profiles of the service, for scripts.
struct Kept(Service);

impl Shelf for Kept {
    fn profile(&self, name: &str) -> Result<Arc<Profile>, String> {
        let found = self.0.resolve(name).and_then(|id| self.0.open(&id));
        found.map_err(|error| error.to_string())
    }

    fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        let found = self.0.labelled(labels).map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }
}

impl ScriptJson {
    fn of(outcome: Outcome, artifacts: &Artifacts, folder: &str) -> Self {
        let elapsed = outcome.elapsed.as_secs_f64();
        let output = outcome.output.into_iter().map(|item| OutputJson::of(item, artifacts, folder)).collect();
        match outcome.result {
            Ok(()) => Self::Ok { elapsed, output },
            Err(error) => Self::Error {
                message: error.message,
                line: error.line,
                column: error.column,
                elapsed,
                output,
            },
        }
    }
}

impl OutputJson {
    fn of(item: OutputItem, artifacts: &Artifacts, folder: &str) -> Self {
        match item {
            OutputItem::Println(value) => Self::Println { value },
            OutputItem::Image { path, bytes, checksum } => {
                artifacts.keep(&checksum, &bytes);
                let basename = path.rsplit('/').next().unwrap_or_default().to_owned();
                let url = format!("{folder}/{checksum}/{}", percent::encode(&basename));
                Self::Image { url, basename, path, checksum }
            }
        }
    }
}
