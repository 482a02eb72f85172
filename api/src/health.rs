//! Whether the service is up, and what it has done.

use crate::errors::DRAINING;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: so does the data directory, and the service is not about to end.
pub(crate) async fn ready(api: Api) -> Result<HttpResponse, Problem> {
    if api.service.is_draining() {
        return Err(Problem::new(&DRAINING, "the service is shutting down"));
    }
    api.service.profiles()?;
    Ok(alive().await)
}

/// `GET /v1/observe`: what every actor has counted.
pub(crate) async fn observe(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    Ok(HttpResponse::Ok().json(api.service.observe().await))
}
