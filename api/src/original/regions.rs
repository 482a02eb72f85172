//! `GET /data/{id}/regions`: where allocations lie.

use super::filter::Filter;
use super::page::unread;
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use schemars::JsonSchema;
use serde::Serialize;

/// Ranges of addresses: their first, and the first behind them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RegionsJson {
    main_heap_start: u64,
    main_heap_end: u64,
    main_heap_start_s: String,
    main_heap_end_s: String,
    regions: Vec<[u64; 2]>,
}

/// The ranges of addresses that allocations took, those that touch put together.
pub(crate) async fn regions(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let (start, end) = profile.main_heap(cancel)?.map_or((0, 0), |heap| (heap.start, heap.end));
        let extents = profile.extents(&rows, cancel)?;
        let regions = RegionsJson {
            main_heap_start: start,
            main_heap_end: end,
            main_heap_start_s: start.to_string(),
            main_heap_end_s: end.to_string(),
            regions: extents.into_iter().map(|extent| [extent.start, extent.end]).collect(),
        };
        serde_json::to_writer(writer, &regions).map_err(|error| unread(error.into()))
    })
    .await
}
