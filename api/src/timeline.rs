//! `GET /v1/profiles/{id}/timeline`: memory over time.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::errors::BAD_PARAMETER;
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Grid, Manifest, Profile, Selection, TimeBucket, Timeline};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Points, unless told otherwise; and at most.
const POINTS: u64 = 1000;
const POINTS_MAX: u64 = 10_000;

/// Parallel arrays. A point begins at `t_us` after the start of the profile, and reaches to the next.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Points {
    t_us: Vec<u64>,
    live_bytes: Vec<u64>,
    live_count: Vec<u64>,
    allocations: Vec<u64>,
    deallocations: Vec<u64>,
}

/// Answers from the buckets that the profile keeps, or from its allocations for a part of the time or of them.
pub(crate) struct OverTime {
    selection: Arc<Selection>,
    /// In µs after the start, unless it is the whole.
    span: Option<(u64, u64)>,
    /// At most so many.
    points: u64,
}

impl Question for OverTime {
    const NAME: &'static str = "timeline";
    const ABOUT: &'static str = "memory over time";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER,
        Parameter::integer("from_us", "where to begin, in µs after the start"),
        Parameter::integer("to_us", "where to end, in µs after the start"),
        Parameter::integer("points", "at most so many: 1000 unless told otherwise, 10 000 at most"),
    ];
    type Data = Points;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let from = parameters.read_named::<u64>("from_us")?;
        let to = parameters.read_named::<u64>("to_us")?;
        let points = parameters.read_named::<u64>("points")?.unwrap_or(POINTS).clamp(1, POINTS_MAX);
        let span = match (from, to) {
            (None, None) => None,
            (from, to) => Some((from.unwrap_or(0), to.unwrap_or(u64::MAX))),
        };
        match span {
            Some((from, to)) if from > to => {
                Err(Problem::new(&BAD_PARAMETER, format!("`from_us` ({from}) is after `to_us` ({to})")))
            }
            span => Ok(Self { selection: selection(parameters)?, span, points }),
        }
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let manifest = profile.manifest();
        let grid = self.grid(manifest);
        let is_whole = grid == Grid::of(manifest) && matches!(*self.selection, Selection::All);
        let timeline = profile.timeline(&self.selection, grid, cancel)?;
        let source = if is_whole { Source::Buckets } else { Source::Allocations };
        Ok(Answer::json(&Points::of(&timeline, manifest.start_us, self.points), source))
    }
}

impl OverTime {
    fn grid(&self, manifest: &Manifest) -> Grid {
        let whole = Grid::of(manifest);
        let Some((from, to)) = self.span.filter(|(from, to)| *from > 0 || *to < manifest.runtime_us()) else {
            return whole;
        };
        let start_us = manifest.start_us.saturating_add(from).min(manifest.end_us);
        let end_us = manifest.start_us.saturating_add(to).min(manifest.end_us);
        Grid { start_us, end_us, width_us: (end_us - start_us).div_ceil(self.points).max(1) }
    }
}

impl Points {
    /// Every bucket has a point, those in which nothing happened too; if they are too many, neighbours become one.
    fn of(timeline: &Timeline, start_us: u64, points_max: u64) -> Self {
        let grid = timeline.grid;
        let (first, last) = (grid.bucket(grid.start_us), grid.bucket(grid.end_us));
        let merged = (last - first + 1).div_ceil(points_max + 1).max(1);
        let mut buckets = timeline.points.iter().peekable();
        let mut live = (timeline.live_bytes_start, timeline.live_count_start);
        let mut points = Self::default();
        for begin in (first..=last).step_by(merged as usize) {
            let mut point =
                TimeBucket { live_bytes_max: live.0, live_count_max: live.1, ..TimeBucket::default() };
            let mut is_quiet = true;
            while let Some(bucket) = buckets.next_if(|bucket| bucket.index < begin + merged) {
                point = if is_quiet { *bucket } else { both(point, bucket) };
                is_quiet = false;
                live = (bucket.live_bytes_end, bucket.live_count_end);
            }
            let at_us = begin.saturating_mul(grid.width_us.max(1)).max(grid.start_us);
            points.push(at_us.saturating_sub(start_us), &point);
        }
        points
    }

    fn push(&mut self, t_us: u64, point: &TimeBucket) {
        self.t_us.push(t_us);
        self.live_bytes.push(point.live_bytes_max);
        self.live_count.push(point.live_count_max);
        self.allocations.push(point.allocated_count);
        self.deallocations.push(point.freed_count);
    }
}

fn both(earlier: TimeBucket, later: &TimeBucket) -> TimeBucket {
    TimeBucket {
        allocated_count: earlier.allocated_count + later.allocated_count,
        freed_count: earlier.freed_count + later.freed_count,
        live_bytes_max: earlier.live_bytes_max.max(later.live_bytes_max),
        live_count_max: earlier.live_count_max.max(later.live_count_max),
        ..*later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(index: u64, max: u64, end: u64) -> TimeBucket {
        let counts = TimeBucket { allocated_count: 1, freed_count: 2, ..TimeBucket::default() };
        TimeBucket {
            index,
            live_bytes_max: max,
            live_bytes_end: end,
            live_count_max: max,
            live_count_end: end,
            ..counts
        }
    }

    fn timeline() -> Timeline {
        let points = vec![bucket(10, 5, 3), bucket(12, 9, 0), bucket(13, 4, 2)];
        let grid = Grid { start_us: 1005, end_us: 1499, width_us: 100 };
        Timeline { grid, live_bytes_start: 1, live_count_start: 1, points }
    }

    #[test]
    fn quiet_buckets_show_what_was_left() {
        let points = Points::of(&timeline(), 1000, 100);
        assert_eq!(points.t_us, [5, 100, 200, 300, 400]);
        assert_eq!(points.live_bytes, [5, 3, 9, 4, 2]);
        assert_eq!(points.allocations, [1, 0, 1, 1, 0]);
    }

    #[test]
    fn merged_buckets_keep_the_highest_and_add_up() {
        let points = Points::of(&timeline(), 1000, 2);
        assert_eq!(points.live_bytes, [5, 9, 2]);
        assert_eq!(points.allocations, [1, 2, 0]);
        assert_eq!(points.deallocations, [2, 4, 0]);
    }
}
