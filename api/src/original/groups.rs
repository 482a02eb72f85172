//! `GET /data/{id}/allocation_groups`

use super::filter_parameters::Filter;
use super::frame_json::frames;
use super::group_json::{GroupJson, Sums};
use super::timeval::Clock;
use super::{Answer, profile};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use crate::stream::{ChunkWriter, stream};
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{BacktraceSummary, Cancel, Group, Profile};
use std::io::{self, Write};

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
    filter: Filter,
    sort: SortBy,
    is_descending: bool,
    skip: u64,
    count: Option<u32>,
    strips_template_arguments: bool,
}

/// Matched allocations, grouped by backtrace.
pub(crate) async fn allocation_groups(api: Api, request: HttpRequest) -> Answer {
    let id = profile(&api, &request)?;
    let question = Question::read(&Parameters::of(&request))?;
    let answer =
        stream(&api.service, id, move |profile, writer, cancel| question.answer(profile, writer, cancel));
    Ok(HttpResponse::Ok().content_type("application/json").streaming(answer.await?))
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        // Pictures of single groups are not drawn: their addresses stay null.
        parameters.read::<bool>("generate_graphs")?;
        Ok(Self {
            filter: Filter::read(parameters)?,
            sort: SortBy::read(parameters)?,
            is_descending: parameters.word("order", &[("asc", false), ("dsc", true)])?.unwrap_or(false),
            skip: parameters.read("skip")?.unwrap_or(0),
            count: parameters.read("count")?,
            strips_template_arguments: parameters.read("strip_template_args")?.unwrap_or(false),
        })
    }

    fn answer(
        &self,
        profile: &Profile,
        writer: &mut ChunkWriter,
        cancel: &Cancel,
    ) -> Result<(), ServiceError> {
        let groups = profile.groups(&self.filter.selection(profile), cancel)?;
        let summaries = profile.summaries()?;
        let mut sorted: Vec<&Group> = groups.iter().collect();
        sorted.sort_by_cached_key(|group| self.sort.key(group, summaries));
        if self.is_descending {
            sorted.reverse();
        }
        cancel.check()?;
        let count = self.count.map_or(usize::MAX, |count| count as usize);
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let shown = sorted.into_iter().skip(skip).take(count);
        let shown = shown.map(|group| self.group_json(profile, group, &summary(group, summaries)));
        // What cannot be written has nobody who would read it.
        write_groups(writer, shown, groups.len()).map_err(|_| ServiceError::Cancelled)
    }

    fn group_json<'a>(
        &self,
        profile: &'a Profile,
        group: &Group,
        summary: &BacktraceSummary,
    ) -> GroupJson<'a> {
        let manifest = profile.manifest();
        let clock = Clock { start_us: manifest.start_us, runtime_us: manifest.runtime_us() };
        GroupJson {
            all: Sums::of_all(summary).json(clock),
            only_matched: Sums::of_matched(group).json(clock),
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

/// One group at a time, so that they need not all be there at once.
fn write_groups<'a>(
    writer: &mut impl Write,
    groups: impl Iterator<Item = GroupJson<'a>>,
    total_count: usize,
) -> io::Result<()> {
    write!(writer, "{{\"allocations\":[")?;
    for (index, group) in groups.enumerate() {
        if index > 0 {
            write!(writer, ",")?;
        }
        serde_json::to_writer(&mut *writer, &group)?;
    }
    write!(writer, "],\"total_count\":{total_count}}}")
}
