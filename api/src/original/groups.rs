//! `GET /data/{id}/allocation_groups`

use super::filter::Filter;
use super::frame_json::frames;
use super::graphs::GraphUrls;
use super::group_json::{GroupJson, Sums};
use super::page::{Page, write_list};
use super::timeval::Clock;
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use crate::stream::ChunkWriter;
use actix_web::HttpRequest;
use bytehound_actors::ServiceError;
use bytehound_index::{BacktraceSummary, Cancel, Group, Predicate, Profile};
use std::sync::Arc;

/// By what groups are sorted, and of which of their two sums.
#[derive(Clone, Copy)]
struct SortBy {
    of_all: bool,
    key: Key,
}

type Key = fn(&Sums) -> u64;

const KEYS: [(&str, Key); 6] = [
    ("min_timestamp", |sums| sums.first_us),
    ("max_timestamp", |sums| sums.last_us),
    ("interval", Sums::interval_us),
    ("allocated_count", |sums| sums.allocated_count),
    ("leaked_count", |sums| sums.leaked_count),
    ("size", |sums| sums.size),
];

struct Question {
    filter: Filter<Predicate>,
    sort: SortBy,
    page: Page,
    graphs: Option<GraphUrls>,
    strips_template_arguments: bool,
}

/// Matched allocations, grouped by backtrace.
pub(crate) async fn allocation_groups(api: Api, request: HttpRequest) -> Answer {
    let question = Question::read(&request)?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| question.answer(profile, writer, cancel))
        .await
}

impl Question {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let parameters = Parameters::of(request);
        let draws = parameters.read("generate_graphs")?.unwrap_or(false);
        Ok(Self {
            filter: Filter::of_allocations(&parameters)?,
            sort: SortBy::read(&parameters)?,
            page: Page::read(&parameters)?,
            graphs: draws.then(|| GraphUrls::of(request)),
            strips_template_arguments: parameters.read("strip_template_args")?.unwrap_or(false),
        })
    }

    fn answer(
        &self,
        profile: &Arc<Profile>,
        writer: &mut ChunkWriter,
        cancel: &Cancel,
    ) -> Result<(), ServiceError> {
        let groups = profile.groups(&*self.filter.selection(profile, cancel)?, cancel)?;
        let summaries = profile.summaries()?;
        let mut sorted: Vec<(u64, &Group)> =
            groups.iter().map(|group| (self.sort.key(group, summaries), group)).collect();
        let shown = self.page.cut(&mut sorted, |(key, group)| (*key, group.backtrace));
        cancel.check()?;
        let shown = shown.map(|(_, group)| self.group_json(profile, group, &summary(group, summaries)));
        write_list(writer, "allocations", shown, groups.len() as u64)
    }

    fn group_json<'a>(
        &self,
        profile: &'a Profile,
        group: &Group,
        summary: &BacktraceSummary,
    ) -> GroupJson<'a> {
        let clock = Clock::of(profile.manifest());
        let graphs = self.graphs.as_ref().map(|urls| urls.of_group(group.backtrace).map(Some));
        GroupJson {
            all: Sums::of_all(summary).json(clock, [None, None]),
            only_matched: Sums::of_matched(group).json(clock, graphs.unwrap_or_default()),
            backtrace_id: group.backtrace.0,
            backtrace: frames(profile.backtrace(group.backtrace), self.strips_template_arguments),
        }
    }
}

impl SortBy {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let of = |of_all: bool, prefix: &str| {
            KEYS.map(|(name, key)| (format!("{prefix}.{name}"), Self { of_all, key }))
        };
        let mut words = of(false, "only_matched").to_vec();
        words.extend(of(true, "all"));
        let peak: Key = |sums| sums.peak_at_us.unwrap_or(0);
        words.push(("all.max_total_usage_first_seen_at".to_owned(), Self { of_all: true, key: peak }));
        let named: Vec<(&str, Self)> = words.iter().map(|(name, sort)| (name.as_str(), *sort)).collect();
        Ok(parameters.word("sort_by", &named)?.unwrap_or(named[0].1))
    }

    fn key(self, group: &Group, summaries: &[BacktraceSummary]) -> u64 {
        let sums =
            if self.of_all { Sums::of_all(&summary(group, summaries)) } else { Sums::of_matched(group) };
        (self.key)(&sums)
    }
}

fn summary(group: &Group, summaries: &[BacktraceSummary]) -> BacktraceSummary {
    summaries.get(group.backtrace.0 as usize).copied().unwrap_or_default()
}
