//! `cargo xtask build`: everything that is shipped, in `target/release`.

use crate::shell::{cargo, program, root, run};
use crate::tools;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Where the executable is.
pub(crate) fn executable() -> PathBuf {
    root().join("target/release/bytehound")
}

/// Builds the web UI, the capture library, the executable, and the load test.
pub(crate) fn everything() -> Result<()> {
    web_ui()?;
    capture_library()?;
    run(&mut cargo("build --release --locked -p bytehound-cli -p bytehound-loadtest"))
}

/// The program of the case study, built as people build their programs: optimised, with debug information.
pub(crate) fn simulation() -> Result<PathBuf> {
    run(&mut cargo("build --release --locked -p simulation"))?;
    Ok(root().join("target/release/simulation"))
}

fn web_ui() -> Result<()> {
    tools::install_node_modules("webui")?;
    run(program("npm run --silent build").current_dir(root().join("webui")))
}

/// On its own, since cargo unites the features of what is built together, and with a profile that aborts.
fn capture_library() -> Result<()> {
    run(&mut cargo("build --profile preload --locked -p bytehound-preload"))?;
    let built = root().join("target/preload/libbytehound.so");
    let placed = root().join("target/release/libbytehound.so");
    std::fs::create_dir_all(root().join("target/release")).context("cannot make `target/release`")?;
    // A running program may have the old one mapped: it keeps it, under no name.
    let fresh = placed.with_extension("so.new");
    std::fs::copy(&built, &fresh).with_context(|| format!("cannot copy `{}`", built.display()))?;
    std::fs::rename(&fresh, &placed).with_context(|| format!("cannot place `{}`", placed.display()))
}
