//! Timelines in the shape that Bytehound 0.11 gave them.

use schemars::JsonSchema;
use serde::Serialize;

use super::Timeline;
use crate::TimeBucket;

/// Parallel arrays, one entry a point. The names are those of the JSON document.
///
/// The value of a point is the largest of its bucket; a bucket in which nothing happened repeats the one before it. The
/// last bucket has a second point, 1 µs later, with the values that were left; if there is only one bucket, a point
/// with zeros stands 1 µs before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CompatibleTimeline {
    /// Milliseconds since 1970.
    pub xs: Vec<u64>,
    /// Difference of `allocated_size` to the point before.
    pub size_delta: Vec<i64>,
    /// Difference of `allocated_count` to the point before.
    pub count_delta: Vec<i64>,
    /// Live bytes.
    pub allocated_size: Vec<u64>,
    /// Live allocations.
    pub allocated_count: Vec<u64>,
    /// Births in the bucket, without reallocs.
    pub allocations: Vec<u64>,
    /// Deaths in the bucket, without reallocs.
    pub deallocations: Vec<u64>,
}

impl CompatibleTimeline {
    /// `timeline` should be on the grid of its profile, which bounds the number of buckets.
    pub(super) fn of(timeline: &Timeline) -> Self {
        let mut compatible = Self::default();
        let [first, .., last] = timeline.points.as_slice() else {
            if let [only] = timeline.points.as_slice() {
                let at = only.index.saturating_mul(timeline.grid.width_us.max(1));
                compatible.push(at.saturating_sub(1), &TimeBucket::default());
                compatible.close(at, only);
            }
            return compatible;
        };
        let width = timeline.grid.width_us.max(1);
        let mut points = timeline.points.iter().peekable();
        let mut current = *first;
        for index in first.index..last.index {
            match points.next_if(|point| point.index == index) {
                Some(point) => current = *point,
                None => current = quiet(&current),
            }
            compatible.push(index.saturating_mul(width), &current);
        }
        compatible.close(last.index.saturating_mul(width), last);
        compatible
    }

    fn close(&mut self, at_us: u64, last: &TimeBucket) {
        self.push(at_us, last);
        let left = TimeBucket {
            live_bytes_max: last.live_bytes_end,
            live_count_max: last.live_count_end,
            ..quiet(last)
        };
        self.push(at_us.saturating_add(1), &left);
    }

    fn push(&mut self, at_us: u64, point: &TimeBucket) {
        let before = |values: &[u64]| values.last().copied().unwrap_or(0);
        self.size_delta.push(difference(point.live_bytes_max, before(&self.allocated_size)));
        self.count_delta.push(difference(point.live_count_max, before(&self.allocated_count)));
        self.xs.push(at_us / 1000);
        self.allocated_size.push(point.live_bytes_max);
        self.allocated_count.push(point.live_count_max);
        self.allocations.push(point.allocated_count - point.reallocated_count);
        self.deallocations.push(point.freed_count - point.reallocated_count);
    }
}

/// A bucket in which nothing happened, after `before`.
fn quiet(before: &TimeBucket) -> TimeBucket {
    TimeBucket {
        live_bytes_max: before.live_bytes_max,
        live_count_max: before.live_count_max,
        ..TimeBucket::default()
    }
}

fn difference(new: u64, old: u64) -> i64 {
    new.wrapping_sub(old).cast_signed()
}
