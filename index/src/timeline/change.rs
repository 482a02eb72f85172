//! What operations changed, and how changes in a row become a timeline.

use super::{Grid, Timeline};
use crate::model::TimeBucket;

/// What is live at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) bytes: u64,
    pub(super) count: u64,
}

impl Live {
    /// What is live after a change.
    pub(super) fn after(self, change: &Change) -> Self {
        Self {
            bytes: self.bytes.wrapping_add_signed(change.bytes),
            count: self.count.wrapping_add_signed(change.count),
        }
    }
}

/// What some operations changed, seen from before the first of them. Sums of bytes wrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) operations: u64,
    pub(super) allocated_bytes: u64,
    pub(super) reallocated: u64,
    pub(super) bytes: i64,
    pub(super) count: i64,
    pub(super) bytes_max: i64,
    pub(super) count_max: i64,
}

impl Change {
    pub(super) const NOTHING: Self = Self {
        operations: 0,
        allocated_bytes: 0,
        reallocated: 0,
        bytes: 0,
        count: 0,
        bytes_max: i64::MIN,
        count_max: i64::MIN,
    };

    /// A birth if `births` is 1, a death if it is 0. Which of the two comes next cannot be guessed, so nothing here branches
    /// on it.
    #[inline(always)]
    pub(super) fn operation(&mut self, size: u64, births: u64) {
        let deaths = births.wrapping_sub(1);
        self.operations += 1;
        self.allocated_bytes = self.allocated_bytes.wrapping_add(size & !deaths);
        // All bits are set for a death: then this is −size.
        self.bytes = self.bytes.wrapping_add((size ^ deaths).wrapping_sub(deaths).cast_signed());
        self.count += births.cast_signed() * 2 - 1;
        self.bytes_max = self.bytes_max.max(self.bytes);
        self.count_max = self.count_max.max(self.count);
    }

    /// What changed after it.
    pub(super) fn then(&mut self, next: &Self) {
        self.operations += next.operations;
        self.allocated_bytes = self.allocated_bytes.wrapping_add(next.allocated_bytes);
        self.reallocated += next.reallocated;
        self.bytes_max = self.bytes_max.max(self.bytes.wrapping_add(next.bytes_max));
        self.count_max = self.count_max.max(self.count.wrapping_add(next.count_max));
        self.bytes = self.bytes.wrapping_add(next.bytes);
        self.count += next.count;
    }

    /// Goes on from what is live, in a bucket.
    fn add_to(&self, point: &mut TimeBucket, live: &mut Live) {
        // Births less deaths are `count`.
        let births = self.operations.wrapping_add_signed(self.count) / 2;
        point.allocated_count += births;
        point.allocated_bytes = point.allocated_bytes.wrapping_add(self.allocated_bytes);
        point.freed_count += self.operations - births;
        let freed_bytes = self.allocated_bytes.wrapping_sub(self.bytes.cast_unsigned());
        point.freed_bytes = point.freed_bytes.wrapping_add(freed_bytes);
        point.reallocated_count += self.reallocated;
        point.live_bytes_max = point.live_bytes_max.max(live.bytes.wrapping_add_signed(self.bytes_max));
        point.live_count_max = point.live_count_max.max(live.count.wrapping_add_signed(self.count_max));
        *live = live.after(self);
        point.live_bytes_end = live.bytes;
        point.live_count_end = live.count;
    }
}

/// The timeline of changes in order of their buckets, of which one may have several.
pub(super) fn timeline(
    grid: Grid,
    mut live: Live,
    changes: impl IntoIterator<Item = (u64, Change)>,
) -> Timeline {
    let mut timeline =
        Timeline { grid, live_bytes_start: live.bytes, live_count_start: live.count, points: Vec::new() };
    for (index, change) in changes {
        if timeline.points.last().is_none_or(|point| point.index != index) {
            timeline.points.push(TimeBucket { index, ..TimeBucket::default() });
        }
        if let Some(point) = timeline.points.last_mut() {
            change.add_to(point, &mut live);
        }
    }
    timeline
}
