//! What was measured, for people and for programs.

use crate::answers::Verdict;
use crate::requests::{Kind, Request};
use crate::target::Target;
use crate::uploads::Profile;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::time::Duration;

/// Failures that are told in full; the rest are only counted.
const FAILURES_TOLD: usize = 10;
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
    failures: Vec<String>,
    left_over: usize,
    elapsed: Duration,
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

    fn total(&self) -> u64 {
        self.kinds.values().map(|of_kind| of_kind.latencies.len()).sum()
    }

    fn per_second(&self) -> f64 {
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

    pub(crate) fn left_over(&self) -> usize {
        self.left_over
    }
}

/// The whole run.
pub(crate) struct Report {
    profiles: Vec<Profile>,
    measured: Measured,
    targets: Vec<Target>,
}

impl Report {
    pub(crate) fn new(profiles: Vec<Profile>, measured: Measured, targets: Vec<Target>) -> Self {
        Self { profiles, measured, targets }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.measured.is_good() && self.missed().is_empty()
    }

    fn missed(&self) -> Vec<String> {
        self.targets.iter().filter_map(|target| target.missed(&self.measured)).collect()
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let Self { profiles, measured, .. } = self;
        json!({
            "profiles": profiles.iter().map(profile_json).collect::<Vec<_>>(),
            "requests": measured.total(),
            "left_over": measured.left_over,
            "seconds": measured.elapsed.as_secs_f64(),
            "per_second": measured.per_second(),
            "kinds": measured.kinds.iter().map(kind_json).collect::<Vec<_>>(),
            "failures": measured.failures,
            "missed": self.missed(),
            "good": self.is_good(),
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self { profiles, measured, .. } = self;
        let mut lines: Vec<_> = profiles.iter().map(profile_line).collect();
        lines.push(format!(
            "\n{:<12} {:>8} {:>6} {:>6} {:>6} {:>10} {:>10} {:>10} {:>10}",
            "", "requests", "busy", "failed", "wrong", "p50 ms", "p90 ms", "p99 ms", "max ms"
        ));
        lines.extend(measured.kinds.iter().map(kind_line));
        lines.push(format!(
            "\n{} requests in {:.2} s: {:.1} a second",
            measured.total(),
            measured.elapsed.as_secs_f64(),
            measured.per_second()
        ));
        if measured.left_over > 0 {
            lines.push(format!("{} requests were left over when the time was up", measured.left_over));
        }
        lines.extend(measured.failures.iter().cloned());
        lines.extend(self.missed());
        lines.push(String::new());
        lines.join("\n")
    }
}

fn profile_line(profile: &Profile) -> String {
    format!(
        "{}  {} bytes, received after {:.2} s, ready after {:.2} s{}  {}",
        profile.id,
        profile.bytes,
        profile.received.as_secs_f64(),
        profile.ready.as_secs_f64(),
        if profile.known { " (known already)" } else { "" },
        profile.capture
    )
}

fn profile_json(profile: &Profile) -> Value {
    json!({
        "id": profile.id,
        "capture": profile.capture,
        "bytes": profile.bytes,
        "known": profile.known,
        "received_seconds": profile.received.as_secs_f64(),
        "ready_seconds": profile.ready.as_secs_f64(),
    })
}

fn kind_line((kind, of_kind): (&Kind, &OfKind)) -> String {
    let mut line = format!(
        "{:<12} {:>8} {:>6} {:>6} {:>6}",
        kind.name(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::Mix;

    fn list() -> Request {
        Mix::over(&[], &Kind::ALL).requests()[0].clone()
    }

    /// Two clients: one with latencies of 1 to 50 ms, one with 51 to 100 ms.
    fn hundred() -> Measured {
        let mut both = [Measured::default(), Measured::default()];
        for latency in 1..=100_u64 {
            both[(latency as usize - 1) / 50].record(&list(), Duration::from_millis(latency), Verdict::Right);
        }
        let [mut measured, other] = both;
        measured.merge(other);
        measured.finish(100, Duration::from_secs(2));
        measured
    }

    #[test]
    fn percentiles_are_those_of_all_clients_together() {
        let report = Report::new(Vec::new(), hundred(), Vec::new());
        let json = report.json();
        let kind = &json["kinds"][0];
        for (name, expected) in [("p50_ms", 50.0), ("p90_ms", 90.0), ("p99_ms", 99.0), ("max_ms", 100.0)] {
            let value = kind[name].as_f64().unwrap();
            assert!((value / expected - 1.0).abs() < 0.001, "{name}: {value}");
        }
        assert_eq!((&kind["kind"], &kind["requests"]), (&json!("list"), &json!(100)));
        assert_eq!((&json["per_second"], &json["good"]), (&json!(50.0), &json!(true)));
    }

    #[test]
    fn the_table_has_a_line_a_kind_and_its_columns_are_aligned() {
        let table = Report::new(Vec::new(), hundred(), Vec::new()).table();
        let lines: Vec<_> =
            table.lines().filter(|line| line.contains("ms") || line.starts_with("list")).collect();
        assert_eq!(lines.len(), 2, "{table}");
        assert_eq!(lines[0].len(), lines[1].len(), "{table}");
        assert!(table.contains("100 requests in 2.00 s: 50.0 a second"), "{table}");
    }

    #[test]
    fn wrong_and_failed_answers_are_told_and_make_it_bad() {
        for verdict in [Verdict::Wrong("other bytes".into()), Verdict::Failed("status 500".into())] {
            let mut measured = hundred();
            measured.record(&list(), Duration::ZERO, verdict.clone());
            let report = Report::new(Vec::new(), measured, Vec::new());
            assert!(!report.is_good(), "{verdict:?}");
            let (Verdict::Wrong(why) | Verdict::Failed(why)) = verdict else { continue };
            assert!(report.table().contains(&format!("`/list`: {why}")));
        }
    }

    #[test]
    fn failures_without_end_are_counted_but_not_all_told() {
        let mut measured = Measured::default();
        (0..1000).for_each(|_| measured.record(&list(), Duration::ZERO, Verdict::Wrong("x".into())));
        let json = Report::new(Vec::new(), measured, Vec::new()).json();
        assert_eq!(json["kinds"][0]["wrong"], 1000);
        assert_eq!(json["failures"].as_array().map(Vec::len), Some(FAILURES_TOLD));
    }

    #[test]
    fn being_too_busy_is_counted_and_allowed() {
        let mut measured = Measured::default();
        measured.record(&list(), Duration::ZERO, Verdict::TooBusy);
        measured.finish(1, Duration::from_secs(1));
        assert!(measured.is_good());
        assert_eq!(Report::new(Vec::new(), measured, Vec::new()).json()["kinds"][0]["too_busy"], 1);
    }
}
