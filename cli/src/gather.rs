//! `bytehound gather`: takes captures from running programs.

mod discovery;
mod download;
mod file;
mod gates;
mod report;

use crate::arguments::GatherArguments;
use crate::interrupt;
use anyhow::{Context, Result, ensure};
use bytehound_format::protocol::SERVER_PORT;
use download::{Connection, Destination, Download};
use report::Report;
use std::net::{SocketAddr, ToSocketAddrs};

/// Takes the capture of one program, or of every one that announces itself.
pub(crate) fn gather(arguments: &GatherArguments) -> Result<u8> {
    let folder = &arguments.output_dir;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    interrupt::watch();
    let report = Report::new();
    let destination = Destination { folder, live: &arguments.live };
    match &arguments.target {
        Some(target) => gather_from(target, destination, &report)?,
        None => discovery::gather_all(destination, &report)?,
    }
    Ok(0)
}

fn gather_from(target: &str, destination: Destination<'_>, report: &Report) -> Result<()> {
    let addresses = resolve(target).with_context(|| {
        format!("cannot find `{target}`; name a machine and a port, as in `192.168.0.7:{SERVER_PORT}`")
    })?;
    let connection =
        Connection::to_first(&addresses).with_context(|| format!("cannot gather from `{target}`"))?;
    let outcome = Download::begin(connection, destination, report)
        .and_then(|download| download.run(|_| {}))
        .with_context(|| format!("cannot gather from `{target}`"))?;
    report.outcome(&outcome);
    Ok(())
}

/// The addresses of `HOST:PORT`, or of `HOST` with the usual port.
fn resolve(target: &str) -> Result<Vec<SocketAddr>> {
    let found: Vec<_> = match target.contains(':') {
        true => target.to_socket_addrs()?.collect(),
        false => (target, SERVER_PORT).to_socket_addrs()?.collect(),
    };
    ensure!(!found.is_empty(), "it has no address");
    Ok(found)
}
