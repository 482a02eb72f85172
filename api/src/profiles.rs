//! `/v1/profiles`: the profiles there are.

use crate::body;
use crate::errors::BAD_BODY;
use crate::labels::{LABEL, more, selector};
use crate::page::{CURSOR, foreign_cursor};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::{ProfileJson, STATES, labels, state_of};
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ProfileStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// What can be changed of a profile.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    labels: BTreeMap<String, String>,
}

/// A page of profiles, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProfilesJson<'a> {
    profiles: Vec<ProfileJson<'a>>,
    total: usize,
    next: Option<String>,
}

pub(crate) const LISTED: &[Parameter] = &[
    LABEL,
    Parameter::word("state", &STATES, "the state that they are in"),
    Parameter::integer("limit", "how many to show: all unless told otherwise"),
    CURSOR,
];

/// `GET /v1/profiles`: all of them, or those with some labels, or in some state; the newest first.
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::only(&request, LISTED)?;
    let wanted = selector(&parameters)?;
    let states = STATES.map(|state| (state, state));
    let state = parameters.word("state", &states)?;
    let limit = parameters.read_named("limit")?.unwrap_or(usize::MAX);
    let after = parameters.one("cursor")?.map(Place::read).transpose()?;
    let mut profiles = api.service.profiles()?;
    profiles.retain(|profile| {
        let labels = labels(profile);
        let has_all = wanted.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()));
        has_all && state.is_none_or(|state| state_of(profile) == state)
    });
    let total = profiles.len();
    let first =
        profiles.partition_point(|profile| after.as_ref().is_some_and(|after| Place::of(profile) <= *after));
    let shown = &profiles[first..total.min(first.saturating_add(limit))];
    let is_last = first + shown.len() == total;
    let next = shown.last().filter(|_| !is_last).map(|profile| Place::of(profile).to_string());
    let shown = shown.iter().map(ProfileJson::of).collect();
    Ok(HttpResponse::Ok().json(ProfilesJson { profiles: shown, total, next }))
}

/// Where a profile stands in the list. It stays there, whatever comes before it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place(Reverse<u64>, String);

impl Place {
    fn of(profile: &ProfileStatus) -> Self {
        Self(Reverse(profile.record.created_at_ms), profile.record.id.to_string())
    }

    fn read(cursor: &str) -> Result<Self, Problem> {
        let parts =
            cursor.split_once('-').and_then(|(at, id)| Some(Self(Reverse(at.parse().ok()?), id.to_owned())));
        parts.ok_or_else(foreign_cursor)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.0, self.1)
    }
}

/// `PATCH /v1/profiles/{id}`: `{"labels": {"key": "value"}}` are merged into those that it has.
pub(crate) async fn change(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    let text = body::text(&mut payload, api.options.max_json_bytes, api.options.upload_idle).await?;
    let changes: Changes =
        serde_json::from_str(&text).map_err(|error| Problem::new(&BAD_BODY, error.to_string()))?;
    let labels = more(&api.service.profile(&id)?.record.labels, changes.labels)?;
    Ok(HttpResponse::Ok().json(ProfileJson::of(&api.service.set_labels(&id, labels).await?)))
}

/// `GET /v1/profiles/{id}`
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    Ok(HttpResponse::Ok().json(ProfileJson::of(&api.service.profile(&id)?)))
}

/// `DELETE /v1/profiles/{id}`
pub(crate) async fn remove(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    api.service.delete(&id).await?;
    Ok(HttpResponse::NoContent().finish())
}
