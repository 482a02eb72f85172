//! `GET /v1/profiles/{id}/groups`: what was allocated, by backtrace.

use crate::errors::BAD_PARAMETER;
use crate::frame_json::StackJson;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{Alive, BacktraceId, BacktraceSummary, Cancel, Metric, Profile};
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
    alive: Option<AliveJson>,
    #[serde(flatten)]
    stack: StackJson<'a>,
}

/// What was alive of them at the moment that was asked for.
#[derive(Serialize)]
struct AliveJson {
    alive_count: u64,
    alive_bytes: u64,
}

/// A backtrace and what is known of it.
struct Group<'a> {
    id: BacktraceId,
    summary: &'a BacktraceSummary,
    /// At the moment that was asked for.
    alive: Option<Alive>,
}

#[derive(Clone, Copy)]
enum Sort {
    By(Metric),
    AliveBytes,
    AliveCount,
}

struct Page {
    /// Only what was alive then, in µs after the start.
    at_us: Option<u64>,
    sort: Sort,
    is_ascending: bool,
    limit: usize,
    /// Groups that earlier pages had: a profile does not change, so their number is all that there is to know.
    skip: usize,
}

/// Answers from the summaries; for a moment from the cells, and from the columns for what is left of its span.
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, parameters) = api.profile(&request, &["at_us", "sort", "order", "limit", "cursor"])?;
    let page = Page::read(&parameters)?;
    let answer = api.service.ask(vec![id], move |profiles, cancel| page.of(&profiles[0], cancel)).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": answer })))
}

impl Page {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let at_us = parameters.read_named("at_us")?;
        let order = parameters.word("order", &[("asc", true), ("desc", false)])?;
        let limit = parameters.read_named("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX);
        let skip =
            parameters.one("cursor")?.map_or(Some(0), |cursor| cursor.strip_prefix("after-")?.parse().ok());
        let foreign =
            || Problem::new(&BAD_PARAMETER, "`cursor` is not one that an earlier answer gave as `next`");
        Ok(Self {
            at_us,
            sort: Sort::read(parameters, at_us.is_some())?,
            is_ascending: order.unwrap_or(false),
            limit,
            skip: skip.ok_or_else(foreign)?,
        })
    }

    fn of(&self, profile: &Profile, cancel: &Cancel) -> Result<Value, ServiceError> {
        let mut groups = match self.at_us {
            Some(at_us) => Group::alive_at(profile, at_us, cancel)?,
            None => Group::all(profile)?,
        };
        match self.is_ascending {
            true => groups.sort_by_key(|group| group.value(self.sort)),
            false => groups.sort_by_key(|group| Reverse(group.value(self.sort))),
        }
        cancel.check()?;
        let end = self.skip.saturating_add(self.limit).min(groups.len());
        let shown = groups.get(self.skip..end).unwrap_or_default();
        let shown: Vec<_> = shown.iter().map(|group| GroupJson::of(profile, group)).collect();
        let next = (end < groups.len() && self.limit > 0).then(|| format!("after-{end}"));
        Ok(json!({ "groups": shown, "total": groups.len(), "next": next }))
    }
}

impl Sort {
    /// What was alive comes first where a moment is asked for, and is not known otherwise.
    fn read(parameters: &Parameters, at_moment: bool) -> Result<Self, Problem> {
        let alive = [("alive_bytes", Self::AliveBytes), ("alive_count", Self::AliveCount)];
        let metrics = Metric::ALL.map(|metric| (metric.name(), Self::By(metric)));
        let words: Vec<_> = alive.into_iter().filter(|_| at_moment).chain(metrics).collect();
        let first = if at_moment { Self::AliveBytes } else { Self::By(Metric::default()) };
        Ok(parameters.word("sort", &words)?.unwrap_or(first))
    }
}

impl<'a> Group<'a> {
    fn all(profile: &'a Profile) -> Result<Vec<Self>, ServiceError> {
        let numbered = (0..).map(BacktraceId).zip(profile.summaries()?);
        let group = |(id, summary)| Self { id, summary, alive: None };
        Ok(numbered.map(group).filter(|group| group.summary.rows > 0).collect())
    }

    fn alive_at(profile: &'a Profile, at_us: u64, cancel: &Cancel) -> Result<Vec<Self>, ServiceError> {
        let summaries = profile.summaries()?;
        let alive = profile.alive_at(profile.manifest().start_us.saturating_add(at_us), cancel)?;
        let group = |alive: &Alive| {
            let summary = summaries.get(alive.backtrace.0 as usize)?;
            Some(Self { id: alive.backtrace, summary, alive: Some(*alive) })
        };
        Ok(alive.iter().filter_map(group).collect())
    }

    fn value(&self, sort: Sort) -> u64 {
        match sort {
            Sort::By(metric) => value(self.summary, metric),
            Sort::AliveBytes => self.alive.map_or(0, |alive| alive.bytes),
            Sort::AliveCount => self.alive.map_or(0, |alive| alive.count),
        }
    }
}

impl<'a> GroupJson<'a> {
    fn of(profile: &'a Profile, group: &Group<'_>) -> Self {
        let (start_us, summary) = (profile.manifest().start_us, group.summary);
        Self {
            backtrace_id: group.id.0,
            allocated_count: summary.rows,
            allocated_bytes: summary.allocated_bytes,
            leaked_count: summary.leaked_count,
            leaked_bytes: summary.leaked_bytes,
            peak_bytes: summary.peak_bytes,
            first_us: summary.first_row_us.saturating_sub(start_us),
            last_us: summary.last_row_us.saturating_sub(start_us),
            alive: group.alive.map(|alive| AliveJson { alive_count: alive.count, alive_bytes: alive.bytes }),
            stack: StackJson::of(profile.backtrace(group.id)),
        }
    }
}

fn value(summary: &BacktraceSummary, metric: Metric) -> u64 {
    match metric {
        Metric::LeakedBytes => summary.leaked_bytes,
        Metric::LeakedCount => summary.leaked_count,
        Metric::AllocatedBytes => summary.allocated_bytes,
        Metric::AllocatedCount => summary.rows,
        Metric::PeakBytes => summary.peak_bytes,
    }
}
