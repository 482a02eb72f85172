//! `GET /data/{id}/export/flamegraph` and `/export/flamegraph.pl`

use super::filter::Filter;
use super::page::unread;
use super::{Answer, BYTES, SVG, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_actors::ServiceError;
use bytehound_index::Cancel;
use std::io::Write;

/// The bytes that matched allocations asked for, as a flame graph.
pub(crate) async fn flame_graph(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, SVG, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let picture = drawn(bytehound_dsl::flame_graph(profile, &rows, cancel), cancel)?;
        writer.write_all(picture.as_bytes()).map_err(unread)
    })
    .await
}

/// The same as text: one line a stack, as `flamegraph.pl` takes it.
pub(crate) async fn folded_stacks(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, BYTES, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let lines = bytehound_dsl::folded(profile, &rows, cancel)?;
        writer.write_all(lines.as_bytes()).map_err(unread)
    })
    .await
}

/// What drawing gave; that it was given up is told as such.
pub(super) fn drawn(picture: Result<String, String>, cancel: &Cancel) -> Result<String, ServiceError> {
    cancel.check()?;
    picture.map_err(ServiceError::Refused)
}
