//! Bringing the captures in, and waiting until they can be asked.

use crate::client::Client;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

/// A capture that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) capture: String,
    pub(crate) bytes: u64,
    /// Whether the server had it already.
    pub(crate) known: bool,
    /// From the first byte to the server's word that it has all.
    pub(crate) received: Duration,
    /// From the first byte until it could be asked.
    pub(crate) ready: Duration,
}

pub(crate) fn upload(client: &Client, capture: &Path) -> Result<Profile> {
    let file = File::open(capture)?;
    let bytes = file.metadata()?.len();
    let start = Instant::now();
    let answer = client.upload("/v1/profiles", &file)?;
    let received = start.elapsed();
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(matches!(answer.status, 200 | 201), "the server answers {}: {text}", answer.status);
    let json: Value = serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?;
    let id = json["id"].as_str().with_context(|| format!("without `id`: {text}"))?.to_owned();
    follow(client, &id)?;
    Ok(Profile {
        id,
        capture: capture.display().to_string(),
        bytes,
        known: answer.status == 200,
        received,
        ready: start.elapsed(),
    })
}

/// Follows a profile's events until it is ready.
fn follow(client: &Client, id: &str) -> Result<()> {
    let events = client.follow(&format!("/v1/profiles/{id}/events"))?;
    let mut failed = false;
    for line in BufReader::new(events).lines() {
        match line?.as_str() {
            "event: done" => return Ok(()),
            "event: error" => failed = true,
            data if failed => bail!("the server could not index it: {data}"),
            _ => {}
        }
    }
    bail!("the events ended before it was ready")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::FakeServer;
    use std::io::Write;

    fn upload_to(events: &'static str) -> Result<Profile> {
        let server = FakeServer::start(move |line, body| match line {
            "POST /v1/profiles HTTP/1.1" if body == b"capture" => (201, r#"{"id":"p_a"}"#.into()),
            "GET /v1/profiles/p_a/events HTTP/1.1" => (200, events.into()),
            _ => (404, String::new()),
        });
        let mut capture = tempfile::NamedTempFile::new()?;
        capture.write_all(b"capture")?;
        upload(&server.client(), capture.path())
    }

    #[test]
    fn an_upload_is_followed_until_it_is_ready() {
        let profile =
            upload_to("event: progress\ndata: {}\n\n: still there\n\nevent: done\ndata: {}\n\n").unwrap();
        assert_eq!((profile.id.as_str(), profile.bytes, profile.known), ("p_a", 7, false));
        assert!(profile.received <= profile.ready);
    }

    #[test]
    fn a_profile_that_fails_says_why() {
        let error = upload_to("event: error\ndata: {\"problem\":\"it is cut\"}\n\n").unwrap_err();
        assert!(error.to_string().contains("it is cut"), "{error}");
    }

    #[test]
    fn events_that_end_too_early_are_an_error() {
        assert!(upload_to("event: progress\ndata: {}\n\n").is_err());
    }
}
