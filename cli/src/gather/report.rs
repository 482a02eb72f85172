//! What is said while captures come in: bars on a terminal, lines for whoever reads them, paths for scripts.

use super::download::{End, Outcome};
use super::file::program_name;
use bytehound_format::protocol::BroadcastHeader;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use std::net::SocketAddr;
use std::time::Duration;

/// How often a bar moves while nothing comes.
const TICK: Duration = Duration::from_millis(250);

/// Everything that is said.
pub(super) struct Report {
    bars: MultiProgress,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new() }
    }

    /// Something to be known, above the bars.
    pub(super) fn say(&self, text: &str) {
        self.bars.suspend(|| eprintln!("bytehound: {text}"));
    }

    /// A connection that stands; its bar.
    pub(super) fn connected(&self, peer: SocketAddr, header: &BroadcastHeader<'_>) -> ProgressBar {
        let (program, pid) = (printable(&program_name(header)), header.pid);
        let up = header.timestamp.0.saturating_sub(header.initial_timestamp.0) / 1_000_000;
        self.say(&format!(
            "connected to {peer}: `{}`, process {pid}, {}, captured for {up} s",
            command(header),
            printable(&header.arch)
        ));
        let bar = self.bars.add(ProgressBar::no_length());
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix:.bold} {bytes} {bytes_per_sec} {msg}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{program} ({pid})"));
        bar.set_message("what it has recorded so far");
        bar.enable_steady_tick(TICK);
        bar
    }

    /// A download that has ended, with a file or without.
    pub(super) fn outcome(&self, outcome: &Outcome) {
        let Some(path) = &outcome.path else {
            self.say("nothing has come");
            return;
        };
        let size = HumanBytes(outcome.bytes);
        let how = match outcome.end {
            End::Finished => "is complete",
            End::Closed => "ends where the program went away: it was killed, or executes another one",
            End::Stopped => "ends where gathering was stopped",
        };
        self.say(&format!("the capture in `{}` ({size}) {how}", path.display()));
        match &outcome.sent {
            Some(Ok(id)) => self.say(&format!("it is the profile {id}")),
            Some(Err(error)) => self.say(&format!("it could not be sent: {error:#}")),
            None => {}
        }
        self.bars.suspend(|| println!("{}", path.display()));
    }
}

/// The command line, as one would type it.
fn command(header: &BroadcastHeader<'_>) -> String {
    printable(String::from_utf8_lossy(&header.cmdline).replace('\0', " ").trim_end())
}

/// A text of somebody else's, without what would disturb the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
