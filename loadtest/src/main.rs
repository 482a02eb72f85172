//! A black box over HTTP that measures throughput and latency percentiles and checks the answers.
//!
//! It uploads captures to a server of this machine, waits until they can be asked, and then asks on a fixed schedule:
//! a request's latency counts from the moment it was to be sent, so a server that stalls can't hide how long the
//! requests behind the stall had to wait. Every answer has to be the first one to the same request, byte for byte
//! but for the fields of [`requests::Kind::volatile`]; so nobody else may change the server's profiles meanwhile.

mod answers;
mod arguments;
mod client;
#[cfg(test)]
mod fake_server;
mod load;
mod report;
mod requests;
mod schedule;
mod uploads;

use anyhow::{Context, Result};
use arguments::Arguments;
use clap::Parser;
use client::Client;
use report::Report;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

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

/// Whether every answer was right.
fn run(arguments: &Arguments) -> Result<bool> {
    let client = Client::new(&arguments.server);
    let mut profiles = Vec::new();
    for capture in &arguments.captures {
        let profile = uploads::upload(&client, capture);
        profiles.push(profile.with_context(|| format!("cannot upload `{}`", capture.display()))?);
    }
    let ids: Vec<_> = profiles.iter().map(|profile| profile.id.clone()).collect();
    let mix = requests::Mix::over(&ids);
    let report = Report::new(profiles, load::apply(&client, &mix, &arguments.load()));
    print(&if arguments.json { format!("{:#}\n", report.json()) } else { report.table() })?;
    Ok(report.is_good())
}

/// Prints; nobody may be reading any more.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot print"),
    }
}
