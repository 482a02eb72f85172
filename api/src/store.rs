//! `/v1/store`: what the data directory holds; and whether it is whole, a profile at a time.

use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::ProfileJson;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /v1/store`
pub(crate) async fn stat(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    Ok(HttpResponse::Ok().json(api.service.stat().await?))
}

/// `POST /v1/store/gc`: removes what is not needed any more, and says how much that was.
pub(crate) async fn collect_garbage(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    Ok(HttpResponse::Ok().json(api.service.collect_garbage().await?))
}

/// `POST /v1/profiles/{id}/verify`: reads all of a profile, and says what is damaged.
pub(crate) async fn verify(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    Ok(HttpResponse::Ok().json(api.service.verify(&id).await?))
}

/// `POST /v1/profiles/{id}/reindex`: begins to index a profile again; it answers as before until that is done.
pub(crate) async fn reindex(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    api.service.reindex(&id).await?;
    Ok(HttpResponse::Accepted().json(ProfileJson::of(&api.service.profile(&id)?)))
}
