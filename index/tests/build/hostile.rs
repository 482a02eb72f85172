//! Events that no program makes: they are indexed or left out, and never a panic.

use std::borrow::Cow;

use bytehound_format::{
    Addresses, AllocBody, AllocationId, Event, FramesInvalidated, HeaderBody, RegionSource, Timestamp,
    U32List,
};
use proptest::prelude::*;

use crate::built::Built;
use crate::capture::{Capture, header};

/// The ends of what fits, and a few numbers that meet each other.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..6, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1), 1 => Just(1 << 48), 1 => any::<u64>()]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0_u32..6, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

/// What an event is made of.
type Parts = (u8, [u64; 6], [u32; 4], Vec<u64>);

fn parts() -> impl Strategy<Value = Parts> {
    let numbers = prop::array::uniform6(number());
    (0_u8..16, numbers, prop::array::uniform4(small()), prop::collection::vec(number(), 0..6))
}

fn write(capture: &mut Capture, (kind, [a, b, c, d, e, f], [w, x, y, z], list): &Parts) {
    let (id, timestamp) = (AllocationId { thread: *a, allocation: *b }, Timestamp(*c));
    let allocation = AllocBody {
        pointer: *d,
        size: *e,
        backtrace: *f,
        thread: *w,
        flags: *x,
        extra_usable_space: *y,
        preceding_free_space: 0,
    };
    let source = RegionSource { timestamp, backtrace: *f, thread: *w };
    let addresses = Addresses::Words(list);
    let words: Vec<u32> = list.iter().map(|&word| word as u32).collect();
    let contents: Cow<'_, [u8]> = Cow::Owned(list.iter().flat_map(|word| word.to_le_bytes()).collect());
    let frames_invalidated = if *w == 0 { FramesInvalidated::All } else { FramesInvalidated::Some(*w) };
    capture.event(&match kind {
        0 => Event::AllocEx { id, timestamp, allocation },
        1 => Event::Alloc { timestamp, allocation },
        2 => Event::ReallocEx { id, timestamp, old_pointer: *a, allocation },
        3 => Event::Realloc { timestamp, old_pointer: *a, allocation },
        4 => Event::FreeEx { id, timestamp, pointer: *d, backtrace: *f, thread: *w },
        5 => Event::Free { timestamp, pointer: *d, backtrace: *f, thread: *w },
        6 => Event::Backtrace { id: *f, addresses },
        7 => Event::PartialBacktrace { id: *f, thread: *x, frames_invalidated, addresses },
        8 => Event::String { id: *w, string: Cow::Borrowed("a string") },
        9 => Event::DecodedFrame {
            address: *a,
            library: *w,
            raw_function: *x,
            function: *y,
            source: *z,
            line: *w,
            column: *x,
            is_inline: y % 2 == 0,
        },
        10 => Event::DecodedBacktrace { frames: U32List::Words(&words) },
        11 => Event::GroupStatistics {
            backtrace: *f,
            first_allocation: Timestamp(*b),
            last_allocation: timestamp,
            free_count: *a,
            free_size: *d,
            min_size: *e,
            max_size: *b,
        },
        12 => Event::WallClock { timestamp, sec: *a, nsec: *b },
        13 => Event::RemoveRegion { timestamp, map_id: *a, address: *b, length: *d, sources: Vec::new() },
        14 => Event::File64 { timestamp, path: Cow::Borrowed("bytehound/labels"), contents },
        _ => Event::MemoryMapEx {
            map_id: *a,
            address: *b,
            requested_address: *d,
            requested_length: *e,
            mmap_protection: *w,
            mmap_flags: *x,
            file_descriptor: *y,
            offset: *f,
            source,
        },
    });
}

proptest! {
    // Every case writes a store to the disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_events_make_an_index_whose_sums_agree(events in prop::collection::vec(parts(), 0..150)) {
        let mut capture = Capture::new();
        capture.file("/proc/self/maps", b"0-3 r-xp 0 0:1 5 /usr/lib/libbytehound.so\n3-5 r-xp 0 0:1 6 /bin/program\n");
        events.iter().for_each(|parts| write(&mut capture, parts));
        let built = Built::of(&capture.finish());
        let (manifest, summaries) = (&built.manifest, &built.summaries);
        prop_assert_eq!(built.rows().len() as u64, manifest.allocations);
        prop_assert_eq!(summaries.iter().map(|summary| summary.rows).sum::<u64>(), manifest.allocations);
        prop_assert_eq!(summaries.iter().map(|summary| summary.peak_bytes).sum::<u64>(), manifest.peak_bytes);
        prop_assert_eq!(manifest.allocated_bytes - manifest.freed_bytes, manifest.leaked_bytes);
        prop_assert!(manifest.end_us >= manifest.start_us);
        prop_assert!(built.rows().iter().all(|row| row.birth <= row.death));
    }
}

#[test]
fn the_longest_texts_still_fit_into_the_catalogue() {
    let bytes = vec![0xff; 20_000];
    let mut capture = Capture::with_header(HeaderBody {
        executable: Cow::Borrowed(&bytes),
        cmdline: Cow::Borrowed(&bytes),
        arch: "\u{ffff}".repeat(10_000).into(),
        ..header()
    });
    let labels: String = (0..200).map(|n| format!("{n}={}\n", "\u{ffff}".repeat(84))).collect();
    capture.file("bytehound/labels", labels.as_bytes());
    for n in 0..50 {
        capture.file(&format!("{n}{}", "\u{ffff}".repeat(1_000)), b"\x7fELF");
    }
    let built = Built::of(&capture.finish());
    assert!(built.manifest.labels.len() > 10 && built.manifest.defects.len() > 5);
}
