//! The timeline of maps in the shape that Bytehound 0.11 gave it.

use schemars::JsonSchema;
use serde::Serialize;

use super::timeline::{changes, timeline};
use super::{MapLevels, MapTimeline};
use crate::{Cancel, Grid, IndexError, MapSet, Profile};

/// Buckets between the first and the last change.
const BUCKETS: u64 = 1000;

/// Parallel arrays, one entry a point. The names are those of the JSON document; amounts are bytes.
///
/// The value of a point is the largest of its bucket; a bucket in which nothing changed repeats the one before it. The
/// last bucket has a second point, 1 µs later, with the values that were left; if there is only one bucket, a point
/// with zeros stands 1 µs before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CompatibleMapTimeline {
    /// Milliseconds since 1970.
    pub xs: Vec<u64>,
    /// Addresses taken.
    pub address_space: Vec<u64>,
    /// Resident memory.
    pub rss: Vec<u64>,
    /// Resident memory of no file.
    pub anonymous: Vec<u64>,
    /// Resident memory that was written to.
    pub dirty: Vec<u64>,
    /// Resident memory that is as in its file.
    pub clean: Vec<u64>,
    /// Swapped out.
    pub swap: Vec<u64>,
}

impl Profile {
    /// What all maps but the capture library's own needed over time, in the shape that Bytehound 0.11 gave that.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn compatible_map_timeline(&self, cancel: &Cancel) -> Result<CompatibleMapTimeline, IndexError> {
        cancel.check()?;
        let others: MapSet = self.maps().filter(|map| !map.is_bytehound()).map(|map| map.id).collect();
        let changes = changes(self, &others);
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
            return Ok(CompatibleMapTimeline::default());
        };
        let (start_us, end_us) = (first.time, last.time);
        let width_us = ((end_us - start_us) / BUCKETS).max(1);
        let grid = Grid { start_us, end_us, width_us };
        // One look at all maps changes many of them: 0.11 counted them one after the other.
        Ok(CompatibleMapTimeline::of(&timeline(changes.chunks(1), grid)))
    }
}

impl CompatibleMapTimeline {
    fn of(timeline: &MapTimeline) -> Self {
        let mut compatible = Self::default();
        let width = timeline.grid.width_us;
        let mut points = timeline.points.iter().peekable();
        let (Some(first), Some(last)) = (timeline.points.first(), timeline.points.last()) else {
            return compatible;
        };
        if first.index == last.index {
            compatible.push((first.index * width).saturating_sub(1), &MapLevels::default());
        }
        let mut levels = first.max;
        for index in first.index..=last.index {
            levels = points.next_if(|point| point.index == index).map_or(levels, |point| point.max);
            compatible.push(index * width, &levels);
        }
        compatible.push(last.index * width + 1, &last.end);
        compatible
    }

    fn push(&mut self, at_us: u64, levels: &MapLevels) {
        self.xs.push(at_us / 1000);
        self.address_space.push(levels.address_space);
        self.rss.push(levels.rss);
        self.anonymous.push(levels.anonymous);
        self.dirty.push(levels.dirty);
        self.clean.push(levels.clean);
        self.swap.push(levels.swap);
    }
}
