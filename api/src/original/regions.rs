//! `GET /data/{id}/regions`: where allocations lie.

use super::filter::Filter;
use super::page::{unread, write_array};
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::{Allocation, Cancel, IndexError, Profile, Row, RowSet};
use std::io::Write;
use std::iter::Peekable;

/// Rows between two looks at whether anybody still waits.
const CANCEL_STEP: u32 = 1 << 16;

/// Addresses from one to another; the second is not in it.
type Range = (u64, u64);

/// The ranges of addresses that allocations took, those that touch put together.
pub(crate) async fn regions(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let (start, end) = main_heap(profile, cancel)?;
        let sorted = sorted_by_address(profile, &rows);
        cancel.check()?;
        write!(
            writer,
            "{{\"main_heap_start\":{start},\"main_heap_end\":{end},\"main_heap_start_s\":\"{start}\",\
             \"main_heap_end_s\":\"{end}\",\"regions\":"
        )
        .map_err(unread)?;
        let ranges = sorted.into_iter().map(|row| range(profile, row)).peekable();
        write_array(writer, Coalesced(ranges)).map_err(unread)?;
        writer.write_all(b"}").map_err(unread)
    })
    .await
}

fn sorted_by_address(profile: &Profile, rows: &RowSet) -> Vec<Row> {
    let mut sorted: Vec<Row> = rows.iter().collect();
    sorted.sort_unstable_by_key(|row| (profile.address(*row), *row));
    sorted
}

/// From the first to the end of the last allocation that glibc served from its main arena.
fn main_heap(profile: &Profile, cancel: &Cancel) -> Result<Range, IndexError> {
    let (mut first, mut last): (Option<Allocation>, Option<Allocation>) = (None, None);
    for row in 0..profile.row_count() {
        if row % CANCEL_STEP == 0 {
            cancel.check()?;
        }
        let allocation = profile.allocation(Row(row));
        if allocation.is_mmaped() || !allocation.in_main_arena() {
            continue;
        }
        if first.is_none_or(|first| allocation.address < first.address) {
            first = Some(allocation);
        }
        if last.is_none_or(|last| allocation.address >= last.address) {
            last = Some(allocation);
        }
    }
    let start = first.map_or(0, |first| range(profile, first.row).0);
    Ok((start, last.map_or(0, |last| range(profile, last.row).1)))
}

/// What a block takes: the words that glibc writes before it, and all that can be used of it.
fn range(profile: &Profile, row: Row) -> Range {
    let allocation = profile.allocation(row);
    let words = if allocation.is_mmaped() { 2 } else { 1 };
    let header = words * u64::from(profile.manifest().pointer_size);
    let start = allocation.address.saturating_sub(header);
    (start, allocation.address.saturating_add(allocation.usable_size()))
}

/// Puts ranges together that touch, or lie over each other.
struct Coalesced<I: Iterator<Item = Range>>(Peekable<I>);

impl<I: Iterator<Item = Range>> Iterator for Coalesced<I> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        let (start, mut end) = self.0.next()?;
        while let Some((_, next_end)) = self.0.next_if(|(next_start, _)| *next_start <= end) {
            end = end.max(next_end);
        }
        Some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let ranges = [(1, 5), (2, 3), (5, 7), (8, 9), (8, 8)];
        let coalesced: Vec<Range> = Coalesced(ranges.into_iter().peekable()).collect();
        assert_eq!(coalesced, [(1, 7), (8, 9)]);
    }
}
