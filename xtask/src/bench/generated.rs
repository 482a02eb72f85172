//! Captures with known answers that benchmarks share: made once, kept below `target/bench`.

use crate::gen_dat;
use crate::shell::{root, run};
use anyhow::Result;
use std::path::PathBuf;

/// What a capture is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generated {
    pub(super) events: u64,
    pub(super) stacks: u64,
    pub(super) live: u64,
    pub(super) seed: u64,
    /// Version of the container.
    pub(super) format: &'static str,
}

impl Generated {
    /// What questions and scripts are measured on: a little over 10 million allocations.
    pub(super) const LARGE: Self =
        Self { events: 20_000_000, stacks: 50_000, live: 100_000, seed: 1, format: "2" };

    /// The file, made if it is not there yet.
    pub(super) fn file(&self) -> Result<PathBuf> {
        let Self { events, stacks, live, seed, format } = self;
        let file = folder()?.join(format!("{events}-{stacks}-{live}-{seed}-{format}.dat"));
        if !file.exists() {
            let mut command = gen_dat::bench()?;
            command.arg("gen-dat");
            for (option, value) in
                [("--events", events), ("--stacks", stacks), ("--live", live), ("--seed", seed)]
            {
                command.args([option, &value.to_string()]);
            }
            run(command.args(["--format", format, "-o"]).arg(&file))?;
        }
        Ok(file)
    }
}

/// Where captures lie.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
