//! A running server, and talking to it.

use crate::build;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A running `bytehound server`; it ends with us.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    agent: ureq::Agent,
    most_bytes: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn start(data: &Path, port: u16) -> Result<Self> {
        let mut command = Command::new(build::executable());
        command.arg("server").arg("--data-dir").arg(data).args(["--port", &port.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let output = child.stdout.take().context("the server has no output")?;
        let url = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = url.context("the server ended without saying where it listens: is the port taken? choose another with `--port`")?;
        let most_bytes = watch_memory(child.id());
        Ok(Self { child, url: url.trim_end_matches('/').to_owned(), agent, most_bytes })
    }

    /// The most anonymous memory that it was seen to have since this was asked last.
    pub(crate) fn take_most_anonymous_bytes(&self) -> u64 {
        self.most_bytes.swap(0, Ordering::Relaxed)
    }

    /// Serves until it is ended.
    pub(crate) fn wait(&mut self) -> Result<()> {
        self.child.wait()?;
        Ok(())
    }

    /// Uploads a capture and waits until it is indexed; gives the profile's id.
    pub(crate) fn upload(&self, capture: &Path) -> Result<String> {
        let mut command = Command::new(build::executable());
        command.args(["upload", "--wait", "--server", &self.url]).arg(capture);
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the capture could not be uploaded");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn script(&self, profile: &str, script: &str) -> Result<String> {
        let mut answer = self.agent.post(format!("{}/script?profile={profile}", self.url)).send(script)?;
        let answer: Value = answer.body_mut().read_json()?;
        ensure!(answer["status"] == "ok", "the script failed: {}", answer["message"]);
        let lines = answer["output"].as_array().into_iter().flatten();
        Ok(lines.filter_map(|item| item["value"].as_str()).map(|line| format!("{line}\n")).collect())
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// Looks at a process until it ends.
fn watch_memory(process: u32) -> Arc<AtomicU64> {
    let most = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&most);
    thread::spawn(move || {
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) {
            let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let words = anonymous.and_then(|rest| rest.split_whitespace().next());
            let kilobytes = words.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            seen.fetch_max(kilobytes * 1024, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
    });
    most
}
