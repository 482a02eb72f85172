//! `GET /v1/profiles/{id}/data`: the capture itself, whole or a part of it.

use crate::errors::{BAD_RANGE, internal};
use crate::parameter::Parameter;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_NONE_MATCH, IF_RANGE,
    RANGE,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use futures_util::Stream;
use futures_util::stream::unfold;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub(crate) const RANGE_HEADER: Parameter = Parameter::text("range", "a part of it");

/// Bytes that are read at a time.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Sends the bytes; they never change under an id, which therefore is their tag.
pub(crate) async fn download(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    let file = api.service.capture(&id).await?;
    let len = file.metadata().map_err(|error| internal(&error))?.len();
    let tag = format!("\"{id}\"");
    let headers = request.headers();
    if has(headers, &IF_NONE_MATCH, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let mut response = HttpResponse::Ok();
    // A part of another version is of no use to whoever has the rest of this one.
    let is_meant = !headers.contains_key(IF_RANGE) || has(headers, &IF_RANGE, &tag);
    let range = headers.get(RANGE).filter(|_| is_meant).and_then(|range| range.to_str().ok());
    let range = match range.and_then(|range| part(range, len)) {
        None => 0..len,
        Some(part) if part.is_empty() => return Ok(unsatisfiable(len)),
        Some(part) => {
            response.status(StatusCode::PARTIAL_CONTENT);
            response.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end - 1)));
            part
        }
    };
    response
        .content_type("application/octet-stream")
        .insert_header((ETAG, tag))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.dat\"")));
    Ok(response.body(SizedStream::new(range.end - range.start, chunks(file, range))))
}

fn has(headers: &HeaderMap, name: &HeaderName, tag: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(',').any(|given| given.trim() == tag)
}

/// The part of `len` bytes that a range asks for; empty when there is none of it. Several parts, or what is no range,
/// ask for the whole.
fn part(range: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), last.trim()) {
        ("", last) => Some(len.saturating_sub(number(last)?)..len),
        (first, "") => Some(number(first)?.min(len)..len),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first.min(len)..last.saturating_add(1).min(len))
        }
    }
}

fn unsatisfiable(len: u64) -> HttpResponse {
    let mut response =
        Problem::new(&BAD_RANGE, format!("the capture has {len} bytes, none of which were asked for"))
            .error_response();
    if let Ok(range) = format!("bytes */{len}").parse() {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response
}

fn chunks(file: File, range: Range<u64>) -> impl Stream<Item = Result<Bytes, io::Error>> {
    unfold((Arc::new(file), range), async |(file, range)| {
        if range.is_empty() {
            return None;
        }
        let len = CHUNK_BYTES.min(range.end - range.start);
        let reading = Arc::clone(&file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; len as usize];
            reading.read_exact_at(&mut bytes, range.start).map(|()| Bytes::from(bytes))
        });
        let bytes = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        // After an error nothing more can be sent.
        let rest = if bytes.is_ok() { range.start + len..range.end } else { 0..0 };
        Some((bytes, (file, rest)))
    })
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_lie_within_the_capture() {
        assert_eq!(part("bytes=0-9", 100), Some(0..10));
        assert_eq!(part("bytes=90-", 100), Some(90..100));
        assert_eq!(part("bytes=-7", 100), Some(93..100));
        assert_eq!(part("bytes=-700", 100), Some(0..100));
        assert_eq!(part("bytes=50-18446744073709551615", 100), Some(50..100));
        assert_eq!(part("bytes=100-", 100), Some(100..100));
    }

    #[test]
    fn what_is_no_range_asks_for_the_whole() {
        for range in ["", "bytes", "bytes=", "bytes=-", "bytes=5-1", "lines=1-2", "bytes=0-1,5-6", "bytes=x-"]
        {
            assert_eq!(part(range, 100), None, "{range}");
        }
    }
}
