//! Answers to questions: `data`, and in `meta` how it was come by. They are written where they were found, on the query
//! actor: the threads that serve HTTP only pass them on.

use crate::artifacts::PICTURE_POLICY;
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Instant;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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

/// An answer, ready to be sent.
pub(crate) struct Answer {
    media: Media,
    body: String,
}

enum Media {
    Json,
    Text,
    Picture,
}

/// What every JSON answer is wrapped in.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Wrapped<T> {
    data: T,
    meta: Meta,
}

#[derive(Serialize, JsonSchema)]
struct Meta {
    /// Whether it is what counting gives: always, since nothing that is kept was sampled.
    exact: bool,
    source: Source,
}

impl Answer {
    pub(crate) fn json(data: &impl Serialize, source: Source) -> Self {
        let wrapped = Wrapped { data, meta: Meta { exact: true, source } };
        // Plain values with text keys: there is nothing that JSON cannot hold.
        Self { media: Media::Json, body: serde_json::to_string(&wrapped).unwrap_or_default() }
    }

    pub(crate) fn text(body: String) -> Self {
        Self { media: Media::Text, body }
    }

    /// An SVG picture: it is shut into a sandbox.
    pub(crate) fn picture(body: String) -> Self {
        Self { media: Media::Picture, body }
    }

    /// How long it took stands in a header, so that equal answers are equal.
    pub(crate) fn respond(self, since: Instant) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        match self.media {
            Media::Json => response.content_type("application/json"),
            Media::Text => response.content_type("text/plain; charset=utf-8"),
            Media::Picture => response
                .content_type("image/svg+xml")
                .insert_header((CONTENT_SECURITY_POLICY, PICTURE_POLICY)),
        };
        let milliseconds = since.elapsed().as_secs_f64() * 1e3;
        response.insert_header(("Server-Timing", format!("answer;dur={milliseconds:.3}")));
        response.body(self.body)
    }
}
