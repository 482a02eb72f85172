//! The report of a run, for people and for programs.

use crate::measured::Measured;
use crate::target::Target;
use crate::uploads::Profile;
use serde_json::{Value, json};

/// The whole run.
pub(crate) struct Report {
    profiles: Vec<Profile>,
    /// Of the questions that were asked for the first time, if that was measured apart.
    first: Option<Measured>,
    measured: Measured,
    targets: Vec<Target>,
}

impl Report {
    pub(crate) fn new(profiles: Vec<Profile>, measured: Measured, targets: Vec<Target>) -> Self {
        Self { profiles, first: None, measured, targets }
    }

    pub(crate) fn with_first(self, first: Option<Measured>) -> Self {
        Self { first, ..self }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.all().all(Measured::is_good) && self.missed().is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Measured> {
        self.first.iter().chain([&self.measured])
    }

    fn failures(&self) -> impl Iterator<Item = &String> {
        self.all().flat_map(|measured| &measured.failures)
    }

    fn missed(&self) -> Vec<String> {
        self.targets.iter().filter_map(|target| target.missed(&self.measured)).collect()
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let Self { profiles, first, measured, .. } = self;
        json!({
            "profiles": profiles.iter().map(profile_json).collect::<Vec<_>>(),
            "requests": measured.total(),
            "left_over": measured.left_over,
            "seconds": measured.elapsed.as_secs_f64(),
            "per_second": measured.per_second(),
            "first": first.as_ref().map(Measured::kinds_json),
            "kinds": measured.kinds_json(),
            "failures": self.failures().collect::<Vec<_>>(),
            "missed": self.missed(),
            "good": self.is_good(),
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self { profiles, first, measured, .. } = self;
        let mut lines: Vec<_> = profiles.iter().map(profile_line).collect();
        lines.push(format!(
            "\n{:<18} {:>8} {:>6} {:>6} {:>6} {:>10} {:>10} {:>10} {:>10}",
            "", "requests", "busy", "failed", "wrong", "p50 ms", "p90 ms", "p99 ms", "max ms"
        ));
        lines.extend(first.iter().flat_map(|first| first.kind_lines(", first")));
        lines.extend(measured.kind_lines(""));
        lines.push(format!(
            "\n{} requests in {:.2} s: {:.1} a second",
            measured.total(),
            measured.elapsed.as_secs_f64(),
            measured.per_second()
        ));
        if measured.left_over > 0 {
            lines.push(format!("{} requests were left over when the time was up", measured.left_over));
        }
        lines.extend(self.failures().cloned());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Verdict;
    use crate::measured::FAILURES_TOLD;
    use crate::requests::{Kind, Mix, Request};
    use std::time::Duration;

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
    fn what_was_asked_first_has_its_own_line_and_no_target_but_has_to_be_right() {
        let target = || vec![Target::parse("list=100").unwrap()];
        let first = |verdict| {
            let mut first = Measured::default();
            first.record(&list(), Duration::from_secs(7), verdict);
            Some(first)
        };
        let report = Report::new(Vec::new(), hundred(), target()).with_first(first(Verdict::Right));
        assert!(report.is_good());
        assert_eq!(report.json()["first"][0]["requests"], 1);
        assert!(report.table().lines().any(|line| line.starts_with("list, first ")), "{}", report.table());
        let wrong =
            Report::new(Vec::new(), hundred(), target()).with_first(first(Verdict::Wrong("x".into())));
        assert!(!wrong.is_good());
        assert!(wrong.table().contains("`/list`: x"));
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
