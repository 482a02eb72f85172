//! `cargo xtask demo`: the main job, end to end, on a real program.

use crate::build;
use crate::served::Server;
use crate::shell::{root, run};
use anyhow::Result;
use clap::Args;
use std::path::Path;
use std::process::Command;

#[derive(Args)]
pub(crate) struct Options {
    /// How long the simulation runs, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Port of the server; 0 lets the system choose.
    #[arg(short, long, default_value_t = 8080)]
    port: u16,
    /// Ends after printing the leaks, instead of serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

/// The script that names the leaks: groups by leaked bytes, and where each comes from.
const LEAKS: &str = r#"
let groups = allocations().only_leaked().group_by_backtrace().sort_by_size();
println("{} leaked in {} places; the largest:", allocations().only_leaked(), groups.len());
for group in groups.take(3) {
    println();
    println("{} from", group);
    println(group[0].backtrace().strip());
}
"#;

pub(crate) fn start(options: &Options) -> Result<()> {
    build::everything()?;
    let simulation = build::simulation()?;
    let folder = root().join("target/demo");
    std::fs::create_dir_all(&folder)?;
    let capture = folder.join("simulation.dat");
    capture_program(&simulation, &capture, options.seconds)?;
    let mut server = Server::start(&folder.join("data"), options.port)?;
    let profile = server.upload(&capture)?;
    print!("{}", server.script(&profile, LEAKS)?);
    println!("\nserving it at {}", server.url);
    if options.exit {
        return server.stop();
    }
    println!("Ctrl-C ends the server");
    server.wait()
}

fn capture_program(simulation: &Path, capture: &Path, seconds: f64) -> Result<()> {
    let mut command = Command::new(build::executable());
    command.args(["run", "--label", "suite=demo", "--output"]).arg(capture).arg("--").arg(simulation);
    run(command.args(["--seconds", &seconds.to_string()]))
}
