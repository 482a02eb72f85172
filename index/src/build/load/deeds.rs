//! Events of blocks as deeds.

use bytehound_format::{AllocBody, AllocationId, HeapEvents, Timestamp};

use super::super::clock::Clock;
use super::super::feed::Fed;
use super::super::rows::{Block, Deed, Moment};
use crate::layout::NONE;

/// Adds a deed for every event.
pub(super) struct Deeds<'a> {
    pub(super) clock: &'a Clock,
    pub(super) end_us: &'a mut u64,
    pub(super) batch: &'a mut Vec<Fed>,
}

impl HeapEvents for Deeds<'_> {
    #[inline]
    fn allocated(&mut self, id: AllocationId, timestamp: Timestamp, allocation: &AllocBody) {
        self.birth(id, timestamp, allocation, Deed::Allocate);
    }

    #[inline]
    fn reallocated(
        &mut self,
        id: AllocationId,
        timestamp: Timestamp,
        old_pointer: u64,
        allocation: &AllocBody,
    ) {
        self.birth(id, timestamp, allocation, |block| Deed::Reallocate(old_pointer, block));
    }

    #[inline]
    fn freed(&mut self, id: AllocationId, timestamp: Timestamp, pointer: u64, backtrace: u64, thread: u32) {
        self.add(id, timestamp, thread, backtrace, Deed::Free(pointer));
    }
}

impl Deeds<'_> {
    /// From here on this marker is in force.
    pub(super) fn mark(&mut self, marker: u32) {
        let (id, at) = (AllocationId::UNTRACKED, Moment::default());
        self.batch.push(Fed { id, deed: Deed::Mark(marker), at, stack: 0 });
    }

    #[inline(always)]
    fn birth(
        &mut self,
        id: AllocationId,
        timestamp: Timestamp,
        body: &AllocBody,
        deed: impl FnOnce(Block) -> Deed,
    ) {
        self.add(id, timestamp, body.thread, body.backtrace, deed(Block::new(body)));
    }

    #[inline(always)]
    fn add(&mut self, id: AllocationId, timestamp: Timestamp, thread: u32, stack: u64, deed: Deed) {
        let time = self.clock.wall_us(timestamp);
        *self.end_us = (*self.end_us).max(time);
        self.batch.push(Fed { id, deed, at: Moment { time, thread, backtrace: NONE }, stack });
    }
}
