//! How long things took, in buckets.

use super::exposition::Exposition;
use std::time::Duration;

/// Upper bounds in seconds: from a question that the summaries answer to the deadline of the longest.
const BOUNDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counts by bucket; the last is for all that is beyond the bounds.
#[derive(Default)]
pub(super) struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

impl Histogram {
    pub(super) fn note(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.seconds += seconds;
    }

    /// Writes the samples: each bucket counts those below it, too.
    pub(super) fn render(&self, page: &mut Exposition, labels: &[(&str, &str)]) {
        let mut below = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(self.counts) {
            below += count;
            page.sample_of("_bucket", &[labels, &[("le", &bound)]].concat(), below);
        }
        page.sample_of("_sum", labels, self.seconds);
        page.sample_of("_count", labels, below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition::Kind;

    #[test]
    fn a_bucket_counts_what_is_at_most_its_bound() {
        let mut histogram = Histogram::default();
        for ms in [1, 2, 30, 60_000] {
            histogram.note(Duration::from_millis(ms));
        }
        let mut page = Exposition::default();
        page.family("t", Kind::Histogram, "");
        histogram.render(&mut page, &[("route", "/x")]);
        let text = page.into_text();
        for line in [
            "t_bucket{route=\"/x\",le=\"0.001\"} 1",
            "t_bucket{route=\"/x\",le=\"0.0025\"} 2",
            "t_bucket{route=\"/x\",le=\"0.05\"} 3",
            "t_bucket{route=\"/x\",le=\"30\"} 3",
            "t_bucket{route=\"/x\",le=\"+Inf\"} 4",
            "t_sum{route=\"/x\"} 60.033",
            "t_count{route=\"/x\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
