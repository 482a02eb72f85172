//! `GET /v1/profiles/{id}/groups`: what was allocated, by backtrace.

use crate::errors::BAD_PARAMETER;
use crate::frame_json::StackJson;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{BacktraceId, BacktraceSummary, Cancel, Metric, Profile};
use serde::Serialize;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Groups of one answer, unless told otherwise; and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1000;

/// Sums over the allocations of one backtrace. Times are µs after the start of the profile.
#[derive(Serialize)]
struct GroupJson<'a> {
    backtrace_id: u32,
    allocated_count: u64,
    allocated_bytes: u64,
    leaked_count: u64,
    leaked_bytes: u64,
    peak_bytes: u64,
    first_us: u64,
    last_us: u64,
    #[serde(flatten)]
    stack: StackJson<'a>,
}

struct Page {
    sort: Metric,
    is_ascending: bool,
    limit: usize,
    /// Groups that earlier pages had: a profile does not change, so their number is all that there is to know.
    skip: usize,
}

/// Answers from the summaries, without looking at allocations.
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, parameters) = api.profile(&request, &["sort", "order", "limit", "cursor"])?;
    let page = Page::read(&parameters)?;
    let answer = api.service.ask(vec![id], move |profiles, cancel| page.of(&profiles[0], cancel)).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": answer })))
}

impl Page {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let sort = parameters.word("sort", &Metric::ALL.map(|metric| (metric.name(), metric)))?;
        let order = parameters.word("order", &[("asc", true), ("desc", false)])?;
        let limit = parameters.read_named("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX);
        let skip =
            parameters.one("cursor")?.map_or(Some(0), |cursor| cursor.strip_prefix("after-")?.parse().ok());
        let foreign =
            || Problem::new(&BAD_PARAMETER, "`cursor` is not one that an earlier answer gave as `next`");
        Ok(Self {
            sort: sort.unwrap_or_default(),
            is_ascending: order.unwrap_or(false),
            limit,
            skip: skip.ok_or_else(foreign)?,
        })
    }

    fn of(&self, profile: &Profile, cancel: &Cancel) -> Result<Value, ServiceError> {
        let summaries = profile.summaries()?;
        let numbered = (0..).map(BacktraceId).zip(summaries);
        let mut groups: Vec<_> = numbered.filter(|(_, summary)| summary.rows > 0).collect();
        match self.is_ascending {
            true => groups.sort_by_key(|(_, summary)| metric(summary, self.sort)),
            false => groups.sort_by_key(|(_, summary)| Reverse(metric(summary, self.sort))),
        }
        cancel.check()?;
        let end = self.skip.saturating_add(self.limit).min(groups.len());
        let shown = groups.get(self.skip..end).unwrap_or_default();
        let shown: Vec<_> = shown.iter().map(|(id, summary)| GroupJson::of(profile, *id, summary)).collect();
        let next = (end < groups.len() && self.limit > 0).then(|| format!("after-{end}"));
        Ok(json!({ "groups": shown, "total": groups.len(), "next": next }))
    }
}

impl<'a> GroupJson<'a> {
    fn of(profile: &'a Profile, id: BacktraceId, summary: &BacktraceSummary) -> Self {
        let start_us = profile.manifest().start_us;
        Self {
            backtrace_id: id.0,
            allocated_count: summary.rows,
            allocated_bytes: summary.allocated_bytes,
            leaked_count: summary.leaked_count,
            leaked_bytes: summary.leaked_bytes,
            peak_bytes: summary.peak_bytes,
            first_us: summary.first_row_us.saturating_sub(start_us),
            last_us: summary.last_row_us.saturating_sub(start_us),
            stack: StackJson::of(profile.backtrace(id)),
        }
    }
}

fn metric(summary: &BacktraceSummary, metric: Metric) -> u64 {
    match metric {
        Metric::LeakedBytes => summary.leaked_bytes,
        Metric::LeakedCount => summary.leaked_count,
        Metric::AllocatedBytes => summary.allocated_bytes,
        Metric::AllocatedCount => summary.rows,
        Metric::PeakBytes => summary.peak_bytes,
    }
}
