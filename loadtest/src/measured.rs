//! What was measured, kind by kind.

use crate::answers::Verdict;
use crate::requests::{Kind, Request};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::time::Duration;

/// Failures that are told in full; the rest are only counted.
pub(crate) const FAILURES_TOLD: usize = 10;
/// Latencies are kept to three digits, in µs.
const DIGITS: u8 = 3;
const PERCENTILES: [(&str, f64); 3] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)];

/// What was measured of one kind of requests.
#[derive(Debug)]
struct OfKind {
    latencies: Histogram<u64>,
    too_busy: u64,
    failed: u64,
    wrong: u64,
}

impl OfKind {
    fn new() -> Option<Self> {
        let latencies = Histogram::new(DIGITS).ok()?;
        Some(Self { latencies, too_busy: 0, failed: 0, wrong: 0 })
    }

    fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.latencies.value_at_percentile(percent))
    }

    fn max(&self) -> Duration {
        Duration::from_micros(self.latencies.max())
    }
}

/// What was measured of all requests.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    kinds: BTreeMap<Kind, OfKind>,
    /// The first of them, in words.
    pub(crate) failures: Vec<String>,
    /// Requests that were to be sent and were not.
    pub(crate) left_over: usize,
    pub(crate) elapsed: Duration,
}

impl Measured {
    /// Notes one answer.
    pub(crate) fn record(&mut self, request: &Request, latency: Duration, verdict: Verdict) {
        let Some(of_kind) = self.of_kind(request.kind) else { return };
        // An auto-resizing histogram takes every number.
        let _ = of_kind.latencies.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        let why = match verdict {
            Verdict::Right => return,
            Verdict::TooBusy => {
                of_kind.too_busy += 1;
                return;
            }
            Verdict::Failed(why) => {
                of_kind.failed += 1;
                why
            }
            Verdict::Wrong(why) => {
                of_kind.wrong += 1;
                why
            }
        };
        self.tell(format!("`{}`: {why}", request.path));
    }

    /// Adds what another client measured.
    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, theirs) in other.kinds {
            let Some(ours) = self.of_kind(kind) else { continue };
            // As above: it takes every number.
            let _ = ours.latencies.add(&theirs.latencies);
            ours.too_busy += theirs.too_busy;
            ours.failed += theirs.failed;
            ours.wrong += theirs.wrong;
        }
        other.failures.into_iter().for_each(|failure| self.tell(failure));
    }

    /// All was sent that will be sent, of so many requests.
    pub(crate) fn finish(&mut self, requests: usize, elapsed: Duration) {
        self.left_over = requests.saturating_sub(self.total() as usize);
        self.elapsed = elapsed;
    }

    /// What so many percent of the requests of a kind stayed below; none if there were none.
    pub(crate) fn percentile(&self, kind: Kind, percent: f64) -> Option<Duration> {
        self.kinds.get(&kind).map(|of_kind| of_kind.percentile(percent))
    }

    /// Nothing failed, nothing was wrong, nothing was left over.
    pub(crate) fn is_good(&self) -> bool {
        self.left_over == 0 && self.kinds.values().all(|of_kind| of_kind.failed == 0 && of_kind.wrong == 0)
    }

    pub(crate) fn kinds_json(&self) -> Vec<Value> {
        self.kinds.iter().map(kind_json).collect()
    }

    /// `suffix` goes behind the names of the kinds.
    pub(crate) fn kind_lines(&self, suffix: &str) -> impl Iterator<Item = String> {
        self.kinds.iter().map(move |(kind, of_kind)| kind_line(*kind, of_kind, suffix))
    }

    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().map(|of_kind| of_kind.latencies.len()).sum()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.total() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn of_kind(&mut self, kind: Kind) -> Option<&mut OfKind> {
        match self.kinds.entry(kind) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => Some(entry.insert(OfKind::new()?)),
        }
    }

    fn tell(&mut self, failure: String) {
        if self.failures.len() < FAILURES_TOLD {
            self.failures.push(failure);
        }
    }
}

#[cfg(test)]
impl Measured {
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).map_or(0, |of_kind| of_kind.latencies.len())
    }
}

fn kind_line(kind: Kind, of_kind: &OfKind, suffix: &str) -> String {
    let mut line = format!(
        "{:<18} {:>8} {:>6} {:>6} {:>6}",
        format!("{}{suffix}", kind.name()),
        of_kind.latencies.len(),
        of_kind.too_busy,
        of_kind.failed,
        of_kind.wrong
    );
    for latency in
        PERCENTILES.map(|(_, percent)| of_kind.percentile(percent)).into_iter().chain([of_kind.max()])
    {
        // Writing to a string can't fail.
        let _ = write!(line, " {:>10.2}", milliseconds(latency));
    }
    line
}

fn kind_json((kind, of_kind): (&Kind, &OfKind)) -> Value {
    let mut json = json!({
        "kind": kind.name(),
        "requests": of_kind.latencies.len(),
        "too_busy": of_kind.too_busy,
        "failed": of_kind.failed,
        "wrong": of_kind.wrong,
        "max_ms": milliseconds(of_kind.max()),
    });
    for (name, percent) in PERCENTILES {
        json[format!("{name}_ms")] = milliseconds(of_kind.percentile(percent)).into();
    }
    json
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
