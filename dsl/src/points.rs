//! From what the series of a graph hold to the values that a chart shows.

use std::sync::Arc;

use bytehound_index::{
    Cancel, Grid, MapBucket, MapLevels, MapSet, MapTimeline, Profile, RowSet, TimeBucket, Timeline,
};

use crate::chart::{Area, Chart, Look, Quantity};
use crate::failure::Failure;
use crate::palette::Scheme;

/// Points of time in one graph.
const RESOLUTION: u64 = 1_000;

/// What the series of one graph hold; no two of them have anything in common.
#[derive(Clone)]
pub(crate) enum Content {
    Allocations(Vec<Arc<RowSet>>),
    Maps(Vec<MapSet>),
}

/// What the values of a graph count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    MemoryUsage,
    LiveAllocations,
    NewAllocations,
    Deallocations,
    Rss,
    AddressSpace,
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

/// The values of one series: where they start, and each bucket in which something happened.
struct Line {
    start: u64,
    points: Vec<Point>,
}

struct Point {
    index: u64,
    within: u64,
    after: u64,
}

/// The picture of series.
pub(crate) fn draw(
    view: &View<'_>,
    content: &Content,
    labels: &[Option<String>],
    cancel: &Cancel,
) -> Result<String, Failure> {
    chart(view, content, labels, cancel)?.render()
}

fn chart(
    view: &View<'_>,
    content: &Content,
    labels: &[Option<String>],
    cancel: &Cancel,
) -> Result<Chart, Failure> {
    let grid = view.grid(content, cancel)?;
    let lines = view.lines(content, grid, cancel)?;
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
        values: line.values(&buckets),
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

impl Content {
    /// Each series alone.
    pub(crate) fn each(&self) -> Vec<Self> {
        match self {
            Self::Allocations(sets) => {
                sets.iter().map(|rows| Self::Allocations(vec![Arc::clone(rows)])).collect()
            }
            Self::Maps(sets) => sets.iter().map(|maps| Self::Maps(vec![maps.clone()])).collect(),
        }
    }

    /// Whether nothing is in any series.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Allocations(sets) => sets.iter().all(|rows| rows.is_empty()),
            Self::Maps(sets) => sets.iter().all(MapSet::is_empty),
        }
    }
}

impl View<'_> {
    fn lines(&self, content: &Content, grid: Grid, cancel: &Cancel) -> Result<Vec<Line>, Failure> {
        Ok(match content {
            Content::Allocations(sets) => {
                let lines = self.profile.series(sets, grid, cancel)?;
                lines.iter().map(|line| self.show.line(line)).collect()
            }
            Content::Maps(sets) => {
                let lines = self.profile.map_series(sets, grid, cancel)?;
                lines.iter().map(|line| self.show.line_of_maps(line)).collect()
            }
        })
    }

    /// The stretch of time that is drawn, divided so that about [`RESOLUTION`] buckets lie in it.
    fn grid(&self, content: &Content, cancel: &Cancel) -> Result<Grid, Failure> {
        let manifest = self.profile.manifest();
        let end_us = self.extent.end.map_or(manifest.end_us, |end| manifest.start_us.saturating_add(end));
        let mut grid = divided(manifest.start_us, end_us);
        if self.extent.trim_left || self.extent.trim_right {
            let lines = self.lines(content, grid, cancel)?;
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
fn active(lines: &[Line]) -> Option<(u64, u64)> {
    let first = lines.iter().filter_map(|line| line.points.first()).map(|point| point.index).min()?;
    let last = lines.iter().filter_map(|line| line.points.last()).map(|point| point.index).max()?;
    Some((first, last))
}

impl Show {
    /// Whether it is something that maps have, and allocations don't.
    pub(crate) fn is_of_maps(self) -> bool {
        matches!(self, Self::Rss | Self::AddressSpace)
    }

    fn quantity(self) -> Quantity {
        match self {
            Self::MemoryUsage => Quantity { name: "Memory usage", is_bytes: true },
            Self::LiveAllocations => Quantity { name: "Live allocations", is_bytes: false },
            Self::NewAllocations => Quantity { name: "New allocations", is_bytes: false },
            Self::Deallocations => Quantity { name: "Deallocations", is_bytes: false },
            Self::Rss => Quantity { name: "RSS", is_bytes: true },
            Self::AddressSpace => Quantity { name: "Address space", is_bytes: true },
        }
    }

    fn line(self, line: &Timeline) -> Line {
        let point = |point: &TimeBucket| {
            let (within, after) = match self {
                Self::LiveAllocations => (point.live_count_max, point.live_count_end),
                Self::NewAllocations => (point.allocated_count, 0),
                Self::Deallocations => (point.freed_count, 0),
                _ => (point.live_bytes_max, point.live_bytes_end),
            };
            Point { index: point.index, within, after }
        };
        let start = match self {
            Self::LiveAllocations => line.live_count_start,
            Self::NewAllocations | Self::Deallocations => 0,
            _ => line.live_bytes_start,
        };
        Line { start, points: line.points.iter().map(point).collect() }
    }

    fn line_of_maps(self, line: &MapTimeline) -> Line {
        let value = |levels: &MapLevels| match self {
            Self::AddressSpace => levels.address_space,
            _ => levels.rss,
        };
        let point = |point: &MapBucket| Point {
            index: point.index,
            within: value(&point.max),
            after: value(&point.end),
        };
        Line { start: value(&line.start), points: line.points.iter().map(point).collect() }
    }
}

impl Line {
    /// The value of every bucket, and the value at the very end.
    fn values(&self, buckets: &[u64]) -> Vec<u64> {
        let mut rest = self.start;
        let mut points = self.points.iter().peekable();
        let mut values = Vec::with_capacity(buckets.len() + 1);
        for &bucket in buckets {
            values.push(match points.next_if(|point| point.index == bucket) {
                Some(point) => {
                    rest = point.after;
                    point.within
                }
                None => rest,
            });
        }
        values.push(rest);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: [u64; 5] = [0, 1, 2, 3, 4];

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
        assert_eq!(Show::MemoryUsage.line(&line()).values(&BUCKETS), [7, 20, 10, 12, 0, 0]);
    }

    #[test]
    fn nothing_is_new_in_a_quiet_bucket() {
        assert_eq!(Show::NewAllocations.line(&line()).values(&BUCKETS), [0, 3, 0, 3, 0, 0]);
    }

    #[test]
    fn maps_show_the_amount_that_is_asked_for() {
        let levels = |rss, address_space| MapLevels { rss, address_space, ..MapLevels::default() };
        let line = MapTimeline {
            grid: divided(0, 10),
            start: levels(1, 100),
            points: vec![MapBucket { index: 1, max: levels(5, 200), end: levels(2, 150) }],
        };
        assert_eq!(Show::Rss.line_of_maps(&line).values(&BUCKETS), [1, 5, 2, 2, 2, 2]);
        assert_eq!(Show::AddressSpace.line_of_maps(&line).values(&BUCKETS), [100, 200, 150, 150, 150, 150]);
    }
}
