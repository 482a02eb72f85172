//! `GET /data/{id}/allocations`

use super::allocation_json::AllocationJson;
use super::filter::Filter;
use super::page::{Page, write_list};
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use crate::stream::ChunkWriter;
use actix_web::HttpRequest;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Predicate, Profile, Row, RowSet};
use std::sync::Arc;

#[derive(Clone, Copy)]
pub(super) enum SortBy {
    Timestamp,
    Address,
    Size,
}

struct Question {
    filter: Filter<Predicate>,
    sort: SortBy,
    page: Page,
    strips_template_arguments: bool,
}

pub(super) const SORTS: [(&str, SortBy); 3] =
    [("timestamp", SortBy::Timestamp), ("address", SortBy::Address), ("size", SortBy::Size)];

/// The allocations that match, one by one.
pub(crate) async fn allocations(api: Api, request: HttpRequest) -> Answer {
    let question = Question::read(&Parameters::of(&request))?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| question.answer(profile, writer, cancel))
        .await
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            filter: Filter::of_allocations(parameters)?,
            sort: parameters.word("sort_by", &SORTS)?.unwrap_or(SortBy::Timestamp),
            page: Page::read(parameters)?,
            strips_template_arguments: parameters.read("strip_template_args")?.unwrap_or(false),
        })
    }

    fn answer(
        &self,
        profile: &Arc<Profile>,
        writer: &mut ChunkWriter,
        cancel: &Cancel,
    ) -> Result<(), ServiceError> {
        let rows = profile.rows(&*self.filter.selection(profile, cancel)?, cancel)?;
        cancel.check()?;
        match self.sort {
            SortBy::Timestamp => {
                let range = self.page.range(rows.len() as usize);
                let last = rows.len().saturating_sub(1);
                let nth = |index: usize| rows.nth(self.page.position(index as u64, last));
                self.write(profile, range.filter_map(nth), rows.len(), writer)
            }
            SortBy::Address => self.write_sorted(profile, &rows, |row| profile.address(row), writer),
            SortBy::Size => self.write_sorted(profile, &rows, |row| profile.size(row), writer),
        }
    }

    /// Among equals, what comes first in the capture comes first.
    fn write_sorted(
        &self,
        profile: &Profile,
        rows: &RowSet,
        key: impl Fn(Row) -> u64,
        writer: &mut ChunkWriter,
    ) -> Result<(), ServiceError> {
        let mut sorted: Vec<Row> = rows.iter().collect();
        let shown = self.page.cut(&mut sorted, |row| (key(*row), profile.ordinal(*row)));
        self.write(profile, shown.copied(), rows.len(), writer)
    }

    fn write(
        &self,
        profile: &Profile,
        rows: impl Iterator<Item = Row>,
        total_count: u64,
        writer: &mut ChunkWriter,
    ) -> Result<(), ServiceError> {
        let shown = rows.map(|row| AllocationJson::of(profile, row, self.strips_template_arguments));
        write_list(writer, "allocations", shown, total_count)
    }
}
