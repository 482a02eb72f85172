//! `bytehound server`: indexes captures, and serves what is known of them.

mod arguments;
mod config_file;
mod ending;
mod memory;

pub(crate) use arguments::ServerArguments;
pub(crate) use config_file::with_file;

use crate::ingest_bar::IngestBar;
use anyhow::{Context, Result, bail};
use bytehound_actors::{Options, ProfileStatus, Service};
use bytehound_index::build::{Observer, add_debug_files};
use bytehound_store::ProfileState;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Serves until a signal ends it: what is being taken in may come to its end first.
pub(crate) fn serve(arguments: ServerArguments) -> Result<u8> {
    memory::give_back_what_is_freed();
    let store = arguments.data_dir.open()?;
    if !arguments.debug_symbols.is_empty() {
        let added =
            add_debug_files(&store, &arguments.debug_symbols).context("cannot read the debug symbols")?;
        tracing::info!(files = added, "debug symbols added: captures indexed from now on use them");
    }
    let files = store.clone();
    actix::System::new().block_on(async move {
        let work = Options { max_bytes: arguments.max_bytes, ..Options::default() };
        let service = Service::start(store, work);
        let (server, address) =
            bytehound_api::server(service.clone(), arguments.api_options()).map_err(explain)?;
        ending::on_signals(service.clone(), server.handle(), arguments.shutdown_grace())?;
        tell_whether_tokens_are_there(&service, address, arguments.require_token)?;
        let url = format!("http://{address}/");
        files.announce(&url)?;
        announce(&url)?;
        actix::spawn(take_in(service, arguments.files));
        server.await.context("the server failed")?;
        Ok(0)
    })
}

/// A server that lets nobody in should say so before somebody wonders.
fn tell_whether_tokens_are_there(service: &Service, address: SocketAddr, required: bool) -> Result<()> {
    let is_required = required || !address.ip().is_loopback();
    if is_required && service.tokens().list()?.is_empty() {
        tracing::warn!(
            "nobody is let in without a token, and there is none; `bytehound token create` makes one"
        );
    }
    Ok(())
}

/// The one line on standard output: where to look.
fn announce(url: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "listening on {url}")?;
    Ok(output.flush()?)
}

fn explain(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow::anyhow!("the address is already in use; pick another port with `--port`")
        }
        _ => anyhow::Error::new(error).context("cannot start the server"),
    }
}

/// Takes in the captures, in order. One that is none doesn't keep the others from being served.
async fn take_in(service: Service, files: Vec<PathBuf>) {
    for path in files {
        let start = Instant::now();
        match take_in_one(&service, &path).await {
            Ok(()) => {
                tracing::info!(path = %path.display(), seconds = start.elapsed().as_secs_f32(), "ready")
            }
            Err(error) => tracing::error!("cannot load `{}`: {error:#}", path.display()),
        }
    }
}

async fn take_in_one(service: &Service, path: &Path) -> Result<()> {
    let received = service.reference(path.to_path_buf()).await?;
    let bar = IngestBar::new(&received.record.name);
    let mut status = service.watch(&received.record.id)?;
    loop {
        let now = status.borrow_and_update().clone();
        if let Some(progress) = now.progress {
            bar.progress(progress);
        }
        if is_over(&now)? {
            return Ok(());
        }
        status.changed().await.context("the profile was deleted")?;
    }
}

fn is_over(status: &ProfileStatus) -> Result<bool> {
    match &status.record.state {
        ProfileState::Ready { .. } => Ok(true),
        ProfileState::Failed { reason, .. } => bail!("{reason}"),
        ProfileState::Stored | ProfileState::Indexing { .. } => Ok(false),
    }
}
