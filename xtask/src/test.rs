//! `cargo xtask test`: everything that has to hold.

use crate::build;
use crate::schemathesis;
use crate::shell::{cargo, program, root, run};
use crate::tools;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// Runs the thousand-fold variants too: kill points, fuzzing, load.
    #[arg(long)]
    long: bool,
}

/// The capture library is linted and built apart: cargo unites the features of what is built together.
const CAPTURE_LIBRARY: &str = "bytehound-preload";

pub(crate) fn start(options: &Options) -> Result<()> {
    tools::install(tools::FOR_TESTS)?;
    tools::install_node_modules("webui")?;
    tools::install_node_modules("tests/browser")?;
    formatting_and_lints()?;
    build::everything()?;
    build::programs()?;
    web_ui()?;
    rust(options)?;
    if options.long {
        schemathesis::check()?;
    }
    browser()
}

fn formatting_and_lints() -> Result<()> {
    run(&mut cargo("fmt --all --check"))?;
    run(&mut cargo("clippy --workspace --all-targets --locked -- -D warnings"))?;
    let docs =
        format!("doc --workspace --no-deps --locked --exclude {CAPTURE_LIBRARY} --document-private-items");
    run(cargo(&docs).env("RUSTDOCFLAGS", "-D warnings"))
}

fn web_ui() -> Result<()> {
    let folder = root().join("webui");
    run(program("npm run --silent check").current_dir(&folder))?;
    run(program("npm test --silent").current_dir(&folder))
}

fn rust(options: &Options) -> Result<()> {
    let mut command = cargo("test --workspace --locked");
    if options.long {
        command.env("BYTEHOUND_TEST_LONG", "1");
    }
    run(&mut command)
}

fn browser() -> Result<()> {
    run(program("npm test --silent").current_dir(root().join("tests/browser")))
}
