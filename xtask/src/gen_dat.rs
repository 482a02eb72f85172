//! `cargo xtask gen-dat`: a capture of any size with known answers.

use crate::shell::{cargo, root, run};
use anyhow::Result;
use clap::Args;
use std::ffi::OsString;
use std::process::Command;

#[derive(Args)]
pub(crate) struct Options {
    /// For `bytehound-bench gen-dat`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn start(options: &Options) -> Result<()> {
    run(bench()?.arg("gen-dat").args(&options.arguments))
}

/// The program that makes captures and measures what answers them.
pub(crate) fn bench() -> Result<Command> {
    run(&mut cargo("build --release --locked -p bytehound-bench"))?;
    Ok(Command::new(root().join("target/release/bytehound-bench")))
}
