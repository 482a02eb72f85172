//! `cargo xtask bench query` and `bench dsl`: what answers take from the index, and through scripts.

use super::generated::Generated;
use crate::gen_dat;
use crate::shell::{root, run};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(super) struct Options {
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn of_index(options: &Options) -> Result<()> {
    measure("query", &[], options)
}

pub(super) fn of_scripts(options: &Options) -> Result<()> {
    measure("dsl", &["case_study_1.rhai", "case_study_2.rhai"], options)
}

fn measure(what: &str, scripts: &[&str], options: &Options) -> Result<()> {
    let capture = Generated::LARGE.file()?;
    let mut command = gen_dat::bench()?;
    command.arg(what).arg(capture);
    command.args(scripts.iter().map(|script| root().join("tests/data/scripts").join(script)));
    run(command.args(options.json.then_some("--json")))
}
