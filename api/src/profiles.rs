//! `/v1/profiles`: the profiles there are.

use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::ProfileJson;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

/// `GET /v1/profiles`: all of them, the newest first.
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    let profiles = api.service.profiles()?;
    let profiles: Vec<ProfileJson<'_>> = profiles.iter().map(ProfileJson::of).collect();
    Ok(HttpResponse::Ok().json(json!({ "profiles": profiles })))
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
