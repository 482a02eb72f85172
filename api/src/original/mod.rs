//! The routes that Bytehound 0.11 had, answered as it answered: its parameters, its fields, its media types; errors are
//! plain text, and parameters that a route does not know are passed over.

mod filter_parameters;
mod filter_tables;
mod frame_json;
mod group_json;
mod groups;
mod instants;
mod interval;
mod list;
mod script;
mod timelines;
mod timeval;

pub(crate) use groups::allocation_groups;
pub(crate) use list::list;
pub(crate) use script::{execute_script, script_file};
pub(crate) use timelines::{timeline, timeline_leaked};

use crate::errors::PROFILE_NOT_FOUND;
use crate::problem::{Plain, Problem};
use crate::state::State;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_store::ProfileId;

/// What a handler here answers.
type Answer = Result<HttpResponse, Plain>;

/// The profile that the path names: by the id of its data, or as the one loaded last.
fn profile(api: &State, request: &HttpRequest) -> Result<ProfileId, Problem> {
    api.service.resolve(request.match_info().query("id")).map_err(no_data)
}

fn no_data(error: ServiceError) -> Problem {
    match error {
        ServiceError::NotFound(_) => Problem::new(&PROFILE_NOT_FOUND, "data not found"),
        error => error.into(),
    }
}
