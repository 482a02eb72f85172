//! What maps needed over time.

use serde::Serialize;

use crate::layout::UsageRecord;
use crate::{Cancel, Grid, IndexError, MapSet, Profile};

/// What some maps needed, bucket by bucket; buckets in which nothing changed are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapTimeline {
    /// What was asked.
    pub grid: Grid,
    /// Before the first bucket.
    pub start: MapLevels,
    /// The buckets, ascending.
    pub points: Vec<MapBucket>,
}

/// What happened in one bucket of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapBucket {
    /// Bucket `b` covers `[b·width, (b + 1)·width)` µs since 1970.
    pub index: u64,
    /// The largest of each amount after any moment of the bucket: what changes in one µs changes together.
    pub max: MapLevels,
    /// When the bucket ends.
    pub end: MapLevels,
}

/// Amounts of mapped memory at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MapLevels {
    /// Addresses taken.
    pub address_space: u64,
    /// Resident memory: clean and dirty.
    pub rss: u64,
    /// Resident memory of no file.
    pub anonymous: u64,
    /// Resident memory that was written to.
    pub dirty: u64,
    /// Resident memory that is as in its file.
    pub clean: u64,
    /// Swapped out.
    pub swap: u64,
}

impl Profile {
    /// What several sets of maps needed over time, each map counted in the first set that has it.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn map_series(
        &self,
        sets: &[MapSet],
        grid: Grid,
        cancel: &Cancel,
    ) -> Result<Vec<MapTimeline>, IndexError> {
        let mut seen = MapSet::default();
        let mut lines = Vec::with_capacity(sets.len());
        for set in sets {
            cancel.check()?;
            let changes = changes(self, &set.difference(&seen));
            lines.push(timeline(moments(&changes), grid));
            seen = seen.union(set);
        }
        Ok(lines)
    }
}

/// One change of what a map needs.
pub(super) struct Change {
    pub(super) time: u64,
    before: MapLevels,
    after: MapLevels,
}

/// All changes of some maps, in order of time.
pub(super) fn changes(profile: &Profile, maps: &MapSet) -> Vec<Change> {
    let mut changes = Vec::new();
    for map in maps.iter().filter_map(|id| profile.map(id)) {
        let mut before = MapLevels::default();
        for record in map.usage() {
            let after = MapLevels::of(record);
            changes.push(Change { time: record.time, before, after });
            before = after;
        }
    }
    changes.sort_by_key(|change| change.time);
    changes
}

/// Together, what changes in one µs: a look at all maps.
fn moments(changes: &[Change]) -> impl Iterator<Item = &[Change]> {
    changes.chunk_by(|a, b| a.time == b.time)
}

/// The buckets of `grid` that changes fall into. The largest amounts are taken after each of `moments`, none of which
/// is empty.
pub(super) fn timeline<'c>(moments: impl Iterator<Item = &'c [Change]>, grid: Grid) -> MapTimeline {
    let mut timeline = MapTimeline { grid, start: MapLevels::default(), points: Vec::new() };
    let mut levels = MapLevels::default();
    for moment in moments.take_while(|moment| moment[0].time <= grid.end_us) {
        // Sums wrap: a damaged capture can claim what is beyond 2⁶⁴, and the rest stays right.
        for change in moment {
            levels = levels.with(change.after, u64::wrapping_add).with(change.before, u64::wrapping_sub);
        }
        let time = moment[0].time;
        if time < grid.start_us {
            timeline.start = levels;
            continue;
        }
        let index = grid.bucket(time);
        match timeline.points.last_mut().filter(|point| point.index == index) {
            Some(point) => {
                point.max = point.max.with(levels, u64::max);
                point.end = levels;
            }
            None => timeline.points.push(MapBucket { index, max: levels, end: levels }),
        }
    }
    timeline
}

impl MapLevels {
    fn of(record: &UsageRecord) -> Self {
        Self {
            address_space: record.address_space,
            rss: record.rss(),
            anonymous: record.anonymous,
            dirty: record.dirty(),
            clean: record.clean(),
            swap: record.swap,
        }
    }

    fn with(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            address_space: combine(self.address_space, other.address_space),
            rss: combine(self.rss, other.rss),
            anonymous: combine(self.anonymous, other.anonymous),
            dirty: combine(self.dirty, other.dirty),
            clean: combine(self.clean, other.clean),
            swap: combine(self.swap, other.swap),
        }
    }
}
