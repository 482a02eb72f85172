//! `cargo xtask build`: everything that is shipped, in `target/release`.

use crate::shell::{cargo, program, root, run};
use crate::tools;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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

/// The programs that the tests capture and that are not compiled by the tests themselves.
pub(crate) fn programs() -> Result<()> {
    run(&mut cargo("build --release --locked -p simulation -p tokio-echo"))?;
    run(&mut cargo("build --release --locked -p allocators --features jemalloc,mimalloc"))?;
    // jemalloc is not compiled a second time: the system has one under these names.
    let program =
        "build --release --locked -p allocators --features unprefixed --bin with_unprefixed_jemalloc";
    run(cargo(program).env("JEMALLOC_OVERRIDE", tools::library("libjemalloc_pic.a")?))
}

/// Left alone while it is newer than what it is made of: the executable that embeds it need not be linked again then.
fn web_ui() -> Result<()> {
    tools::install_node_modules("webui")?;
    let folder = root().join("webui");
    let sources = ["app", "public", "index.html", "package-lock.json", "tsconfig.json", "vite.config.ts"];
    let changed = sources.iter().filter_map(|source| newest(&folder.join(source))).max();
    if newest(&folder.join("dist/index.html")) > changed {
        return Ok(());
    }
    run(program("npm run --silent build").current_dir(folder))
}

/// When a file, or the youngest file of a folder, was written.
fn newest(path: &Path) -> Option<SystemTime> {
    let metadata = path.metadata().ok()?;
    if !metadata.is_dir() {
        return metadata.modified().ok();
    }
    std::fs::read_dir(path).ok()?.filter_map(|entry| newest(&entry.ok()?.path())).max()
}

/// On its own, since cargo unites the features of what is built together, and with a profile that aborts.
pub(crate) fn capture_library() -> Result<()> {
    run(&mut cargo("build --profile preload --locked -p bytehound-preload"))?;
    let built = root().join("target/preload/libbytehound.so");
    let placed = root().join("target/release/libbytehound.so");
    std::fs::create_dir_all(root().join("target/release")).context("cannot make `target/release`")?;
    // A running program may have the old one mapped: it keeps it, under no name.
    let fresh = placed.with_extension("so.new");
    std::fs::copy(&built, &fresh).with_context(|| format!("cannot copy `{}`", built.display()))?;
    std::fs::rename(&fresh, &placed).with_context(|| format!("cannot place `{}`", placed.display()))
}
