//! `bytehound upload`: streams captures to a running server.

use crate::arguments::UploadArguments;
use crate::client::Client;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use ureq::SendBody;

/// Sends each capture, in order; prints the id of each.
pub(crate) fn upload(arguments: &UploadArguments) -> Result<u8> {
    let server = Client::new(&arguments.server, &arguments.credentials);
    for path in &arguments.files {
        let answer = send(&server, path, &arguments.labels)
            .with_context(|| format!("cannot upload `{}`", path.display()))?;
        let id = &id(&answer)?;
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

fn send(server: &Client, path: &Path, labels: &[(String, String)]) -> Result<Value> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut request = server.post("/v1/profiles").query("name", &name);
    for (key, value) in labels {
        request = request.query("label", format!("{key}={value}"));
    }
    let bar = bar(&name, size);
    let mut body = bar.wrap_read(file);
    let request = request.header("content-length", size.to_string());
    let answer = request.send(SendBody::from_reader(&mut body));
    bar.finish_and_clear();
    server.json(answer)
}

fn id(answer: &Value) -> Result<String> {
    let id = answer["id"].as_str();
    id.map(str::to_owned).context("the server's answer has no id: is it a bytehound server?")
}

/// Sends a capture without labels; gives its id.
pub(crate) fn send_whole(server: &Client, path: &Path) -> Result<String> {
    id_of(&send(server, path, &[])?)
}

/// The id in the server's answer.
pub(crate) fn id_of(answer: &Value) -> Result<String> {
    let id = answer["id"].as_str();
    id.map(str::to_owned).context("the server's answer has no id: is it a bytehound server?")
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
