//! Loading and indexing a capture.

use crate::captures::answers;
use crate::indexed::{check_totals, reference};
use crate::memory::Watch;
use anyhow::Result;
use bytehound_index::Profile;
use bytehound_index::build::ingest;
use bytehound_store::Store;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Indexes a capture in a store of its own, holds the result against what is known, and prints what it took as JSON.
pub(crate) fn measure(capture: &Path) -> Result<()> {
    let store = Store::temporary()?;
    let id = reference(&store, capture)?;
    let memory = Watch::start();
    let start = Instant::now();
    let manifest = ingest(&store, &id, &())?;
    let seconds = start.elapsed().as_secs_f64();
    let anonymous_bytes = memory.most_bytes();
    let start = Instant::now();
    let profile = Profile::open(&store, &id)?;
    let open_seconds = start.elapsed().as_secs_f64();
    let known = answers(capture)?;
    check_totals(&profile, &known)?;
    let figures = json!({
        "events": manifest.events,
        "seconds": seconds,
        "events_per_second": manifest.events as f64 / seconds,
        "anonymous_bytes": anonymous_bytes,
        "live_blocks": known.peak_live,
        "capture_bytes": capture.metadata()?.len(),
        "index_bytes": bytes_below(store.directory())?,
        "open_seconds": open_seconds,
    });
    println!("{figures}");
    Ok(())
}

/// What a folder takes on disk.
fn bytes_below(folder: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
