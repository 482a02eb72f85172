//! `GET /v1/profiles/{id}/summary`: what is most worth knowing, in one answer.

use crate::data_json::{Source, data_json};
use crate::groups::largest;
use crate::problem::Problem;
use crate::profile_json::InfoJson;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_index::Metric;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Groups of each kind, unless told otherwise; and at most.
const LIMIT: usize = 5;
const LIMIT_MAX: usize = 100;

/// The profile as a whole, and the groups that have most of each metric.
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, parameters) = api.profile(&request, &["limit"])?;
    let limit = parameters.read_named("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX);
    let answer = api.service.ask(vec![id], move |profiles, _| {
        let profile = &profiles[0];
        let mut top = Map::new();
        for metric in Metric::ALL {
            top.insert(metric.name().to_owned(), largest(profile, metric, limit)?);
        }
        let maps = profile.maps();
        let (count, at_end) = (maps.len(), maps.filter(|map| map.unmapped_us.is_none()).count());
        Ok(json!({
            "info": InfoJson::of(profile.manifest()),
            "top": Value::Object(top),
            "maps": { "total": count, "mapped_at_end": at_end },
        }))
    });
    Ok(data_json(answer.await?, Source::Summaries, since))
}
