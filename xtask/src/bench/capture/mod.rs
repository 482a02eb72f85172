//! `cargo xtask bench capture`: what the capture library adds to programs, beside what heaptrack adds.

mod measure;
mod report;
mod summary;
mod targets;
mod workload;

use crate::shell::root;
use crate::{build, tools};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use measure::Variant;
use summary::Summary;
pub(super) use workload::{Program, Workload};

#[derive(Args)]
pub(super) struct Options {
    /// Runs of each.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measures these alone.
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<Workload>,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn start(options: &Options) -> Result<()> {
    ensure!(options.runs > 0, "there is nothing to measure in no runs: use `--runs 1` or more");
    tools::install(tools::FOR_BENCHES)?;
    build::capture_library()?;
    let chosen = if options.only.is_empty() { Workload::value_variants() } else { &options.only };
    let summaries =
        chosen.iter().map(|workload| measure(*workload, options.runs)).collect::<Result<Vec<_>>>()?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report::json(&summaries))?);
    } else {
        report::table(&summaries);
    }
    let missed: Vec<_> = summaries.iter().flat_map(targets::missed).collect();
    ensure!(missed.is_empty(), "missed:\n  {}", missed.join("\n  "));
    Ok(())
}

/// Runs a workload in all its variants, in turn, so that a slow minute of the machine falls on all of them.
fn measure(workload: Workload, runs: usize) -> Result<Summary> {
    let folder = root().join("target/bench/capture");
    std::fs::create_dir_all(&folder)?;
    let program = workload.prepare(&folder)?;
    let variants: Vec<_> = Variant::ALL.into_iter().filter(|variant| workload.stands(*variant)).collect();
    let mut runs_of = vec![Vec::with_capacity(runs); variants.len()];
    for turn in 1..=runs {
        for (variant, runs) in variants.iter().zip(&mut runs_of) {
            eprintln!("{workload}, turn {turn}: {variant}");
            runs.push(variant.measure(&program, &folder)?);
        }
    }
    Ok(Summary::new(workload, variants.into_iter().zip(runs_of)))
}
