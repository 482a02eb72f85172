//! Events and files that several tests use.

use std::borrow::Cow;

use bytehound_format::{
    Addresses, AllocBody, AllocationId, DataId, Event, HeaderBody, Reader, Timestamp, Writer,
};

pub(crate) fn header() -> Event<'static> {
    Event::Header(HeaderBody {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(10),
        timestamp: Timestamp(11),
        wall_clock_secs: 1_700_000_000,
        wall_clock_nsecs: 5,
        pid: 77,
        cmdline: Cow::Borrowed(b"prog\0--flag\0"),
        executable: Cow::Borrowed(b"/usr/bin/prog"),
        arch: Cow::Borrowed("x86_64"),
        flags: 1,
        pointer_size: 8,
    })
}

pub(crate) fn alloc(number: u64) -> Event<'static> {
    Event::AllocEx {
        id: AllocationId { thread: 1, allocation: number },
        timestamp: Timestamp(100 + number),
        allocation: AllocBody {
            pointer: 0x1000 + number * 64,
            size: 40,
            backtrace: 1,
            thread: 77,
            flags: 0,
            extra_usable_space: 8,
            preceding_free_space: 0,
        },
    }
}

pub(crate) fn backtrace() -> Event<'static> {
    Event::Backtrace { id: 1, addresses: Addresses::Words(&[0x10, 0x20, 0x30]) }
}

pub(crate) fn file(contents: Vec<u8>) -> Event<'static> {
    Event::File64 {
        timestamp: Timestamp(12),
        path: Cow::Borrowed("/bin/prog"),
        contents: Cow::Owned(contents),
    }
}

pub(crate) fn encoded(events: &[Event<'_>]) -> Vec<u8> {
    let mut stream = Vec::new();
    events.iter().for_each(|event| event.encode(&mut stream));
    stream
}

/// A file of LZ4 blocks.
pub(crate) fn written(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap()
}

/// A stored block.
pub(crate) fn stored(payload: &[u8]) -> Vec<u8> {
    let mut block = vec![2];
    block.extend((payload.len() as u32).to_le_bytes());
    block.extend(payload);
    block
}

/// The events after the header, each as its bytes.
pub(crate) fn rest_of<R: std::io::Read>(reader: &mut Reader<R>) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        events.push(encoded(&[event]));
    }
    events
}
