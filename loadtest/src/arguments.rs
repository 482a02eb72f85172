//! What was asked for.

use crate::client::Server;
use crate::load::Load;
use crate::requests::Kind;
use crate::schedule::Schedule;
use crate::target::Target;
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use std::path::PathBuf;
use std::time::Duration;

/// Puts a Bytehound server of this machine under load, measures it, and checks its answers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit code: 0 if every answer was right and every target was held, 1 if not. If `FILE.json` lies beside `FILE.dat`, as \
                  `cargo xtask gen-dat` makes them, answers have to say what is known.\n\n\
                  Example: bytehound-loadtest --server http://127.0.0.1:8080 --capture a.dat --capture b.dat --rate 100"
)]
pub(crate) struct Arguments {
    /// Where the server is; only addresses of this machine are accepted.
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    pub(crate) server: Server,
    /// Captures to upload and ask about.
    #[arg(long = "capture", value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) captures: Vec<PathBuf>,
    /// How many requests may be under way at once.
    #[arg(long, default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    clients: usize,
    /// How many requests are sent.
    #[arg(long, default_value_t = 1000, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    requests: usize,
    /// How many requests a second are to be sent.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50, value_parser = RangedU64ValueParser::<u32>::new().range(1..=10_000))]
    rate: u32,
    /// No request is sent later than this; those left over count against the server.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    time_limit: u64,
    /// Kinds of requests that are sent, in turn; all unless told.
    #[arg(long = "kind", value_name = "KIND", value_enum)]
    kinds: Vec<Kind>,
    /// Asks every question once before anything is measured: what the server has to open and read for the first time is
    /// told on lines of its own, and no target counts for it.
    #[arg(long)]
    pub(crate) warm_up: bool,
    /// Captures to upload all at once while the requests are sent; they are sent until all of these can be asked.
    #[arg(long = "upload", value_name = "FILE", num_args = 1..)]
    pub(crate) uploads: Vec<PathBuf>,
    /// A target that is not to be missed: 99 of 100 requests of a kind have to be answered in this time.
    #[arg(long = "p99", value_name = "KIND=MILLISECONDS", value_parser = Target::parse)]
    pub(crate) targets: Vec<Target>,
    /// Writes the report as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Prints the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    pub(crate) fn kinds(&self) -> &[Kind] {
        if self.kinds.is_empty() { &Kind::ALL } else { &self.kinds }
    }

    pub(crate) fn load(&self) -> Load {
        Load {
            clients: self.clients,
            schedule: Schedule::new(self.requests, self.rate),
            time_limit: Duration::from_secs(self.time_limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(more: &[&str]) -> Result<Arguments, clap::Error> {
        let words = ["loadtest", "--server", "http://127.0.0.1:8080", "--capture", "a.dat"];
        Arguments::try_parse_from(words.iter().chain(more))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn counts_and_times_are_bounded() {
        assert!(parse(&["--clients", "256", "--requests", "1000000", "--rate", "10000"]).is_ok());
        for beyond in [
            ["--clients", "0"],
            ["--clients", "257"],
            ["--requests", "1000001"],
            ["--rate", "0"],
            ["--rate", "10001"],
            ["--time-limit", "86401"],
        ] {
            assert!(parse(&beyond).is_err(), "{beyond:?}");
        }
    }

    #[test]
    fn there_has_to_be_a_capture() {
        assert!(Arguments::try_parse_from(["loadtest", "--server", "http://127.0.0.1:1"]).is_err());
    }
}
