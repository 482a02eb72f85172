//! `GET /v1/profiles/{id}/groups`: what was allocated, by backtrace.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::errors::BAD_PARAMETER;
use crate::frame_json::StackJson;
use crate::page::{CURSOR, LIMIT_OF_PAGE, ORDER, Page};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{
    BacktraceId, BacktraceSummary, Cancel, IndexError, Metric, Predicate, Profile, Selection,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// A page of groups, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupsJson<'a> {
    groups: Vec<GroupJson<'a>>,
    total: usize,
    next: Option<String>,
}

/// Sums over the allocations of one backtrace. Times are µs after the start of the profile.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupJson<'a> {
    backtrace_id: u32,
    allocated_count: u64,
    allocated_bytes: u64,
    leaked_count: u64,
    leaked_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_bytes: Option<u64>,
    first_us: u64,
    last_us: u64,
    #[serde(flatten)]
    alive: Option<AliveJson>,
    #[serde(flatten)]
    stack: StackJson<'a>,
}

/// What was alive of them at the moment that was asked for.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct AliveJson {
    alive_count: u64,
    alive_bytes: u64,
}

/// The sums of a backtrace, before its stack is written. Times are µs since 1970.
#[derive(Clone, Copy)]
struct Sums {
    backtrace: BacktraceId,
    allocated_count: u64,
    allocated_bytes: u64,
    leaked_count: u64,
    leaked_bytes: u64,
    /// Not known of a part of a backtrace's allocations.
    peak_bytes: Option<u64>,
    first_us: u64,
    last_us: u64,
    alive: Option<AliveJson>,
}

#[derive(Clone, Copy)]
enum Sort {
    By(Metric),
    AliveBytes,
    AliveCount,
}

/// Answers from the summaries; for a moment from the cells; with a filter from the allocations.
pub(crate) struct Groups {
    /// The allocations that are meant.
    selection: Arc<Selection>,
    /// Only what was alive then, in µs after the start.
    at_us: Option<u64>,
    sort: Sort,
    page: Page,
}

/// What can be ordered by: the last two where a moment is asked for.
const SORTS: [&str; 7] = [
    "leaked_bytes",
    "leaked_count",
    "allocated_bytes",
    "allocated_count",
    "peak_bytes",
    "alive_bytes",
    "alive_count",
];

/// The groups that have most of something.
pub(crate) fn largest(
    profile: &Profile,
    metric: Metric,
    limit: usize,
) -> Result<Vec<GroupJson<'_>>, ServiceError> {
    let mut groups = of_summaries(profile)?;
    let sort = Sort::By(metric);
    groups.retain(|group| group.value(sort) > 0);
    Ok(shown(profile, &mut groups, sort, &Page::first(limit)).0)
}

/// One backtrace, with the sums over all of its allocations.
pub(crate) fn one(profile: &Profile, id: BacktraceId) -> Result<Option<GroupJson<'_>>, ServiceError> {
    let summary = profile.summaries()?.get(id.0 as usize);
    Ok(summary.map(|summary| Sums::of_summary(id, summary).json(profile)))
}

impl Question for Groups {
    const NAME: &'static str = "groups";
    const ABOUT: &'static str = "what was allocated, by backtrace";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER,
        Parameter::integer("at_us", "only what had something alive at that moment, in µs after the start"),
        Parameter::word(
            "sort",
            &SORTS,
            "what to order by: `leaked_bytes` unless told otherwise; with `at_us`, `alive_bytes`",
        ),
        ORDER,
        LIMIT_OF_PAGE,
        CURSOR,
    ];
    type Data = GroupsJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let at_us = parameters.read_named("at_us")?;
        let selection = selection(parameters)?;
        let sort = Sort::read(parameters, at_us.is_some())?;
        if matches!((&*selection, sort), (Selection::Filtered { .. }, Sort::By(Metric::PeakBytes))) {
            return Err(Problem::new(
                &BAD_PARAMETER,
                "`sort`: `peak_bytes` is not known with a `filter`; ask with `at_us` for what was alive at the peak",
            ));
        }
        Ok(Self { selection, at_us, sort, page: Page::read(parameters)? })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let mut groups = match (&*self.selection, self.at_us) {
            (Selection::All, None) => of_summaries(profile)?,
            (Selection::All, Some(at_us)) => alive_at(profile, at_us, cancel)?,
            _ => self.filtered(profile, cancel)?,
        };
        cancel.check()?;
        let total = groups.len();
        let (groups, next) = shown(profile, &mut groups, self.sort, &self.page);
        Ok(Answer::json(&GroupsJson { groups, total, next }, self.source()))
    }
}

