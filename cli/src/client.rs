//! Talking to a running server: how we are let in, and what it says if it refuses.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use ureq::http::Response;
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

/// Where a server listens unless told otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// What lets a command in.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Credentials {
    /// The token for the server, if it asks for one
    #[arg(long, value_name = "TOKEN", env = "BYTEHOUND_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// One server.
pub(crate) struct Client {
    url: String,
    authorization: Option<String>,
    agent: Agent,
}

impl Client {
    pub(crate) fn new(url: &str, credentials: &Credentials) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        let authorization = credentials.token.as_ref().map(|token| format!("Bearer {token}"));
        Self { url: url.trim_end_matches('/').to_owned(), authorization, agent }
    }

    /// A GET of a path, which begins with a slash.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.authorized(self.agent.get(format!("{}{path}", self.url)))
    }

    /// A POST to a path.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder<WithBody> {
        self.authorized(self.agent.post(format!("{}{path}", self.url)))
    }

    /// A PATCH of a path.
    pub(crate) fn patch(&self, path: &str) -> RequestBuilder<WithBody> {
        self.authorized(self.agent.patch(format!("{}{path}", self.url)))
    }

    /// A DELETE of a path.
    pub(crate) fn delete(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.authorized(self.agent.delete(format!("{}{path}", self.url)))
    }

    /// What the server answered, if it could be reached.
    pub(crate) fn reached(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        answer.with_context(|| format!("cannot reach `{}`; is `bytehound server` running?", self.url))
    }

    /// What a GET of a path gives.
    pub(crate) fn ask(&self, path: &str) -> Result<Value> {
        self.json(self.get(path).call())
    }

    /// What a POST without a body gives.
    pub(crate) fn tell(&self, path: &str) -> Result<Value> {
        self.json(self.post(path).send_empty())
    }

    /// The JSON of an answer, if the server could be reached and did what it was asked.
    pub(crate) fn json(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value> {
        json(accepted(self.reached(answer)?)?)
    }

    /// Follows a profile until nothing more happens to it.
    pub(crate) fn wait_until_ready(&self, id: &str) -> Result<()> {
        let events = accepted(self.reached(self.get(&format!("/v1/profiles/{id}/events")).call())?)?;
        let mut event = String::new();
        for line in BufReader::new(events.into_body().into_reader()).lines() {
            let line = line?;
            match (event.as_str(), line.split_once(": ")) {
                (_, Some(("event", name))) => event = name.to_owned(),
                ("done", Some(("data", _))) => return Ok(()),
                ("error", Some(("data", profile))) => {
                    let profile: Value = serde_json::from_str(profile)?;
                    bail!(
                        "profile `{id}` could not be indexed: {}",
                        profile["problem"].as_str().unwrap_or("no reason given")
                    );
                }
                _ => {}
            }
        }
        bail!("the server went away before profile `{id}` was ready")
    }

    /// Begins an upload that is shown while it grows; gives its path.
    pub(crate) fn begin_live(&self, name: &str) -> Result<String> {
        let answer =
            self.json(self.post("/v1/uploads").query("live", "true").query("name", name).send_empty())?;
        let id = answer["id"].as_str().context("the server's answer has no id")?;
        Ok(format!("/v1/uploads/{id}"))
    }

    /// Sends the next bytes of an upload.
    pub(crate) fn append(&self, upload: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let request = self.patch(upload).header("upload-offset", offset.to_string());
        accepted(self.reached(request.send(bytes))?).map(drop)
    }

    /// Ends an upload; gives what it has become.
    pub(crate) fn complete(&self, upload: &str, offset: u64) -> Result<Value> {
        let request = self.patch(upload).header("upload-offset", offset.to_string());
        self.json(request.header("upload-complete", "?1").send_empty())
    }

    /// Gives an upload up.
    pub(crate) fn abandon(&self, upload: &str) -> Result<()> {
        accepted(self.reached(self.delete(upload).call())?).map(drop)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }
}

/// The answer, if the server did what it was asked; else its reason.
fn accepted(answer: Response<Body>) -> Result<Response<Body>> {
    match answer.status().is_success() {
        true => Ok(answer),
        false => bail!("{}", reason(&json(answer)?)),
    }
}

/// The answer as JSON.
fn json(mut answer: Response<Body>) -> Result<Value> {
    answer.body_mut().read_json().context("the server's answer is not JSON")
}

fn reason(problem: &Value) -> String {
    let text = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    text.unwrap_or("the server refused it without saying why").to_owned()
}
