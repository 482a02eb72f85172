//! `cargo xtask bench load`: a server with many profiles under load, idle and while it takes in more.

mod phase;

use super::generated::{Generated, folder};
use crate::served::Server;
use crate::shell::{cargo, run};
use anyhow::{Context, Result, ensure};
use clap::Args;
use phase::{Phase, Report};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Options {
    /// Requests of each phase without uploads.
    #[arg(long, default_value_t = 1500)]
    requests: usize,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Profiles of a million allocations, beside the large one.
const PROFILES: u64 = 20;
/// Captures that are uploaded at once.
const AT_ONCE: u64 = 8;

/// Milliseconds in which 99 of 100 requests have to be answered.
const PLAIN_MS: f64 = 25.0;
const FILTERED_MS: f64 = 100.0;
/// While the server is busy with uploads: this, or so many times what it takes without.
const BUSY_MS: f64 = 50.0;
const BUSY_TIMES: f64 = 3.0;
/// Anonymous memory of the server: whatever comes, and for each block that is alive in the captures it takes in.
const MEMORY_BYTES: [u64; 2] = [300_000_000, 64];

const PLAIN: [&str; 2] = ["timeline", "groups"];
const MIXED: [&str; 5] = ["list", "timeline", "groups", "filtered", "script"];

pub(super) fn start(options: &Options) -> Result<()> {
    run(&mut cargo("build --release --locked -p bytehound-cli -p bytehound-loadtest"))?;
    let mut captures = vec![Generated::LARGE.file()?];
    captures.extend(files(1, PROFILES, 2_000_000)?);
    let large = files(201, 1, 10_000_000)?;
    let at_once = files(301, AT_ONCE, 2_000_000)?;
    let data = folder()?.join("load-data");
    // What is uploaded has to be new to the server.
    drop(std::fs::remove_dir_all(&data));
    let server = Server::start(&data, 0)?;
    let reports = measure(&server, &captures, &large, &at_once, options)?;
    let memory = memory_of(&reports, &at_once)?;
    drop(server);
    std::fs::remove_dir_all(&data)?;
    if options.json {
        let phases: Vec<&Value> = reports.iter().map(|report| &report.0).collect();
        println!("{:#}", json!({ "phases": phases, "memory": memory.json() }));
    } else {
        println!("{}", memory.told());
    }
    let missed: Vec<_> = reports.iter().flat_map(Report::missed).chain(memory.missed()).collect();
    ensure!(missed.is_empty(), "missed:\n  {}", missed.join("\n  "));
    Ok(())
}

/// Captures of so many events, told apart by their seeds.
fn files(seed: u64, count: u64, events: u64) -> Result<Vec<PathBuf>> {
    let file = |seed| Generated { events, stacks: 5000, live: 20_000, seed, format: "2" }.file();
    (seed..seed + count).map(file).collect()
}

fn measure(
    server: &Server,
    captures: &[PathBuf],
    large: &[PathBuf],
    at_once: &[PathBuf],
    options: &Options,
) -> Result<Vec<Report>> {
    let phase = |name, kinds, rate| Phase { server, name, captures, kinds, rate, options };
    let plain = phase("timelines and groups", &PLAIN, 50).run(&[], |_| PLAIN_MS)?;
    let filtered = phase("groups by function", &["filtered"], 5).run(&[], |_| FILTERED_MS)?;
    let idle = phase("a mixture", &MIXED, 20).run(&[], |_| f64::INFINITY)?;
    let busy = |kind: &str| idle.p99_ms(kind).map_or(BUSY_MS, |p99| BUSY_MS.max(BUSY_TIMES * p99));
    let mixed = phase("the mixture, while 10 million events are taken in", &MIXED, 20).run(large, busy)?;
    let name = "timelines, while eight captures are taken in";
    let one = Phase { captures: &captures[..1], ..phase(name, &["timeline"], 50) };
    let uploads = one.run(at_once, |_| BUSY_MS)?;
    Ok(vec![plain, filtered, idle, mixed, uploads])
}

/// The most that the server ever took, and what it may have taken.
struct Memory {
    bytes: u64,
    most: u64,
}

fn memory_of(reports: &[Report], uploads: &[PathBuf]) -> Result<Memory> {
    let mut live = 0;
    for capture in uploads {
        let known = std::fs::read_to_string(capture.with_extension("json"))?;
        let known: Value = serde_json::from_str(&known)?;
        live += known["peak_live"].as_u64().context("without `peak_live`")?;
    }
    let bytes = reports.iter().map(Report::anonymous_bytes).max().unwrap_or_default();
    Ok(Memory { bytes, most: MEMORY_BYTES[0] + MEMORY_BYTES[1] * live })
}

impl Memory {
    fn told(&self) -> String {
        let [bytes, most] = [self.bytes, self.most].map(|bytes| bytes as f64 / 1e6);
        format!("anonymous memory of the server: {bytes:.0} MB, at most {most:.0}")
    }

    fn missed(&self) -> Option<String> {
        (self.bytes > self.most).then(|| self.told())
    }

    fn json(&self) -> Value {
        json!({ "anonymous_bytes": self.bytes, "anonymous_bytes_max": self.most })
    }
}
