//! The events that make up nearly all of a capture, told without the detour of an [`Event`](crate::Event).

use crate::event::{AllocBody, AllocationId, Timestamp};

/// Who is told what happens to blocks. The arguments are the fields of the events.
pub trait HeapEvents {
    /// [`Event::AllocEx`](crate::Event::AllocEx)
    fn allocated(&mut self, id: AllocationId, timestamp: Timestamp, allocation: &AllocBody);

    /// [`Event::ReallocEx`](crate::Event::ReallocEx)
    fn reallocated(
        &mut self,
        id: AllocationId,
        timestamp: Timestamp,
        old_pointer: u64,
        allocation: &AllocBody,
    );

    /// [`Event::FreeEx`](crate::Event::FreeEx)
    fn freed(&mut self, id: AllocationId, timestamp: Timestamp, pointer: u64, backtrace: u64, thread: u32);
}
