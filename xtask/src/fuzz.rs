//! `cargo xtask fuzz`: looking for bytes that what parses does not stand.

use crate::shell::{cargo, program, root, run};
use anyhow::{Context, Result};
use clap::Args;
use std::path::Path;

#[derive(Args)]
pub(crate) struct Options {
    /// What is fuzzed, one after another; everything unless told.
    targets: Vec<String>,
    /// How long each is, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn start(options: &Options) -> Result<()> {
    if !program("cargo fuzz --version").output().is_ok_and(|output| output.status.success()) {
        run(&mut cargo("install --locked cargo-fuzz"))?;
    }
    let targets = if options.targets.is_empty() { every_target()? } else { options.targets.clone() };
    for target in targets {
        // What it finds goes on in the first folder; the seeds stay as they are.
        let (found, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        std::fs::create_dir_all(root().join(&found))?;
        let limits = format!("-max_total_time={} -timeout=10 -rss_limit_mb=2048", options.seconds);
        // `cargo` is the compiler that runs us; the command of rustup takes the other one.
        let mut command =
            program(&format!("rustup run nightly cargo fuzz run {target} {found} {seeds} -- {limits}"));
        command.env_remove("RUSTUP_TOOLCHAIN");
        run(&mut command)?;
    }
    Ok(())
}

/// Each has a program of its own.
fn every_target() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let name = |path: &Path| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = entries.filter_map(|entry| name(&entry.ok()?.path())).collect();
    names.sort_unstable();
    Ok(names)
}
