//! The door: every request is looked at here before anything is done for it.
//!
//! A page whose name was made to point here (DNS rebinding) is told from ours by the `Host` it asks for; a page of
//! another origin by its `Origin`; and whoever comes over the network shows a token. Whatever is refused, is refused
//! by its head alone: no profile is looked up, no body is kept, no actor hears of it.

mod bearer;
mod headers;
mod host;
mod need;
mod origin;

pub(crate) use headers::dress;

use crate::body;
use crate::errors::QUERY_TOO_LONG;
use crate::problem::Problem;
use crate::state::{Api, State};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Payload;
use actix_web::{Error, ResponseError};
use bytehound_store::Scope;
use need::need;

/// Turns away who may not ask for this; others may be kept waiting, if it is a script that they ask for.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(api) = request.app_data::<Api>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    if let Some(preflight) = origin::preflight(&request, &api.options.cors_origins) {
        return Ok(request.into_response(preflight));
    }
    let origin = origin::allowed(request.headers(), &api.options.cors_origins);
    let mut response = match admit(&api, &request) {
        Ok(()) => serve(&api, request, next).await?,
        Err(problem) => refuse(request, &problem).await,
    };
    if let Some(origin) = origin {
        origin::open(response.headers_mut(), origin);
    }
    Ok(response)
}

fn admit(api: &State, request: &ServiceRequest) -> Result<(), Problem> {
    let options = &api.options;
    let host = host::check(request.headers(), options)?;
    origin::check(request, host, &options.cors_origins)?;
    if request.query_string().len() > options.max_query_bytes {
        let detail = format!("a query string may have {} bytes", options.max_query_bytes);
        return Err(Problem::new(&QUERY_TOO_LONG, detail));
    }
    match api.tokens_required {
        true => bearer::check(request.headers(), need(request), api.service.tokens()),
        false => Ok(()),
    }
}

/// A filter that is a script counts as one from here on; what comes in a body counts once it has come.
async fn serve(
    api: &State,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let turn = match need(&request) {
        [Scope::Read, Scope::Script] => Some(api.scripts.turn().await),
        _ => None,
    };
    match turn.transpose() {
        Ok(_turn) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(problem) => Ok(refuse(request, &problem).await),
    }
}

/// A client that is still writing reads the answer only once it has written: so much is read, for nothing.
async fn refuse(mut request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    if let Ok(mut payload) = request.extract::<Payload>().await {
        body::drain(&mut payload).await;
    }
    let mut response = problem.error_response();
    if problem.kind.status == 401 {
        let how = HeaderValue::from_static("Bearer realm=\"bytehound\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, how);
    }
    request.into_response(response)
}
