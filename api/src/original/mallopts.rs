//! `GET /data/{id}/mallopts`

use super::map_json::{CallJson, MapView};
use super::page::{unread, write_array};
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::Mallopt;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub(crate) struct MalloptJson<'a> {
    #[serde(flatten)]
    call: CallJson<'a>,
    raw_param: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'static str>,
    value: i32,
    result: i32,
}

/// Every call of `mallopt`.
pub(crate) async fn mallopts(api: Api, request: HttpRequest) -> Answer {
    let strips_template_arguments = Parameters::of(&request).read("strip_template_args")?.unwrap_or(false);
    let view = MapView { with_regions: false, with_usage: false, strips_template_arguments };
    streamed(&api, &request, JSON, move |profile, writer, _| {
        let shown = profile.mallopts().map(|mallopt| MalloptJson {
            call: view.call(profile, mallopt.call),
            raw_param: mallopt.param,
            param: name(&mallopt),
            value: mallopt.value,
            result: mallopt.result,
        });
        write_array(writer, shown).map_err(unread)
    })
    .await
}

fn name(mallopt: &Mallopt) -> Option<&'static str> {
    Some(match mallopt.param {
        -1 => "M_TRIM_THRESHOLD",
        -2 => "M_TOP_PAD",
        -3 => "M_MMAP_THRESHOLD",
        -4 => "M_MMAP_MAX",
        -5 => "M_CHECK_ACTION",
        -6 => "M_PERTURB",
        // So it was spelled.
        -7 => "M_ARENA_TEXT",
        -8 => "M_ARENA_MAX",
        _ => return None,
    })
}
