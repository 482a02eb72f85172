//! What selected allocations did over time.

mod by_512;
mod change;
mod compatible;
mod few;
mod lanes;
mod reader;
mod reallocs;
mod sweep;

use std::sync::Arc;

use rayon::prelude::*;

use change::Live;
pub use compatible::CompatibleTimeline;
use sweep::{Known, sweep};

use crate::{Cancel, IndexError, Manifest, Profile, RowSet, Selection, TimeBucket};

/// Which buckets of time are asked for. Bucket `b` covers `[b·width, (b + 1)·width)` µs since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// What happened before only shows in what was live at the start.
    pub start_us: u64,
    /// What happened after is left out.
    pub end_us: u64,
    /// Width of a bucket; 0 counts as 1.
    pub width_us: u64,
}

/// What a set of allocations did, bucket by bucket; buckets in which nothing happened are left out.
///
/// A realloc is the death of one allocation and the birth of another. Columns know the µs of an operation and not more:
/// within one, blocks of before die first, then blocks are born in the order of the capture (a reallocated one at once
/// in place of its predecessor), and blocks that do not outlive the µs die last. Only the whole profile in its own
/// buckets is known in the very order of the capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What was asked.
    pub grid: Grid,
    /// Live bytes before the first bucket.
    pub live_bytes_start: u64,
    /// Live allocations before the first bucket.
    pub live_count_start: u64,
    /// The buckets, ascending.
    pub points: Vec<TimeBucket>,
}

impl Grid {
    /// The buckets that a profile keeps for itself.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self { start_us: manifest.start_us, end_us: manifest.end_us, width_us: manifest.bucket_width_us }
    }

    /// The bucket that an instant falls into.
    #[must_use]
    pub fn bucket(&self, instant_us: u64) -> u64 {
        instant_us / self.width_us.max(1)
    }
}

impl Profile {
    /// What a selection did over time.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn timeline(
        &self,
        selection: &Selection,
        grid: Grid,
        cancel: &Cancel,
    ) -> Result<Timeline, IndexError> {
        cancel.check()?;
        if matches!(selection, Selection::All) && grid == Grid::of(self.manifest()) {
            return Ok(whole(self.buckets()?.to_vec(), grid));
        }
        let rows = self.rows(selection, cancel)?;
        match selection {
            Selection::All => sweep(self.columns(), &rows, grid, self.known_before(grid.start_us)?, cancel),
            _ => self.timeline_of(&rows, grid, cancel),
        }
    }

    /// The end of the last of the profile's own buckets that is over at `at_us`, and what was live then.
    fn known_before(&self, at_us: u64) -> Result<Known, IndexError> {
        let width = self.manifest().bucket_width_us.max(1);
        let end_us = |bucket: &TimeBucket| (bucket.index + 1).saturating_mul(width);
        let buckets = self.buckets()?;
        let over = buckets.partition_point(|bucket| end_us(bucket) <= at_us);
        Ok(buckets[..over].last().map_or_else(Known::default, |last| Known {
            at_us: end_us(last),
            live: Live { bytes: last.live_bytes_end, count: last.live_count_end },
        }))
    }

    /// What a selection did over time, in the shape that Bytehound 0.11 gave its timelines.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn compatible_timeline(
        &self,
        selection: &Selection,
        cancel: &Cancel,
    ) -> Result<CompatibleTimeline, IndexError> {
        let timeline = self.timeline(selection, Grid::of(self.manifest()), cancel)?;
        Ok(CompatibleTimeline::of(&timeline))
    }

    /// What several sets did over time, each allocation counted in the first set that has it.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn series(
        &self,
        sets: &[Arc<RowSet>],
        grid: Grid,
        cancel: &Cancel,
    ) -> Result<Vec<Timeline>, IndexError> {
        let own = RowSet::disjoint(sets);
        own.par_iter().map(|rows| self.timeline_of(rows, grid, cancel)).collect()
    }

    fn timeline_of(&self, rows: &RowSet, grid: Grid, cancel: &Cancel) -> Result<Timeline, IndexError> {
        match few::are(rows) {
            true => few::follow(self.columns(), rows, grid, cancel),
            false => sweep(self.columns(), rows, grid, Known::default(), cancel),
        }
    }
}

/// All that a profile did, from its own buckets.
fn whole(mut points: Vec<TimeBucket>, grid: Grid) -> Timeline {
    let before = points.partition_point(|point| point.index < grid.bucket(grid.start_us));
    let last_before = points.drain(..before).next_back().unwrap_or_default();
    Timeline {
        grid,
        live_bytes_start: last_before.live_bytes_end,
        live_count_start: last_before.live_count_end,
        points,
    }
}
