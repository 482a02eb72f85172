//! What all backtraces have done, at the end of the capture.

use super::culled::Culled;
use super::tally::Tally;
use crate::model::BacktraceSummary;

/// All tallies. Summaries take more memory, so they are made one by one, as often as they are asked for.
pub(super) struct Tallies {
    tallies: Vec<Tally>,
    peak_version: u32,
    /// In order of their backtraces.
    culled: Vec<(u32, Culled)>,
}

impl Tallies {
    /// Of rows alone. The version is that of the highest peak.
    pub(super) fn new(tallies: Vec<Tally>, peak_version: u32) -> Self {
        Self { tallies, peak_version, culled: Vec::new() }
    }

    /// Adds what was culled, of these backtraces.
    pub(super) fn add(&mut self, culled: impl Iterator<Item = (u32, Culled)>) {
        self.culled.extend(culled);
        self.culled.sort_by_key(|(backtrace, _)| *backtrace);
    }

    /// All of the rows together: their numbers, and their bytes.
    pub(super) fn total(&self) -> BacktraceSummary {
        self.of_rows().fold(BacktraceSummary::default(), |total, summary| BacktraceSummary {
            rows: total.rows + summary.rows,
            allocated_bytes: total.allocated_bytes + summary.allocated_bytes,
            freed_bytes: total.freed_bytes + summary.freed_bytes,
            leaked_count: total.leaked_count + summary.leaked_count,
            leaked_bytes: total.leaked_bytes + summary.leaked_bytes,
            ..total
        })
    }

    /// The summary of each backtrace.
    pub(super) fn summaries(&self) -> impl Iterator<Item = BacktraceSummary> {
        let mut culled = self.culled.iter().peekable();
        (0..).zip(self.of_rows()).map(move |(number, mut summary)| {
            while let Some((_, culled)) = culled.next_if(|(backtrace, _)| *backtrace == number) {
                culled.fold_into(&mut summary);
            }
            summary
        })
    }

    fn of_rows(&self) -> impl Iterator<Item = BacktraceSummary> {
        self.tallies.iter().map(|tally| tally.summary(self.peak_version))
    }
}
