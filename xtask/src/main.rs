//! The habits of the house as commands: `cargo xtask build`, `demo`, `test`, `fuzz`, `gen-dat`, `bench NAME`.

mod bench;
mod build;
mod demo;
mod fuzz;
mod gen_dat;
mod schemathesis;
mod served;
mod shell;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The habits of the house as commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the web UI, the capture library and the executable: `target/release/bytehound`, `libbytehound.so` beside it.
    Build,
    /// Builds all, captures a real program, indexes it, prints its leaks, and serves UI and API until Ctrl-C.
    Demo(demo::Options),
    /// Installs what the tests need, then checks everything: formatting, lints, docs, unit, end-to-end, browser.
    Test(test::Options),
    /// Looks for bytes that what parses does not stand: `fuzz [TARGET…] [--seconds N]`. Needs a nightly compiler.
    Fuzz(fuzz::Options),
    /// Makes a capture with known answers: `--events N --stacks S --live L --seed X -o FILE`, and what `--help` says.
    #[command(disable_help_flag = true)]
    GenDat(gen_dat::Options),
    /// Measures one thing side by side with its peers.
    Bench(bench::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Build => build::everything(),
        Command::Demo(options) => demo::start(&options),
        Command::Test(options) => test::start(&options),
        Command::Fuzz(options) => fuzz::start(&options),
        Command::GenDat(options) => gen_dat::start(&options),
        Command::Bench(options) => bench::start(&options),
    }
}
