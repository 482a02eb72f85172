//! `bytehound upload`: streams captures to a running server.

use crate::arguments::UploadArguments;
use crate::client::{Client, accepted, json};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use ureq::SendBody;

/// Sends each capture, in order; prints the id of each.
pub(crate) fn upload(arguments: &UploadArguments) -> Result<u8> {
    let server = Server(Client::new(&arguments.server, &arguments.credentials));
    for path in &arguments.files {
        let answer = server
            .send(path, &arguments.labels)
            .with_context(|| format!("cannot upload `{}`", path.display()))?;
        let id = answer["id"].as_str().context("the server's answer has no id: is it a bytehound server?")?;
        match arguments.json {
            true => println!("{answer}"),
            false => println!("{id}"),
        }
        if arguments.wait {
            server.wait_until_ready(id)?;
        }
    }
    Ok(0)
}

struct Server(Client);

impl Server {
    fn send(&self, path: &Path, labels: &[(String, String)]) -> Result<Value> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut request = self.0.post("/v1/profiles").query("name", &name);
        for (key, value) in labels {
            request = request.query("label", format!("{key}={value}"));
        }
        let bar = bar(&name, size);
        let mut body = bar.wrap_read(file);
        let request = request.header("content-length", size.to_string());
        let answer = request.send(SendBody::from_reader(&mut body));
        bar.finish_and_clear();
        json(accepted(self.0.reached(answer)?)?)
    }

    fn wait_until_ready(&self, id: &str) -> Result<()> {
        let events = accepted(self.0.reached(self.0.get(&format!("/v1/profiles/{id}/events")).call())?)?;
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
}

fn bar(name: &str, size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:.bold} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_prefix(name.to_owned())
}
