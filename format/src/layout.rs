//! The table of the format: every event's fields in order, each with its encoding (see `field.rs`). Encoder and
//! decoder are both made from it, so they cannot disagree.

use crate::cursor::{Cursor, Stop};
use crate::event::Event;
use crate::field::{
    Field, addresses, addresses32, bytes, contents, contents64, frames, plain, sources, text, text_varlen,
    varint,
};
use crate::kind::EventKind;
use crate::output::Output;

macro_rules! layout {
    ($($kind:ident { $($field:ident: $codec:ident),* $(,)? })*) => {
        /// Which event this is.
        #[inline]
        pub(crate) fn kind(event: &Event<'_>) -> EventKind {
            match event {
                Event::Header(_) => EventKind::Header,
                $(Event::$kind { .. } => EventKind::$kind,)*
            }
        }

        /// Writes the fields of an event, without its tag.
        #[inline]
        pub(crate) fn put_fields(event: &Event<'_>, out: &mut impl Output) {
            match event {
                Event::Header(body) => body.put(out),
                $(Event::$kind { $($field),* } => { $($codec::put($field, out);)* })*
            }
        }

        /// Reads the fields of an event, without its tag.
        #[inline(always)]
        pub(crate) fn take_fields<'a>(kind: EventKind, cursor: &mut Cursor<'a>) -> Result<Event<'a>, Stop> {
            Ok(match kind {
                EventKind::Header => Event::Header(plain::take(cursor)?),
                $(EventKind::$kind => Event::$kind { $($field: $codec::take(cursor)?),* },)*
            })
        }
    };
}

layout! {
    Alloc { timestamp: plain, allocation: plain }
    Realloc { timestamp: plain, old_pointer: plain, allocation: plain }
    Free { timestamp: plain, pointer: plain, backtrace: plain, thread: plain }
    File { timestamp: plain, path: text, contents: contents }
    Backtrace { id: plain, addresses: addresses }
    MemoryDump { address: plain, length: plain, data: contents }
    Marker { value: plain }
    MemoryMap {
        timestamp: plain, pointer: plain, length: plain, backtrace: plain, requested_address: plain,
        mmap_protection: plain, mmap_flags: plain, file_descriptor: plain, thread: plain, offset: plain,
    }
    MemoryUnmap { timestamp: plain, pointer: plain, length: plain, backtrace: plain, thread: plain }
    Mallopt { timestamp: plain, backtrace: plain, thread: plain, param: plain, value: plain, result: plain }
    Environ { entry: bytes }
    WallClock { timestamp: plain, sec: plain, nsec: plain }
    PartialBacktrace { id: plain, thread: plain, frames_invalidated: plain, addresses: addresses }
    String { id: plain, string: text }
    DecodedFrame {
        address: plain, library: plain, raw_function: plain, function: plain, source: plain, line: plain,
        column: plain, is_inline: plain,
    }
    DecodedBacktrace { frames: frames }
    GroupStatistics {
        backtrace: plain, first_allocation: plain, last_allocation: plain, free_count: plain, free_size: plain,
        min_size: plain, max_size: plain,
    }
    PartialBacktrace32 { id: plain, thread: plain, frames_invalidated: plain, addresses: addresses32 }
    Backtrace32 { id: plain, addresses: addresses32 }
    AllocEx { id: plain, timestamp: plain, allocation: plain }
    ReallocEx { id: plain, timestamp: plain, old_pointer: plain, allocation: plain }
    FreeEx { id: plain, timestamp: plain, pointer: plain, backtrace: plain, thread: plain }
    File64 { timestamp: plain, path: text, contents: contents64 }
    AddRegion {
        timestamp: plain, map_id: varint, address: plain, length: varint, file_offset: varint, inode: varint,
        major: plain, minor: plain, flags: plain, name: text_varlen,
    }
    RemoveRegion { timestamp: plain, map_id: varint, address: plain, length: varint, sources: sources }
    UpdateRegionUsage {
        timestamp: plain, map_id: varint, address: plain, length: varint, anonymous: varint, shared_clean: varint,
        shared_dirty: varint, private_clean: varint, private_dirty: varint, swap: varint,
    }
    MemoryMapEx {
        map_id: varint, address: plain, requested_address: varint, requested_length: varint,
        mmap_protection: plain, mmap_flags: plain, file_descriptor: plain, offset: varint, source: plain,
    }
    ThreadName { timestamp: plain, thread: plain, name: text }
    Module {
        timestamp: plain, generation: plain, address: plain, length: varint, load_bias: plain, build_id: bytes,
        path: text,
    }
    Setting { key: text, value: text }
    Label { key: text, value: text }
    Warning { message: text }
    Dropped { events: plain }
    End { timestamp: plain, cause: plain }
}
