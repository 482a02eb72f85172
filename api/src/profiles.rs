//! `/v1/profiles`: the profiles there are.

use crate::body;
use crate::errors::BAD_BODY;
use crate::labels::{more, selector};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::{ProfileJson, STATES, labels, state_of};
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What can be changed of a profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    labels: BTreeMap<String, String>,
}

/// `GET /v1/profiles`: all of them, or those with some labels, or in some state; the newest first.
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::only(&request, &["label", "state", "limit", "cursor"])?;
    let wanted = selector(&parameters)?;
    let states = STATES.map(|state| (state, state));
    let state = parameters.word("state", &states)?;
    let page = Page::read_whole(&parameters)?;
    let mut profiles = api.service.profiles()?;
    profiles.retain(|profile| {
        let labels = labels(profile);
        let has_all = wanted.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()));
        has_all && state.is_none_or(|state| state_of(profile) == state)
    });
    let (part, next) = page.part(profiles.len());
    let shown: Vec<ProfileJson<'_>> = profiles[part].iter().map(ProfileJson::of).collect();
    Ok(HttpResponse::Ok().json(json!({ "profiles": shown, "total": profiles.len(), "next": next })))
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
