//! SIGTERM and SIGINT: the first asks for an end, the second ends at once.

use anyhow::Result;
use bytehound_actors::Service;
use bytehound_api::ServerHandle;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell has programs end with that a signal killed: this and the signal's number.
const KILLED: i32 = 128;

/// From now on, a signal ends the server: its readiness goes first, then what is being taken in, then the rest.
pub(super) fn on_signals(service: Service, server: ServerHandle, grace: Duration) -> Result<()> {
    let mut signals = Signals::new()?;
    actix::spawn(async move {
        signals.next().await;
        tracing::info!(
            seconds = grace.as_secs(),
            "ending once nothing is being taken in; a second signal ends at once"
        );
        actix::spawn(async move { std::process::exit(KILLED + signals.next().await) });
        service.drain(grace).await;
        server.stop(true).await;
    });
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The number of the next one.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.interrupt.recv() => libc::SIGINT,
        }
    }
}
