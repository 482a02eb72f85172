//! The shape of answers to questions: `data`, and in `meta` how it was come by.

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// What is kept of every backtrace.
    Summaries,
    /// What is kept of every bucket of time.
    Buckets,
    /// What is kept of every backtrace in spans of time; and the allocations of the span that the question cuts.
    Cells,
    /// The allocations themselves.
    Allocations,
    /// The tables of maps and backtraces.
    Tables,
}

/// The answer. All are exact: what is kept is counted, never sampled. How long it took stands in a header, so that equal
/// answers are equal.
pub(crate) fn data_json(data: Value, source: Source, since: Instant) -> HttpResponse {
    let milliseconds = since.elapsed().as_secs_f64() * 1e3;
    HttpResponse::Ok()
        .insert_header(("Server-Timing", format!("answer;dur={milliseconds:.3}")))
        .json(json!({ "data": data, "meta": { "exact": true, "source": source } }))
}
