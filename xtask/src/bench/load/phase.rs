//! One run of the load test against a running server.

use super::Options;
use crate::bench::generated::folder;
use crate::served::Server;
use crate::shell::{describe, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(super) struct Phase<'a> {
    pub(super) server: &'a Server,
    pub(super) name: &'static str,
    /// What is asked about.
    pub(super) captures: &'a [PathBuf],
    pub(super) kinds: &'a [&'static str],
    /// Requests a second.
    pub(super) rate: u32,
    pub(super) options: &'a Options,
}

/// What the load test reported.
pub(super) struct Report(pub(super) Value);

impl Phase<'_> {
    /// Sends requests, all the time that the uploads take if there are some; each kind has its target.
    pub(super) fn run(&self, uploads: &[PathBuf], p99_ms: impl Fn(&str) -> f64) -> Result<Report> {
        let path = folder()?.join("load-report.json");
        // A report that is not written must not be mistaken for that of the phase before.
        drop(std::fs::remove_file(&path));
        let requests = if uploads.is_empty() { self.options.requests } else { 1_000_000 };
        let mut command = Command::new(root().join("target/release/bytehound-loadtest"));
        command.args(["--server", &self.server.url, "--rate", &self.rate.to_string()]);
        command.args(["--requests", &requests.to_string(), "--clients", "8", "--time-limit", "3600"]);
        command.arg("--warm-up");
        for kind in self.kinds {
            command.args(["--kind", kind]);
            if p99_ms(kind).is_finite() {
                command.args(["--p99", &format!("{kind}={}", p99_ms(kind))]);
            }
        }
        command.arg("--report").arg(&path).arg("--capture").args(self.captures);
        if !uploads.is_empty() {
            command.arg("--upload").args(uploads);
        }
        if self.options.json {
            command.stdout(Stdio::null());
        } else {
            println!("{}:", self.name);
        }
        command.status().with_context(|| format!("cannot start `{}`", describe(&command)))?;
        let report = std::fs::read_to_string(&path).context("the load test ended without a report")?;
        let mut report: Value = serde_json::from_str(&report)?;
        report["phase"] = self.name.into();
        let memory = self.server.take_most_anonymous_bytes();
        report["anonymous_bytes"] = memory.into();
        if !self.options.json {
            println!("at most {:.0} MB of anonymous memory\n", memory as f64 / 1e6);
        }
        Ok(Report(report))
    }
}

impl Report {
    /// The most anonymous memory that the server had meanwhile.
    pub(super) fn anonymous_bytes(&self) -> u64 {
        self.0["anonymous_bytes"].as_u64().unwrap_or(u64::MAX)
    }

    /// What 99 of 100 requests of a kind stayed below.
    pub(super) fn p99_ms(&self, kind: &str) -> Option<f64> {
        let kinds = self.0["kinds"].as_array()?;
        kinds.iter().find(|row| row["kind"] == kind)?["p99_ms"].as_f64()
    }

    /// Targets that were missed, and answers that were wrong.
    pub(super) fn missed(&self) -> Vec<String> {
        let phase = self.0["phase"].as_str().unwrap_or_default();
        let told = ["missed", "failures"].iter().flat_map(|what| self.0[what].as_array()).flatten();
        let mut missed: Vec<_> =
            told.filter_map(Value::as_str).map(|why| format!("{phase}: {why}")).collect();
        if self.0["left_over"] != 0 {
            missed.push(format!("{phase}: {} requests were left over", self.0["left_over"]));
        }
        missed
    }
}
