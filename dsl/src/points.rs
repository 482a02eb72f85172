//! From the rows of each series to the values that a chart shows.

use std::sync::Arc;

use bytehound_index::{Cancel, Grid, Profile, RowSet, TimeBucket, Timeline};

use crate::chart::{Area, Chart, Look, Quantity};
use crate::failure::Failure;
use crate::palette::Scheme;

/// Points of time in one graph.
const RESOLUTION: u64 = 1_000;

/// What the values of a graph count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    MemoryUsage,
    LiveAllocations,
    NewAllocations,
    Deallocations,
}

/// The stretch of time that a graph shows, in µs since the start of the profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) trim_left: bool,
    pub(crate) trim_right: bool,
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
}

/// How some series of a profile are looked at.
pub(crate) struct View<'a> {
    pub(crate) profile: &'a Arc<Profile>,
    pub(crate) show: Show,
    pub(crate) extent: &'a Extent,
    pub(crate) look: Look,
    pub(crate) scheme: Scheme,
}

/// The picture of series that have no row in common.
pub(crate) fn draw(
    view: &View<'_>,
    series: &[Arc<RowSet>],
    labels: &[Option<String>],
    cancel: &Cancel,
) -> Result<String, Failure> {
    chart(view, series, labels, cancel)?.render()
}

fn chart(
    view: &View<'_>,
    series: &[Arc<RowSet>],
    labels: &[Option<String>],
    cancel: &Cancel,
) -> Result<Chart, Failure> {
    let grid = view.grid(series, cancel)?;
    let lines = view.profile.series(series, grid, cancel)?;
    let buckets: Vec<u64> = (grid.bucket(grid.start_us)..=grid.bucket(grid.end_us)).collect();
    let origin_us = view.profile.manifest().start_us;
    // The last moment stands for itself: what was left when the last bucket was over.
    let times = buckets
        .iter()
        .map(|bucket| bucket.saturating_mul(grid.width_us).max(grid.start_us))
        .chain([grid.end_us]);
    let areas = lines.iter().zip(labels).enumerate().map(|(index, (line, label))| Area {
        label: label.clone(),
        colour: view.scheme.colour(index, lines.len()),
        values: view.show.values(line, &buckets),
    });
    Ok(Chart {
        start: grid.start_us - origin_us,
        end: grid.end_us - origin_us,
        origin_us,
        quantity: view.show.quantity(),
        times: times.map(|time_us| time_us.saturating_sub(origin_us)).collect(),
        areas: areas.collect(),
        look: view.look,
    })
}

impl View<'_> {
    /// The stretch of time that is drawn, divided so that about [`RESOLUTION`] buckets lie in it.
    fn grid(&self, series: &[Arc<RowSet>], cancel: &Cancel) -> Result<Grid, Failure> {
        let manifest = self.profile.manifest();
        let end_us = self.extent.end.map_or(manifest.end_us, |end| manifest.start_us.saturating_add(end));
        let mut grid = divided(manifest.start_us, end_us);
        if self.extent.trim_left || self.extent.trim_right {
            let lines = self.profile.series(series, grid, cancel)?;
            if let Some((first, last)) = active(&lines) {
                let start_us = if self.extent.trim_left {
                    (first * grid.width_us).max(grid.start_us)
                } else {
                    grid.start_us
                };
                let end = (last + 1).saturating_mul(grid.width_us);
                let end_us = if self.extent.trim_right { end.min(grid.end_us) } else { grid.end_us };
                grid = divided(start_us, end_us);
            }
        }
        if let Some(start) = self.extent.start {
            let start_us = manifest.start_us.saturating_add(start).clamp(grid.start_us, grid.end_us);
            grid = divided(start_us, grid.end_us);
        }
        Ok(grid)
    }
}

fn divided(start_us: u64, end_us: u64) -> Grid {
    let end_us = end_us.max(start_us);
    Grid { start_us, end_us, width_us: ((end_us - start_us) / RESOLUTION).max(1) }
}

/// The first and the last bucket in which something happened.
fn active(lines: &[Timeline]) -> Option<(u64, u64)> {
    let first = lines.iter().filter_map(|line| line.points.first()).map(|point| point.index).min()?;
    let last = lines.iter().filter_map(|line| line.points.last()).map(|point| point.index).max()?;
    Some((first, last))
}

impl Show {
    fn quantity(self) -> Quantity {
        match self {
            Self::MemoryUsage => Quantity { name: "Memory usage", is_bytes: true },
            Self::LiveAllocations => Quantity { name: "Live allocations", is_bytes: false },
            Self::NewAllocations => Quantity { name: "New allocations", is_bytes: false },
            Self::Deallocations => Quantity { name: "Deallocations", is_bytes: false },
        }
    }

    /// The value of every bucket, and the value at the very end.
    fn values(self, line: &Timeline, buckets: &[u64]) -> Vec<u64> {
        let mut rest = self.before(line);
        let mut points = line.points.iter().peekable();
        let mut values = Vec::with_capacity(buckets.len() + 1);
        for &bucket in buckets {
            values.push(match points.next_if(|point| point.index == bucket) {
                Some(point) => {
                    rest = self.after(point);
                    self.within(point)
                }
                None => rest,
            });
        }
        values.push(rest);
        values
    }

    fn before(self, line: &Timeline) -> u64 {
        match self {
            Self::MemoryUsage => line.live_bytes_start,
            Self::LiveAllocations => line.live_count_start,
            Self::NewAllocations | Self::Deallocations => 0,
        }
    }

    fn within(self, point: &TimeBucket) -> u64 {
        match self {
            Self::MemoryUsage => point.live_bytes_max,
            Self::LiveAllocations => point.live_count_max,
            Self::NewAllocations => point.allocated_count,
            Self::Deallocations => point.freed_count,
        }
    }

    fn after(self, point: &TimeBucket) -> u64 {
        match self {
            Self::MemoryUsage => point.live_bytes_end,
            Self::LiveAllocations => point.live_count_end,
            Self::NewAllocations | Self::Deallocations => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Timeline {
        let point = |index, max, end| TimeBucket {
            index,
            live_bytes_max: max,
            live_bytes_end: end,
            allocated_count: 3,
            ..TimeBucket::default()
        };
        Timeline {
            grid: divided(0, 10),
            live_bytes_start: 7,
            live_count_start: 1,
            points: vec![point(1, 20, 10), point(3, 12, 0)],
        }
    }

    #[test]
    fn a_bucket_shows_its_peak_and_a_quiet_one_what_is_left() {
        assert_eq!(Show::MemoryUsage.values(&line(), &[0, 1, 2, 3, 4]), [7, 20, 10, 12, 0, 0]);
    }

    #[test]
    fn nothing_is_new_in_a_quiet_bucket() {
        assert_eq!(Show::NewAllocations.values(&line(), &[0, 1, 2, 3, 4]), [0, 3, 0, 3, 0, 0]);
    }
}
