//! The routes that Bytehound 0.11 had, answered as it answered: its parameters, its fields, its media types; errors are
//! plain text, and parameters that a route does not know are passed over.

mod allocation_json;
mod allocations;
mod ascii_tree;
mod backtraces;
mod exports;
mod filter;
mod filter_script;
mod frame_json;
mod graphs;
mod group_json;
mod groups;
mod heaptrack;
mod list;
mod mallopts;
mod map_json;
mod maps;
mod one_line;
mod page;
mod regions;
mod replay;
mod routes;
mod script;
mod static_initializers;
mod statics_ascii_tree;
mod text_table;
mod timelines;
mod timeval;
mod tree;

pub use filter_script::scripts_of_query;
pub(crate) use routes::resources;

use crate::artifacts::PICTURE_POLICY;
use crate::errors::PROFILE_NOT_FOUND;
use crate::problem::{Plain, Problem};
use crate::state::State;
use crate::stream::{ChunkWriter, stream};
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Profile};
use bytehound_store::ProfileId;
use std::sync::Arc;

/// Media types of answers: which of the first two it is differed from route to route.
const JSON: &str = "application/json";
const JSON_UTF8: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const SVG: &str = "image/svg+xml";

/// What a handler here answers.
type Answer = Result<HttpResponse, Plain>;

/// The profile that the path names: by the id of its data, or as the one loaded last.
fn profile(api: &State, request: &HttpRequest) -> Result<ProfileId, Problem> {
    api.service.resolve(request.match_info().query("id")).map_err(no_data)
}

/// An answer that is sent while `question` writes it.
async fn streamed<Q>(api: &State, request: &HttpRequest, media_type: &str, question: Q) -> Answer
where
    Q: FnOnce(&Arc<Profile>, &mut ChunkWriter, &Cancel) -> Result<(), ServiceError> + Send + 'static,
{
    let id = profile(api, request)?;
    let answer = stream(&api.service, id, question).await?;
    let mut response = HttpResponse::Ok();
    response.content_type(media_type);
    if media_type == SVG {
        response.insert_header((CONTENT_SECURITY_POLICY, PICTURE_POLICY));
    }
    Ok(response.streaming(answer))
}

fn no_data(error: ServiceError) -> Problem {
    match error {
        ServiceError::NotFound(_) => Problem::new(&PROFILE_NOT_FOUND, "data not found"),
        error => error.into(),
    }
}
