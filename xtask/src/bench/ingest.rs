//! `cargo xtask bench ingest`: loading and indexing captures, in both versions of the container; and beside heaptrack.

mod beside;

use super::generated::{Generated, folder};
use crate::shell::{cargo, run};
use crate::{build, gen_dat, tools};
use anyhow::{Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Args)]
pub(super) struct Options {
    /// Takes a capture of 100 million events too.
    #[arg(long)]
    long: bool,
    /// How often each capture is indexed; the median of the times counts, and the most memory.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Targets count from so many events on.
const LARGE: u64 = 10_000_000;
/// Memory that may be taken whatever the capture is, and for each block that is alive at a time.
const MEMORY_BYTES: [u64; 2] = [300_000_000, 64];
/// What the index may take on disk, as a part of the capture in version 0.11.
const DISK: f64 = 0.6;

/// One capture, indexed. Its answers were compared with the known ones.
struct Row {
    format: &'static str,
    events: u64,
    seconds: f64,
    anonymous_bytes: u64,
    anonymous_bytes_max: u64,
    /// Of the capture in version 0.11.
    disk: f64,
}

pub(super) fn start(options: &Options) -> Result<()> {
    tools::install(tools::FOR_BENCHES)?;
    build::capture_library()?;
    run(&mut cargo("build --release --locked -p bytehound-cli"))?;
    let mut rows = Vec::new();
    let sizes = [1_000_000, LARGE, 10 * LARGE];
    for events in sizes.into_iter().filter(|events| options.long || *events <= LARGE) {
        rows.extend(measure(events, options.runs.max(1))?);
    }
    let beside = beside::measure()?;
    if options.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        println!("{:#}", json!({ "captures": rows, "beside_heaptrack": beside.json() }));
    } else {
        println!(
            "{:>10} {:>6} {:>8} {:>12} {:>12} {:>9} {:>10}",
            "events", "format", "s", "M events/s", "anonymous MB", "at most", "disk ratio"
        );
        rows.iter().for_each(Row::print);
        beside.print();
    }
    let missed: Vec<_> = rows.iter().flat_map(Row::missed).chain(beside.missed()).collect();
    ensure!(missed.is_empty(), "missed:\n  {}", missed.join("\n  "));
    Ok(())
}

/// The same events in both versions; 0.11 first, since its size is the measure.
fn measure(events: u64, runs: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut measure_of_disk = None;
    for format in ["0.11", "2"] {
        let shape = Generated { events, stacks: events / 200, live: events / 100, seed: 1, format };
        let capture = shape.file()?;
        eprintln!("indexing `{}`", capture.display());
        let mut told = (0..runs).map(|_| index(&capture)).collect::<Result<Vec<_>>>()?;
        told.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let Told { capture_bytes, events, live_blocks, seconds, index_bytes, .. } = told[runs / 2];
        let capture_bytes = *measure_of_disk.get_or_insert(capture_bytes);
        rows.push(Row {
            format,
            events,
            seconds,
            anonymous_bytes: told.iter().map(|told| told.anonymous_bytes).max().unwrap_or(0),
            anonymous_bytes_max: MEMORY_BYTES[0] + MEMORY_BYTES[1] * live_blocks,
            disk: index_bytes as f64 / capture_bytes as f64,
        });
    }
    Ok(rows)
}

/// What one run tells.
#[derive(Deserialize)]
struct Told {
    capture_bytes: u64,
    events: u64,
    live_blocks: u64,
    seconds: f64,
    anonymous_bytes: u64,
    index_bytes: u64,
}

fn index(capture: &Path) -> Result<Told> {
    // The index of a large capture may not fit where temporary files are.
    let output = gen_dat::bench()?.env("TMPDIR", folder()?).arg("ingest").arg(capture).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Row {
    fn per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn missed(&self) -> Vec<String> {
        let what = format!("{} events in version {}", self.events, self.format);
        let is_large = self.events >= LARGE;
        let wanted = if self.format == "2" { 1e7 } else { 5e6 };
        let slow = (is_large && self.per_second() < wanted).then(|| {
            format!("{what}: {:.1} million events/s, at least {}", self.per_second() / 1e6, wanted / 1e6)
        });
        let greedy = (self.anonymous_bytes > self.anonymous_bytes_max)
            .then(|| format!("{what}: {} bytes, at most {}", self.anonymous_bytes, self.anonymous_bytes_max));
        let large = (is_large && self.disk > DISK)
            .then(|| format!("{what}: {:.2} of the capture on disk, at most {DISK}", self.disk));
        [slow, greedy, large].into_iter().flatten().collect()
    }

    fn print(&self) {
        println!(
            "{:>10} {:>6} {:>8.2} {:>12.2} {:>12.0} {:>9.0} {:>10.2}",
            self.events,
            self.format,
            self.seconds,
            self.per_second() / 1e6,
            self.anonymous_bytes as f64 / 1e6,
            self.anonymous_bytes_max as f64 / 1e6,
            self.disk
        );
    }

    fn json(&self) -> Value {
        json!({
            "format": self.format,
            "events": self.events,
            "seconds": self.seconds,
            "events_per_second": self.per_second(),
            "anonymous_bytes": self.anonymous_bytes,
            "anonymous_bytes_max": self.anonymous_bytes_max,
            "disk_ratio": self.disk,
            "missed": self.missed(),
        })
    }
}
