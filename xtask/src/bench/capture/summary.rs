//! The medians of a workload's runs, and what follows from them.

use super::measure::{Run, Variant};
use super::workload::Workload;

/// A workload, measured.
pub(super) struct Summary {
    pub(super) workload: Workload,
    pub(super) rows: Vec<Row>,
    /// What the program says that it did; none of programs that are not ours.
    pub(super) facts: Option<Facts>,
}

/// A variant's medians.
pub(super) struct Row {
    pub(super) variant: Variant,
    pub(super) wall: f64,
    pub(super) cpu: f64,
    pub(super) peak_mib: f64,
    pub(super) capture_bytes: f64,
}

/// What a program did.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) events: f64,
    pub(super) stacks: f64,
    pub(super) threads: f64,
}

impl Summary {
    pub(super) fn new(workload: Workload, runs: impl Iterator<Item = (Variant, Vec<Run>)>) -> Self {
        let mut facts = None;
        let rows = runs.map(|(variant, runs)| {
            facts = facts.or_else(|| facts_in(&runs.first()?.said));
            Row::new(variant, &runs)
        });
        let rows = rows.collect();
        Self { workload, rows, facts }
    }

    pub(super) fn row(&self, variant: Variant) -> Option<&Row> {
        self.rows.iter().find(|row| row.variant == variant)
    }

    /// Seconds that a variant adds to the program alone.
    pub(super) fn added(&self, variant: Variant) -> Option<f64> {
        Some(self.row(variant)?.wall - self.row(Variant::Native)?.wall)
    }

    /// What it adds, as a part of what `heaptrack --raw` adds; none if the noise hides even that.
    pub(super) fn ratio(&self, variant: Variant) -> Option<f64> {
        let heaptrack = self.added(Variant::HeaptrackRaw).filter(|added| *added > 0.0)?;
        Some(self.added(variant)? / heaptrack)
    }

    pub(super) fn nanoseconds_an_event(&self, variant: Variant) -> Option<f64> {
        Some(self.added(variant)? * 1e9 / self.facts?.events)
    }

    pub(super) fn bytes_an_event(&self, variant: Variant) -> Option<f64> {
        Some(self.row(variant)?.capture_bytes / self.facts?.events)
    }

    /// Memory that we add, at the peak: of heaptrack's wrapper only the largest process is known.
    pub(super) fn added_mib(&self) -> Option<f64> {
        Some(self.row(Variant::Ours)?.peak_mib - self.row(Variant::Native)?.peak_mib)
    }
}

impl Row {
    fn new(variant: Variant, runs: &[Run]) -> Self {
        let median = |of: fn(&Run) -> f64| median(runs.iter().map(of).collect());
        Self {
            variant,
            wall: median(|run| run.wall.as_secs_f64()),
            cpu: median(|run| run.cpu.as_secs_f64()),
            peak_mib: median(|run| run.peak_kib as f64 / 1024.0),
            capture_bytes: median(|run| run.capture_bytes as f64),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

fn facts_in(said: &str) -> Option<Facts> {
    let value = |key: &str| {
        let words = said.split_whitespace().filter_map(|word| word.split_once('='));
        words.filter(|(name, _)| *name == key).find_map(|(_, value)| value.parse().ok())
    };
    Some(Facts { events: value("events")?, stacks: value("stacks")?, threads: value("threads")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn run(seconds: f64, capture_bytes: u64) -> Run {
        let said = "events=1000 stacks=3 threads=1".to_owned();
        Run {
            wall: Duration::from_secs_f64(seconds),
            cpu: Duration::ZERO,
            peak_kib: 1024,
            capture_bytes,
            said,
        }
    }

    #[test]
    fn what_is_added_is_the_difference_of_medians() {
        let runs = [
            (Variant::Native, vec![run(1.0, 0), run(9.0, 0), run(2.0, 0)]),
            (Variant::Ours, vec![run(3.0, 5000), run(4.0, 5000), run(2.0, 5000)]),
            (Variant::HeaptrackRaw, vec![run(6.0, 0), run(5.0, 0), run(7.0, 0)]),
        ];
        let summary = Summary::new(Workload::Shallow, runs.into_iter());
        assert_eq!(summary.added(Variant::Ours), Some(1.0));
        assert_eq!(summary.ratio(Variant::Ours), Some(0.25));
        assert_eq!(summary.nanoseconds_an_event(Variant::Ours), Some(1e6));
        assert_eq!(summary.bytes_an_event(Variant::Ours), Some(5.0));
        assert_eq!(summary.added(Variant::Heaptrack), None);
    }

    #[test]
    fn the_median_of_two_lies_between_them() {
        assert_eq!(median(vec![3.0, 1.0]), 2.0);
    }
}
