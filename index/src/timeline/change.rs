//! What operations changed, and how changes in a row become a timeline.

use std::num::Wrapping;
use std::ops::AddAssign;

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
            bytes: self.bytes.wrapping_add_signed(change.bytes.0),
            count: self.count.wrapping_add_signed(change.count.0),
        }
    }
}

/// What some operations changed, seen from before the first of them. Numbers wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<N = i64> {
    pub(super) operations: Wrapping<N>,
    pub(super) allocated_bytes: Wrapping<N>,
    pub(super) reallocated: u64,
    pub(super) bytes: Wrapping<N>,
    pub(super) count: Wrapping<N>,
    pub(super) bytes_max: Wrapping<N>,
    pub(super) count_max: Wrapping<N>,
}

impl<N: Default> Change<N>
where
    Wrapping<N>: AddAssign + Ord + Copy,
{
    /// An operation that changes the live bytes and the live blocks by so much; `operations` is 0, and so is all else, for one
    /// that is not asked for.
    #[inline(always)]
    pub(super) fn add(&mut self, operations: N, bytes: N, count: N) {
        let bytes = Wrapping(bytes);
        self.operations += Wrapping(operations);
        self.allocated_bytes += bytes.max(Wrapping(N::default()));
        self.bytes += bytes;
        self.count += Wrapping(count);
        self.bytes_max = self.bytes_max.max(self.bytes);
        self.count_max = self.count_max.max(self.count);
    }
}

impl Change {
    pub(super) const NOTHING: Self = Self {
        operations: Wrapping(0),
        allocated_bytes: Wrapping(0),
        reallocated: 0,
        bytes: Wrapping(0),
        count: Wrapping(0),
        bytes_max: Wrapping(i64::MIN),
        count_max: Wrapping(i64::MIN),
    };

    /// Whether no operation changed anything.
    pub(super) fn is_nothing(&self) -> bool {
        self.operations.0 == 0
    }

    /// A birth if `births` is 1, a death if it is 0. Which of the two comes next cannot be guessed, so nothing here branches
    /// on it.
    #[inline(always)]
    pub(super) fn operation(&mut self, size: u64, births: u64) {
        let deaths = births.wrapping_sub(1);
        // All bits are set for a death: then this is −size.
        let bytes = (size ^ deaths).wrapping_sub(deaths).cast_signed();
        self.add(1, bytes, births.cast_signed() * 2 - 1);
    }

    /// What changed after it.
    pub(super) fn then(&mut self, next: &Self) {
        self.operations += next.operations;
        self.allocated_bytes += next.allocated_bytes;
        self.reallocated += next.reallocated;
        self.bytes_max = self.bytes_max.max(self.bytes + next.bytes_max);
        self.count_max = self.count_max.max(self.count + next.count_max);
        self.bytes += next.bytes;
        self.count += next.count;
    }

    /// Goes on from what is live, in a bucket.
    fn add_to(&self, point: &mut TimeBucket, live: &mut Live) {
        let [operations, allocated_bytes] =
            [self.operations, self.allocated_bytes].map(|sum| sum.0.cast_unsigned());
        // Births less deaths are `count`.
        let births = operations.wrapping_add_signed(self.count.0) / 2;
        point.allocated_count += births;
        point.allocated_bytes = point.allocated_bytes.wrapping_add(allocated_bytes);
        point.freed_count += operations - births;
        let freed_bytes = allocated_bytes.wrapping_sub(self.bytes.0.cast_unsigned());
        point.freed_bytes = point.freed_bytes.wrapping_add(freed_bytes);
        point.reallocated_count += self.reallocated;
        point.live_bytes_max = point.live_bytes_max.max(live.bytes.wrapping_add_signed(self.bytes_max.0));
        point.live_count_max = point.live_count_max.max(live.count.wrapping_add_signed(self.count_max.0));
        *live = live.after(self);
        point.live_bytes_end = live.bytes;
        point.live_count_end = live.count;
    }
}

impl From<Change<i32>> for Change {
    fn from(narrow: Change<i32>) -> Self {
        let wide = |number: Wrapping<i32>| Wrapping(number.0.into());
        Self {
            operations: wide(narrow.operations),
            allocated_bytes: wide(narrow.allocated_bytes),
            reallocated: narrow.reallocated,
            bytes: wide(narrow.bytes),
            count: wide(narrow.count),
            bytes_max: wide(narrow.bytes_max),
            count_max: wide(narrow.count_max),
        }
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
