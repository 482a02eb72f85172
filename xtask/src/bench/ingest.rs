//! `cargo xtask bench ingest`: loading and indexing one large capture.

use crate::shell::{cargo, root, run};
use anyhow::Result;
use std::process::Command;

/// Pairs of malloc and free in the capture.
const PAIRS: u32 = 10_000_000;

pub(super) fn start() -> Result<()> {
    run(&mut cargo("build --release --locked -p bytehound-index --example ingest"))?;
    let file = root().join("target/bench/ten-million-pairs.dat");
    std::fs::create_dir_all(root().join("target/bench"))?;
    let example = root().join("target/release/examples/ingest");
    if !file.exists() {
        run(Command::new(&example).args(["generate", &PAIRS.to_string()]).arg(&file))?;
    }
    run(Command::new(&example).arg("ingest").arg(&file))
}
