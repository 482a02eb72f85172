//! The measurements, as a table and as JSON.

use super::measure::Variant;
use super::summary::{Row, Summary};
use serde_json::{Value, json};

pub(super) fn table(summaries: &[Summary]) {
    println!(
        "{:<11} {:<16} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9} {:>8} {:>7}",
        "workload", "", "wall s", "added s", "ns/event", "cpu s", "file MB", "B/event", "+MiB", "ratio"
    );
    for summary in summaries {
        summary.rows.iter().for_each(|row| line(summary, row));
        if let Some(why) = summary.workload.why_without_heaptrack() {
            println!("{:<11} {:<16} left out: {why}", "", Variant::Heaptrack);
        }
    }
    println!(
        "ratio: time added, as a part of what heaptrack --raw adds. +MiB: peak of the program's resident memory."
    );
}

fn line(summary: &Summary, row: &Row) {
    let variant = row.variant;
    let name = if variant == Variant::Native { summary.workload.to_string() } else { String::new() };
    let is_native = variant == Variant::Native;
    let of = |value: Option<f64>, digits: usize| {
        let shown = value.filter(|_| !is_native).map(|value| format!("{value:.digits$}"));
        shown.unwrap_or_default()
    };
    println!(
        "{name:<11} {variant:<16} {:>8.2} {:>8} {:>9} {:>8.2} {:>9} {:>9} {:>8} {:>7}",
        row.wall,
        of(summary.added(variant), 2),
        of(summary.nanoseconds_an_event(variant), 0),
        row.cpu,
        of(Some(row.capture_bytes / 1e6), 1),
        of(summary.bytes_an_event(variant), 1),
        of(summary.added_mib().filter(|_| variant == Variant::Ours), 1),
        of(summary.ratio(variant), 2),
    );
}

pub(super) fn json(summaries: &[Summary]) -> Value {
    let workloads = summaries.iter().map(|summary| {
        let rows = summary.rows.iter().map(|row| {
            json!({
                "variant": row.variant.to_string(),
                "wall_seconds": row.wall,
                "cpu_seconds": row.cpu,
                "peak_mib": row.peak_mib,
                "capture_bytes": row.capture_bytes,
                "added_seconds": summary.added(row.variant),
                "nanoseconds_an_event": summary.nanoseconds_an_event(row.variant),
                "bytes_an_event": summary.bytes_an_event(row.variant),
                "ratio": summary.ratio(row.variant),
            })
        });
        json!({
            "workload": summary.workload.to_string(),
            "added_mib": summary.added_mib(),
            "missed": super::targets::missed(summary),
            "variants": rows.collect::<Vec<_>>(),
        })
    });
    Value::Array(workloads.collect())
}
