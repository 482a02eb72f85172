//! Talking to the server.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::Read;
use std::net::ToSocketAddrs;
use std::time::Duration;
use ureq::http::Uri;
use ureq::{Agent, Body, http::Response};

/// An answer that takes longer counts as none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A capture that is not received and indexed in this time counts as stuck.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(3600);
/// No answer is longer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// The address of a server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Scheme, host and port, without a slash at the end.
    url: String,
}

impl Server {
    /// Refuses other machines: they are not ours to put under load.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let uri: Uri = text.parse()?;
        ensure!(uri.scheme_str() == Some("http"), "begin it with `http://`");
        ensure!(uri.path() == "/" && uri.query().is_none(), "give host and port only");
        let host = uri.host().context("the host is missing")?;
        let port = uri.port_u16().unwrap_or(80);
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let mut addresses =
            (name, port).to_socket_addrs().with_context(|| format!("cannot find `{host}`"))?;
        ensure!(
            addresses.all(|address| address.ip().is_loopback()),
            "`{host}` is another machine; only a server of this one may be put under load (127.0.0.1, [::1], localhost)"
        );
        Ok(Self { url: format!("http://{host}:{port}") })
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    Get,
    PostText(&'a str),
    PostJson(&'a str),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Connections to one server; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    server: Server,
    agent: Agent,
}

impl Client {
    pub(crate) fn new(server: &Server) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections_per_host(256)
            .timeout_global(Some(ANSWER_TIMEOUT));
        Self { server: server.clone(), agent: config.build().into() }
    }

    pub(crate) fn call(&self, path: &str, call: Call<'_>) -> Result<Answer> {
        let url = self.url(path);
        let response = match call {
            Call::Get => self.agent.get(url).call()?,
            Call::PostText(text) => self.agent.post(url).header("content-type", "text/plain").send(text)?,
            Call::PostJson(text) => {
                self.agent.post(url).header("content-type", "application/json").send(text)?
            }
        };
        answer(response)
    }

    /// POSTs a file as it is.
    pub(crate) fn upload(&self, path: &str, file: &File) -> Result<Answer> {
        let request = self.agent.post(self.url(path)).config().timeout_global(Some(UPLOAD_TIMEOUT)).build();
        answer(request.send(file)?)
    }

    /// GETs something that goes on for a while, to be read as it comes.
    pub(crate) fn follow(&self, path: &str) -> Result<impl Read + use<>> {
        let request = self.agent.get(self.url(path)).config().timeout_global(Some(UPLOAD_TIMEOUT)).build();
        let response = request.call()?;
        ensure!(response.status() == 200, "the server answers {} to `{path}`", response.status());
        Ok(response.into_body().into_reader())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }
}

fn answer(mut response: Response<Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_accepted() {
        for (text, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://localhost:9000/", "http://localhost:9000"),
            ("http://127.1.2.3", "http://127.1.2.3:80"),
        ] {
            assert_eq!(Server::parse(text).unwrap().url, url);
        }
    }

    #[test]
    fn other_machines_and_other_urls_are_refused() {
        for text in [
            "http://192.0.2.1:8080",
            "http://0.0.0.0:8080",
            "http://[2001:db8::1]:80",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/list",
            "127.0.0.1:8080",
            "",
        ] {
            assert!(Server::parse(text).is_err(), "`{text}` was accepted");
        }
    }
}
