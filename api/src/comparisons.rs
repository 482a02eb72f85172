//! `POST /v1/comparisons`: what changed between two sides, each one or several runs.

use crate::answer::{Answer, Source};
use crate::body;
use crate::comparison_json::comparison_json;
use crate::errors::{BAD_BODY, PROFILE_NOT_FOUND};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::{Api, State};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{CompareOptions, Metric, Profile, Run, Selection, StackLevel, compare_selections};
use bytehound_store::ProfileId;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Rows of one answer, unless told otherwise.
const LIMIT: usize = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComparisonRequest {
    base: SideRequest,
    new: SideRequest,
    #[serde(default, rename = "match")]
    level: StackLevel,
    #[serde(default)]
    sort: Metric,
    limit: Option<usize>,
}

/// The profiles of a side: named, or all that are ready and have these labels.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SideRequest {
    Profiles(Vec<String>),
    Labels(BTreeMap<String, String>),
}

/// Compares, and puts the largest changes first.
pub(crate) async fn compare(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    Parameters::only(&request, &[])?;
    let text = body::text(&mut payload, api.options.max_json_bytes, api.options.upload_idle).await?;
    let asked: ComparisonRequest =
        serde_json::from_str(&text).map_err(|error| Problem::new(&BAD_BODY, error.to_string()))?;
    let mut profiles = asked.base.profiles(&api)?;
    let base_len = profiles.len();
    profiles.extend(asked.new.profiles(&api)?);
    let (options, sort) = (CompareOptions { level: asked.level }, asked.sort);
    let limit = asked.limit.unwrap_or(LIMIT);
    let answer = api.service.ask(profiles, move |profiles, cancel| {
        let (base, new) = profiles.split_at(base_len);
        let mut comparison = compare_selections(&whole(base), &whole(new), &options, cancel)?;
        comparison.sort_by(sort);
        let compared = comparison_json(&comparison, base, new, Some(limit));
        Ok::<_, ServiceError>(Answer::json(&compared, Source::Summaries))
    });
    Ok(answer.await?.respond(since))
}

fn whole(profiles: &[Arc<Profile>]) -> Vec<Run> {
    profiles.iter().map(|profile| (Arc::clone(profile), Selection::all())).collect()
}

impl SideRequest {
    fn profiles(&self, api: &State) -> Result<Vec<ProfileId>, Problem> {
        match self {
            Self::Profiles(names) => names.iter().map(|name| Ok(api.service.resolve(name)?)).collect(),
            Self::Labels(wanted) => labelled(api, wanted),
        }
    }
}

fn labelled(api: &State, wanted: &BTreeMap<String, String>) -> Result<Vec<ProfileId>, Problem> {
    let found = api.service.labelled(wanted)?;
    if found.is_empty() {
        let wanted: Vec<String> = wanted.iter().map(|(key, value)| format!("`{key}={value}`")).collect();
        return Err(Problem::new(
            &PROFILE_NOT_FOUND,
            format!("no ready profile has the labels {}", wanted.join(", ")),
        ));
    }
    Ok(found)
}
