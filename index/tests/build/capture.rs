//! Writes small captures, event by event.

use std::borrow::Cow;

use bytehound_format::{
    Addresses, AllocBody, AllocationId, DataId, Event, HeaderBody, Timestamp, U32List, Writer,
};

/// Wall clock of the monotonic clock's zero, in µs.
pub(crate) const EPOCH_US: u64 = 1_700_000_000_000_000;
/// Monotonic time at which captures begin.
pub(crate) const START: u64 = 1_000;

/// A capture in the making. Times are monotonic µs.
pub(crate) struct Capture {
    writer: Writer<Vec<u8>>,
}

impl Capture {
    pub(crate) fn new() -> Self {
        Self::with_header(header())
    }

    pub(crate) fn with_header(header: HeaderBody<'_>) -> Self {
        let mut capture = Self { writer: Writer::new(Vec::new()) };
        capture.event(&Event::Header(header));
        capture
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> &mut Self {
        self.writer.write(event).expect("memory takes everything");
        self
    }

    /// What follows is in another block.
    pub(crate) fn flush(&mut self) -> &mut Self {
        self.writer.flush().expect("memory takes everything");
        self
    }

    pub(crate) fn backtrace(&mut self, id: u64, addresses: &[u64]) -> &mut Self {
        self.event(&Event::Backtrace { id, addresses: Addresses::Words(addresses) })
    }

    pub(crate) fn file(&mut self, path: &str, contents: &[u8]) -> &mut Self {
        self.event(&Event::File64 {
            timestamp: Timestamp(START),
            path: Cow::Borrowed(path),
            contents: Cow::Borrowed(contents),
        })
    }

    pub(crate) fn string(&mut self, id: u32, string: &str) -> &mut Self {
        self.event(&Event::String { id, string: Cow::Borrowed(string) })
    }

    pub(crate) fn decoded_backtrace(&mut self, frames: &[u32]) -> &mut Self {
        self.event(&Event::DecodedBacktrace { frames: U32List::Words(frames) })
    }

    pub(crate) fn alloc(&mut self, id: AllocationId, time: u64, allocation: AllocBody) -> &mut Self {
        self.event(&Event::AllocEx { id, timestamp: Timestamp(time), allocation })
    }

    pub(crate) fn realloc(
        &mut self,
        id: AllocationId,
        time: u64,
        old_pointer: u64,
        allocation: AllocBody,
    ) -> &mut Self {
        self.event(&Event::ReallocEx { id, timestamp: Timestamp(time), old_pointer, allocation })
    }

    pub(crate) fn free(&mut self, id: AllocationId, time: u64, pointer: u64) -> &mut Self {
        let timestamp = Timestamp(time);
        self.event(&Event::FreeEx { id, timestamp, pointer, backtrace: 0, thread: 7 })
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.writer.finish().expect("memory takes everything")
    }
}

pub(crate) fn header() -> HeaderBody<'static> {
    HeaderBody {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(START),
        timestamp: Timestamp(START),
        wall_clock_secs: EPOCH_US / 1_000_000,
        wall_clock_nsecs: START * 1_000,
        pid: 42,
        cmdline: Cow::Borrowed(b"/bin/program\0an argument\0\0"),
        executable: Cow::Borrowed(b"/bin/program"),
        arch: Cow::Borrowed("x86_64"),
        flags: 1,
        pointer_size: 8,
    }
}

pub(crate) fn id(allocation: u64) -> AllocationId {
    AllocationId { thread: 1, allocation }
}

/// A block of `size` bytes at `pointer`, by the stack `backtrace`.
pub(crate) fn block(pointer: u64, size: u64, backtrace: u64) -> AllocBody {
    AllocBody {
        pointer,
        size,
        backtrace,
        thread: 7,
        flags: 0,
        extra_usable_space: 8,
        preceding_free_space: 0,
    }
}
