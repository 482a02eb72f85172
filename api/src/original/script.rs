//! `POST /data/{id}/execute_script`, and the pictures that came of it.

use super::{Answer, no_data, profile};
use crate::artifacts::picture;
use crate::body;
use crate::errors::ARTIFACT_NOT_FOUND;
use crate::problem::{Plain, Problem};
use crate::script_json::run_script;
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};

/// Runs the body over one profile.
pub(crate) async fn execute_script(api: Api, request: HttpRequest, mut payload: Payload) -> Answer {
    let id = profile(&api, &request)?;
    let script = body::text(&mut payload, api.options.max_script_bytes, api.options.upload_idle).await?;
    let record = api.service.profile(&id).map_err(no_data)?.record;
    let folder = format!("/data/{}/script_files", record.data_id.as_deref().unwrap_or(id.as_str()));
    let answer = run_script(&api, vec![id], script, &folder).await?;
    Ok(HttpResponse::Ok().content_type("application/json; charset=utf-8").json(answer))
}

/// `GET /data/{id}/script_files/{checksum}/{name}`: only the checksum counts.
pub(crate) async fn script_file(api: Api, request: HttpRequest) -> Answer {
    picture(&api, &request).ok_or_else(|| Plain(Problem::new(&ARTIFACT_NOT_FOUND, "file not found")))
}
