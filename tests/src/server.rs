//! A running `bytehound server`, and talking to it.

use crate::bytehound;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server on a port of the system's choice. It ends, at once, when dropped.
pub struct Server {
    child: Child,
    /// Where it listens, without a slash at the end.
    pub url: String,
    agent: ureq::Agent,
}

/// An answer: its status, and its body.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("not JSON: {}", self.text))
    }
}

impl Server {
    /// Starts a server on a data directory, with these captures.
    pub fn start(data: &Path, captures: &[PathBuf]) -> Result<Self> {
        let mut command = Command::new(bytehound());
        command.arg("server").args(captures).arg("--data-dir").arg(data).args(["--port", "0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the server has no output")?;
        let found = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let url = found.context("the server ended without saying where it listens")?;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Ok(Self { child, url: url.trim_end_matches('/').to_owned(), agent })
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Result<Answer> {
        answer(self.agent.get(format!("{}{path}", self.url)).call()?)
    }

    /// POSTs bytes to a path.
    pub fn post(&self, path: &str, body: &[u8]) -> Result<Answer> {
        answer(self.agent.post(format!("{}{path}", self.url)).send(body)?)
    }

    /// POSTs JSON to a path.
    pub fn post_json(&self, path: &str, body: &Value) -> Result<Answer> {
        let request =
            self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        answer(request.send(body.to_string().as_bytes())?)
    }

    /// Uploads a capture and follows it until it is ready; gives its id.
    pub fn upload(&self, capture: &Path) -> Result<String> {
        let received = self.post("/v1/profiles", &std::fs::read(capture)?)?;
        ensure!(matches!(received.status, 200 | 201), "refused: {}", received.text);
        let id = received.json()?["id"].as_str().context("no id")?.to_owned();
        self.wait_until_ready(&id)?;
        Ok(id)
    }

    /// Follows a profile's events until it is ready, or failed.
    pub fn wait_until_ready(&self, id: &str) -> Result<()> {
        let events = self.agent.get(format!("{}/v1/profiles/{id}/events", self.url)).call()?;
        let mut failed = false;
        for line in BufReader::new(events.into_body().into_reader()).lines() {
            match line?.as_str() {
                "event: done" => return Ok(()),
                "event: error" => failed = true,
                data if failed => bail!("the profile failed: {data}"),
                _ => {}
            }
        }
        bail!("the events ended before the profile was ready")
    }

    /// Runs a script over one profile; gives its printed lines, and the URLs of its images.
    pub fn script(&self, profile: &str, script: &str) -> Result<(String, Vec<String>)> {
        let answer = self.post(&format!("/script?profile={profile}"), script.as_bytes())?.json()?;
        ensure!(answer["status"] == "ok", "the script failed: {answer}");
        let items = answer["output"].as_array().cloned().unwrap_or_default();
        let lines = items.iter().filter_map(|item| item["value"].as_str());
        let images = items.iter().filter_map(|item| item["url"].as_str()).map(str::to_owned);
        Ok((lines.map(|line| format!("{line}\n")).collect(), images.collect()))
    }

    /// Kills it as SIGKILL does: nothing is finished, nothing is flushed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it is still there.
    pub fn is_up(&self) -> bool {
        self.get("/healthz").is_ok_and(|answer| answer.status == 200)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `kill`.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
    Ok(Answer { status, text })
}
