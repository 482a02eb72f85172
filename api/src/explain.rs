//! `GET /v1/profiles/{id}/explain`: how a filter is answered, and what that looks into.

use crate::conditions::selection;
use crate::data_json::{Source, data_json};
use crate::problem::Problem;
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use std::time::Instant;

/// The steps of the plan, the last one first.
pub(crate) async fn show(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, parameters) = api.question(&request, &mut payload, &["filter"]).await?;
    let selection = selection(&parameters)?;
    let answer = api
        .service
        .ask(vec![id], move |profiles, cancel| Ok(json!(profiles[0].explain(&selection, cancel)?)));
    Ok(data_json(answer.await?, Source::Allocations, since))
}
