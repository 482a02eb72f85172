//! Makes captures with known answers, and measures what answers them. `cargo xtask` calls this.

mod captures;
mod indexed;
mod ingest;
mod memory;
mod query;
mod script;
mod table;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(version, about = "Makes captures with known answers, and measures what answers them")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a capture, and writes what is known of it beside it, as JSON.
    GenDat(captures::GenDat),
    /// Indexes a capture that was made so, and prints what it took as JSON.
    Ingest {
        /// The capture.
        capture: PathBuf,
    },
    /// Measures questions to the index.
    Query {
        /// The capture.
        capture: PathBuf,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Measures filters, grouping and whole scripts.
    Dsl {
        /// The capture.
        capture: PathBuf,
        /// Scripts to be measured as a whole.
        scripts: Vec<PathBuf>,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::GenDat(options) => captures::make(&options),
        Command::Ingest { capture } => ingest::measure(&capture),
        Command::Query { capture, json } => query::measure(&capture, json),
        Command::Dsl { capture, scripts, json } => script::measure(&capture, &scripts, json),
    }
}
