//! A black box over HTTP that measures throughput and latency percentiles and checks the answers.
//!
//! It uploads captures to a server of this machine, waits until they can be asked, and then asks on a fixed schedule:
//! a request's latency counts from the moment it was to be sent, so a server that stalls can't hide how long the
//! requests behind the stall had to wait. Every answer has to be the first one to the same request, byte for byte
//! but for the fields of [`requests::Kind::volatile`]; so nobody else may change the server's profiles meanwhile. The
//! first one has to say what is known of the capture, if something is: see [`known`].

mod answers;
mod arguments;
mod client;
mod expected;
#[cfg(test)]
mod fake_server;
mod known;
mod load;
mod measured;
mod report;
mod requests;
mod schedule;
mod target;
mod uploads;

use anyhow::{Context, Result};
use arguments::Arguments;
use clap::Parser;
use client::Client;
use known::Known;
use load::Questions;
use measured::Measured;
use report::Report;
use requests::{Mix, Subject};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use uploads::Profile;

fn main() -> ExitCode {
    let outcome = run(&Arguments::parse());
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every answer was right, and every target held.
fn run(arguments: &Arguments) -> Result<bool> {
    let client = Client::new(&arguments.server);
    let mut profiles =
        arguments.captures.iter().map(|capture| upload(&client, capture)).collect::<Result<Vec<_>>>()?;
    let subjects = arguments.captures.iter().zip(&profiles).map(|(capture, profile)| {
        Ok(Subject { id: profile.id.clone(), known: Known::beside(capture)?.map(Arc::new) })
    });
    let mix = Mix::over(&subjects.collect::<Result<Vec<_>>>()?, arguments.kinds());
    let questions = Questions::new(&client, &mix, !arguments.uploads.is_empty());
    let first = arguments.warm_up.then(|| questions.warm_up());
    let measured = if arguments.uploads.is_empty() {
        load::apply(&questions, &arguments.load(), None)
    } else {
        let (measured, uploaded) = load_during_uploads(&client, &questions, arguments);
        profiles.extend(uploaded?);
        measured
    };
    let report = Report::new(profiles, measured, arguments.targets.clone()).with_first(first);
    if let Some(path) = &arguments.report {
        let written = std::fs::write(path, format!("{:#}\n", report.json()));
        written.with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    print(&if arguments.json { format!("{:#}\n", report.json()) } else { report.table() })?;
    Ok(report.is_good())
}

/// Uploads all at once, and sends requests until they can all be asked.
fn load_during_uploads(
    client: &Client,
    questions: &Questions<'_>,
    arguments: &Arguments,
) -> (Measured, Result<Vec<Profile>>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| load::apply(questions, &arguments.load(), Some(&over)));
        let uploads: Vec<_> =
            arguments.uploads.iter().map(|capture| scope.spawn(|| upload(client, capture))).collect();
        let uploaded = uploads.into_iter().map(joined).collect();
        over.store(true, Ordering::Relaxed);
        (joined(load), uploaded)
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn upload(client: &Client, capture: &Path) -> Result<Profile> {
    let profile = uploads::upload(client, capture);
    profile.with_context(|| format!("cannot upload `{}`", capture.display()))
}

/// Prints; nobody may be reading any more.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot print"),
    }
}