impl Groups {
    fn source(&self) -> Source {
        match (&*self.selection, self.at_us) {
            (Selection::All, None) => Source::Summaries,
            (Selection::All, Some(_)) => Source::Cells,
            _ => Source::Allocations,
        }
    }

    fn filtered(&self, profile: &Profile, cancel: &Cancel) -> Result<Vec<Sums>, IndexError> {
        let alive = match self.at_us {
            Some(at_us) => {
                let then = self.selection.filtered(Predicate::AliveAt(vec![at_us]));
                profile.groups(&then, cancel)?
            }
            None => Arc::default(),
        };
        let alive: HashMap<BacktraceId, AliveJson> = alive
            .iter()
            .map(|group| (group.backtrace, AliveJson { alive_count: group.count, alive_bytes: group.bytes }))
            .collect();
        let groups = profile.groups(&self.selection, cancel)?;
        let sums = groups.iter().map(|group| Sums {
            backtrace: group.backtrace,
            allocated_count: group.count,
            allocated_bytes: group.bytes,
            leaked_count: group.leaked_count,
            leaked_bytes: group.leaked_bytes,
            peak_bytes: None,
            first_us: group.first_us,
            last_us: group.last_us,
            alive: alive.get(&group.backtrace).copied(),
        });
        Ok(sums.filter(|sums| self.at_us.is_none() || sums.alive.is_some()).collect())
    }
}

fn of_summaries(profile: &Profile) -> Result<Vec<Sums>, ServiceError> {
    let numbered = (0..).map(BacktraceId).zip(profile.summaries()?);
    let used = numbered.filter(|(_, summary)| summary.rows > 0);
    Ok(used.map(|(id, summary)| Sums::of_summary(id, summary)).collect())
}

fn alive_at(profile: &Profile, at_us: u64, cancel: &Cancel) -> Result<Vec<Sums>, ServiceError> {
    let summaries = profile.summaries()?;
    let alive = profile.alive_at(profile.manifest().start_us.saturating_add(at_us), cancel)?;
    let sums = alive.iter().filter_map(|alive| {
        let summary = summaries.get(alive.backtrace.0 as usize)?;
        let alive_then = AliveJson { alive_count: alive.count, alive_bytes: alive.bytes };
        Some(Sums { alive: Some(alive_then), ..Sums::of_summary(alive.backtrace, summary) })
    });
    Ok(sums.collect())
}

/// A page of groups in order, and the cursor of the next.
fn shown<'a>(
    profile: &'a Profile,
    groups: &mut [Sums],
    sort: Sort,
    page: &Page,
) -> (Vec<GroupJson<'a>>, Option<String>) {
    match page.is_ascending {
        true => groups.sort_by_key(|group| group.value(sort)),
        false => groups.sort_by_key(|group| Reverse(group.value(sort))),
    }
    let (part, next) = page.part(groups.len());
    (groups[part].iter().map(|group| group.json(profile)).collect(), next)
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

impl Sums {
    fn of_summary(backtrace: BacktraceId, summary: &BacktraceSummary) -> Self {
        Self {
            backtrace,
            allocated_count: summary.rows,
            allocated_bytes: summary.allocated_bytes,
            leaked_count: summary.leaked_count,
            leaked_bytes: summary.leaked_bytes,
            peak_bytes: Some(summary.peak_bytes),
            first_us: summary.first_row_us,
            last_us: summary.last_row_us,
            alive: None,
        }
    }

    fn value(&self, sort: Sort) -> u64 {
        match sort {
            Sort::By(Metric::LeakedBytes) => self.leaked_bytes,
            Sort::By(Metric::LeakedCount) => self.leaked_count,
            Sort::By(Metric::AllocatedBytes) => self.allocated_bytes,
            Sort::By(Metric::AllocatedCount) => self.allocated_count,
            Sort::By(Metric::PeakBytes) => self.peak_bytes.unwrap_or_default(),
            Sort::AliveBytes => self.alive.map_or(0, |alive| alive.alive_bytes),
            Sort::AliveCount => self.alive.map_or(0, |alive| alive.alive_count),
        }
    }

    fn json<'a>(&self, profile: &'a Profile) -> GroupJson<'a> {
        let start_us = profile.manifest().start_us;
        GroupJson {
            backtrace_id: self.backtrace.0,
            allocated_count: self.allocated_count,
            allocated_bytes: self.allocated_bytes,
            leaked_count: self.leaked_count,
            leaked_bytes: self.leaked_bytes,
            peak_bytes: self.peak_bytes,
            first_us: self.first_us.saturating_sub(start_us),
            last_us: self.last_us.saturating_sub(start_us),
            alive: self.alive,
            stack: StackJson::of(profile.backtrace(self.backtrace)),
        }
    }
}
