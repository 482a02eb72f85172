//! `GET /data/{id}/backtraces`, `/backtrace/{backtrace_id}` and `/raw_allocations`

use super::frame_json::{FrameJson, frames};
use super::page::{unread, write_array, write_list};
use super::{Answer, JSON, filter, no_data, profile, streamed};
use crate::errors::{BACKTRACE_NOT_FOUND, BAD_PARAMETER};
use crate::parameters::Parameters;
use crate::problem::{Plain, Problem};
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_index::{BacktraceId, Row};
use schemars::JsonSchema;
use serde::Serialize;

/// One backtrace, outermost frame first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalBacktrace")]
pub(crate) struct BacktraceJson<'a> {
    frames: Vec<FrameJson<'a>>,
}

/// The addresses of an allocation's backtrace.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RawJson {
    backtrace: Vec<String>,
}

/// All backtraces, or those that fulfil conditions on backtraces.
pub(crate) async fn backtraces(api: Api, request: HttpRequest) -> Answer {
    let parameters = Parameters::of(&request);
    let conditions = filter::of_backtraces(&parameters)?;
    let strips = parameters.read("strip_template_args")?.unwrap_or(false);
    streamed(&api, &request, JSON, move |profile, writer, cancel| {
        let found = profile.backtraces(&conditions, cancel)?;
        let shown = found.iter().map(|id| frames(profile.backtrace(id), strips));
        write_list(writer, "backtraces", shown, found.len() as u64)
    })
    .await
}

/// One backtrace.
pub(crate) async fn backtrace(api: Api, request: HttpRequest) -> Answer {
    let id = profile(&api, &request)?;
    let strips = Parameters::of(&request).read("strip_template_args")?.unwrap_or(false);
    let wanted = request.match_info().query("backtrace_id");
    let wanted = wanted.parse().map(BacktraceId);
    let wanted =
        wanted.map_err(|error: std::num::ParseIntError| Problem::new(&BAD_PARAMETER, error.to_string()))?;
    let answer = api.service.ask(vec![id], move |profiles, _| {
        let exists = wanted.0 < profiles[0].backtrace_count();
        let answer = || BacktraceJson { frames: frames(profiles[0].backtrace(wanted), strips) };
        // Written where it was found: its names are those of the profile.
        Ok(exists.then(|| serde_json::to_string(&answer()).unwrap_or_default()))
    });
    let missing = || Plain(Problem::new(&BACKTRACE_NOT_FOUND, "backtrace not found"));
    let answer = answer.await.map_err(no_data)?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().content_type(JSON).body(answer))
}

/// Of every allocation, in order of time, the addresses of its backtrace.
pub(crate) async fn raw_allocations(api: Api, request: HttpRequest) -> Answer {
    streamed(&api, &request, JSON, move |profile, writer, _| {
        let shown = (0..profile.row_count()).map(|row| {
            let backtrace = profile.backtrace(profile.allocation(Row(row)).backtrace);
            let addresses: Vec<_> =
                backtrace.frames().map(|frame| format!("{:016X}", frame.address)).collect();
            RawJson { backtrace: addresses }
        });
        write_array(writer, shown).map_err(unread)
    })
    .await
}
