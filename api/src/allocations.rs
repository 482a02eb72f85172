//! `GET /v1/profiles/{id}/allocations`: allocations one by one.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::page::{CURSOR, LIMIT_OF_PAGE, ORDER, Page};
use crate::parameter::{Parameter, words};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Profile, Row, RowSet, Selection};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::sync::Arc;

/// A page of allocations, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AllocationsJson<'a> {
    allocations: Vec<AllocationJson<'a>>,
    total: u64,
    next: Option<String>,
}

/// One allocation. Times are µs after the start of the profile.
#[derive(Serialize, JsonSchema)]
struct AllocationJson<'a> {
    allocation_id: u32,
    address: u64,
    size_bytes: u64,
    usable_bytes: u64,
    allocated_us: u64,
    thread: u32,
    thread_name: Option<&'a str>,
    backtrace_id: u32,
    marker: u32,
    freed_us: Option<u64>,
    freed_by_thread: Option<u32>,
    freed_by_thread_name: Option<&'a str>,
    freed_backtrace_id: Option<u32>,
    chain: ChainJson,
}

/// Its place among the allocations that reallocs made of one block.
#[derive(Serialize, JsonSchema)]
struct ChainJson {
    position: u32,
    length: u32,
    first_us: u64,
    freed_us: Option<u64>,
}

#[derive(Clone, Copy)]
enum Sort {
    Time,
    Size,
    Address,
    Lifetime,
}

const SORTS: [(&str, Sort); 4] = [
    ("allocated_us", Sort::Time),
    ("size_bytes", Sort::Size),
    ("address", Sort::Address),
    ("lifetime_us", Sort::Lifetime),
];

/// The allocations that a filter leaves.
pub(crate) struct Allocations {
    selection: Arc<Selection>,
    sort: Sort,
    page: Page,
}

impl Question for Allocations {
    const NAME: &'static str = "allocations";
    const ABOUT: &'static str = "allocations one by one";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER,
        Parameter::word("sort", &words(&SORTS), "what to order by: `size_bytes` unless told otherwise"),
        ORDER,
        LIMIT_OF_PAGE,
        CURSOR,
    ];
    type Data = AllocationsJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            selection: selection(parameters)?,
            sort: parameters.word("sort", &SORTS)?.unwrap_or(Sort::Size),
            page: Page::read(parameters)?,
        })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let rows = profile.rows(&self.selection, cancel)?;
        let (part, next) = self.page.part(rows.len() as usize);
        let ordered = self.first(profile, &rows, part.end, cancel)?;
        let allocations = ordered[part].iter().map(|row| AllocationJson::of(profile, *row)).collect();
        Ok(Answer::json(&AllocationsJson { allocations, total: rows.len(), next }, Source::Allocations))
    }
}

impl Allocations {
    /// The first `count` in order. Among equals, what was allocated earlier comes first.
    fn first(
        &self,
        profile: &Profile,
        rows: &RowSet,
        count: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Row>, ServiceError> {
        let end_us = profile.manifest().end_us;
        let key = |row: &Row| match self.sort {
            Sort::Time => u64::from(row.0),
            Sort::Size => profile.size(*row),
            Sort::Address => profile.address(*row),
            Sort::Lifetime => {
                let allocation = profile.allocation(*row);
                allocation.death_us.unwrap_or(end_us).saturating_sub(allocation.birth_us)
            }
        };
        let mut ordered: Vec<Row> = rows.iter().collect();
        cancel.check()?;
        match self.page.is_ascending {
            true => first_by_key(&mut ordered, count, |row| (key(row), *row)),
            false => first_by_key(&mut ordered, count, |row| (Reverse(key(row)), *row)),
        }
        Ok(ordered)
    }
}

/// Leaves the first elements, in order.
fn first_by_key<T, K: Ord>(items: &mut Vec<T>, count: usize, key: impl Fn(&T) -> K) {
    if count < items.len() {
        items.select_nth_unstable_by_key(count, &key);
        items.truncate(count);
    }
    items.sort_unstable_by_key(&key);
}

impl<'a> AllocationJson<'a> {
    fn of(profile: &'a Profile, row: Row) -> Self {
        let start_us = profile.manifest().start_us;
        let since_start = |us: u64| us.saturating_sub(start_us);
        let allocation = profile.allocation(row);
        let chain = allocation.chain;
        let freed_by = allocation.death_thread.zip(allocation.death_us);
        Self {
            allocation_id: allocation.id,
            address: allocation.address,
            size_bytes: allocation.size,
            usable_bytes: allocation.usable_size(),
            allocated_us: since_start(allocation.birth_us),
            thread: allocation.thread,
            thread_name: profile.thread_name(allocation.thread, allocation.birth_us),
            backtrace_id: allocation.backtrace.0,
            marker: allocation.marker,
            freed_us: allocation.death_us.map(since_start),
            freed_by_thread: allocation.death_thread,
            freed_by_thread_name: freed_by.and_then(|(thread, at)| profile.thread_name(thread, at)),
            freed_backtrace_id: allocation.death_backtrace.map(|id| id.0),
            chain: ChainJson {
                position: chain.position,
                length: chain.length,
                first_us: since_start(profile.allocation(chain.first).birth_us),
                freed_us: profile.allocation(chain.last).death_us.map(since_start),
            },
        }
    }
}
