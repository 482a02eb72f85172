//! The one program: `run`, `server`, `upload`, `script`, `compare`, `gather`, `repack`, `token`, `store`.

mod arguments;
mod client;
mod compare;
mod data_dir;
mod exit;
mod gather;
mod ingest_bar;
mod interrupt;
mod library;
mod live;
mod logging;
mod repack;
mod run;
mod script;
mod server;
mod store;
mod table;
mod token;
mod upload;

use arguments::{Arguments, Command};
use clap::Parser;
use logging::LogFormat;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let arguments = match server::with_file(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return exit::with(Err(error)),
    };
    match arguments.command {
        Command::Run(arguments) => exit::with(run::run(&arguments)),
        Command::Server(arguments) => {
            logging::start("info", arguments.log_format);
            exit::with(server::serve(arguments))
        }
        Command::Upload(arguments) => exit::with(upload::upload(&arguments)),
        Command::Token { command } => exit::with(token::token(&command)),
        Command::Repack(arguments) => exit::with(repack::repack(&arguments)),
        Command::Script(arguments) => {
            logging::start("warn", LogFormat::Text);
            exit::with(script::run(&arguments))
        }
        Command::Store(arguments) => {
            logging::start("warn", LogFormat::Text);
            exit::with(store::store(&arguments))
        }
        Command::Gather(arguments) => exit::with(gather::gather(&arguments)),
        Command::Compare(arguments) => {
            logging::start("warn", LogFormat::Text);
            exit::with_trouble(compare::compare(&arguments), exit::COMPARE_TROUBLE)
        }
    }
}
