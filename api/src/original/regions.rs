//! `GET /data/{id}/regions`: where allocations lie.

use super::filter::Filter;
use super::page::{unread, write_array};
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use std::io::Write;

/// The ranges of addresses that allocations took, those that touch put together.
pub(crate) async fn regions(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let (start, end) = profile.main_heap(cancel)?.map_or((0, 0), |heap| (heap.start, heap.end));
        let extents = profile.extents(&rows, cancel)?;
        write!(
            writer,
            "{{\"main_heap_start\":{start},\"main_heap_end\":{end},\"main_heap_start_s\":\"{start}\",\
             \"main_heap_end_s\":\"{end}\",\"regions\":"
        )
        .map_err(unread)?;
        write_array(writer, extents.into_iter().map(|extent| (extent.start, extent.end))).map_err(unread)?;
        writer.write_all(b"}").map_err(unread)
    })
    .await
}
