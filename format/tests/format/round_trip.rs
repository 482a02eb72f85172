//! What is encoded decodes to the same, for all events and any values.

use std::borrow::Cow;

use bytehound_format::{
    Addresses, AllocBody, AllocationId, DataId, EndCause, Ending, Event, EventKind, FramesInvalidated,
    HeaderBody, Outcome, Reader, RegionSource, RegionTargetedSource, SliceOutput, Timestamp, U32List, Writer,
    decode,
};
use proptest::prelude::*;

/// Values from which an event of any kind is made.
#[derive(Clone, Debug)]
struct Values {
    numbers: [u64; 10],
    text: String,
    bytes: Vec<u8>,
    words: Vec<u64>,
    frames: Vec<u32>,
}

/// Numbers of every magnitude, so that variable lengths take all their forms.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
}

fn values() -> impl Strategy<Value = Values> {
    let numbers = prop::array::uniform10(number());
    let words = prop::collection::vec(number(), 0..40);
    let frames = prop::collection::vec(any::<u32>(), 0..40);
    (numbers, ".{0,40}", any::<Vec<u8>>(), words, frames)
        .prop_map(|(numbers, text, bytes, words, frames)| Values { numbers, text, bytes, words, frames })
}

impl Values {
    fn timestamp(&self) -> Timestamp {
        Timestamp(self.numbers[0])
    }

    fn thread(&self) -> u32 {
        self.numbers[1] as u32
    }

    fn id(&self) -> AllocationId {
        AllocationId { thread: self.numbers[2], allocation: self.numbers[3] }
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn addresses(&self) -> Addresses<'_> {
        Addresses::Words(&self.words)
    }

    fn invalidated(&self) -> FramesInvalidated {
        match self.numbers[4] as u32 {
            u32::MAX => FramesInvalidated::All,
            count if count % 2 == 0 => FramesInvalidated::Some(count),
            _ => FramesInvalidated::All,
        }
    }

    fn header(&self) -> Event<'_> {
        let [a, b, secs, nsecs, flags, rest @ ..] = self.numbers;
        Event::Header(HeaderBody {
            id: DataId { a, b },
            initial_timestamp: self.timestamp(),
            timestamp: Timestamp(rest[0]),
            wall_clock_secs: secs,
            wall_clock_nsecs: nsecs,
            pid: self.thread(),
            cmdline: self.bytes(),
            executable: Cow::Borrowed(self.text.as_bytes()),
            arch: self.text(),
            flags,
            pointer_size: rest[1] as u8,
        })
    }

    fn allocation(&self) -> AllocBody {
        let [.., pointer, size, backtrace, flags, extra, preceding] = self.numbers;
        AllocBody {
            pointer,
            size,
            backtrace,
            thread: self.thread(),
            flags: flags as u32,
            extra_usable_space: extra as u32,
            preceding_free_space: preceding,
        }
    }

    fn source(&self) -> RegionSource {
        RegionSource { timestamp: self.timestamp(), backtrace: self.numbers[5], thread: self.thread() }
    }

    fn sources(&self) -> Vec<RegionTargetedSource> {
        let source =
            |&address: &u64| RegionTargetedSource { address, length: self.numbers[6], source: self.source() };
        self.words.iter().map(source).collect()
    }

    fn event(&self, kind: EventKind) -> Event<'_> {
        let timestamp = self.timestamp();
        let thread = self.thread();
        let [_, _, a, b, c, d, e, f, g, h] = self.numbers;
        let [a32, b32, c32, d32, e32, f32] = [a, b, c, d, e, f].map(|number| number as u32);
        match kind {
            EventKind::Header => self.header(),
            EventKind::Alloc => Event::Alloc { timestamp, allocation: self.allocation() },
            EventKind::Realloc => Event::Realloc { timestamp, old_pointer: a, allocation: self.allocation() },
            EventKind::Free => Event::Free { timestamp, pointer: a, backtrace: b, thread },
            EventKind::File => Event::File { timestamp, path: self.text(), contents: self.bytes() },
            EventKind::Backtrace => Event::Backtrace { id: a, addresses: self.addresses() },
            EventKind::MemoryDump => Event::MemoryDump { address: a, length: b, data: self.bytes() },
            EventKind::Marker => Event::Marker { value: a32 },
            EventKind::MemoryMap => Event::MemoryMap {
                timestamp,
                pointer: a,
                length: b,
                backtrace: c,
                requested_address: d,
                mmap_protection: a32,
                mmap_flags: b32,
                file_descriptor: c32,
                thread,
                offset: e,
            },
            EventKind::MemoryUnmap => {
                Event::MemoryUnmap { timestamp, pointer: a, length: b, backtrace: c, thread }
            }
            EventKind::Mallopt => Event::Mallopt {
                timestamp,
                backtrace: a,
                thread,
                param: b32 as i32,
                value: c32 as i32,
                result: d32 as i32,
            },
            EventKind::Environ => Event::Environ { entry: self.bytes() },
            EventKind::WallClock => Event::WallClock { timestamp, sec: a, nsec: b },
            EventKind::PartialBacktrace => Event::PartialBacktrace {
                id: a,
                thread,
                frames_invalidated: self.invalidated(),
                addresses: self.addresses(),
            },
            EventKind::String => Event::String { id: a32, string: self.text() },
            EventKind::DecodedFrame => Event::DecodedFrame {
                address: a,
                library: a32,
                raw_function: b32,
                function: c32,
                source: d32,
                line: e32,
                column: f32,
                is_inline: g % 2 == 1,
            },
            EventKind::DecodedBacktrace => Event::DecodedBacktrace { frames: U32List::Words(&self.frames) },
            EventKind::GroupStatistics => Event::GroupStatistics {
                backtrace: a,
                first_allocation: Timestamp(b),
                last_allocation: Timestamp(c),
                free_count: d,
                free_size: e,
                min_size: f,
                max_size: g,
            },
            EventKind::PartialBacktrace32 => Event::PartialBacktrace32 {
                id: a,
                thread,
                frames_invalidated: self.invalidated(),
                addresses: Addresses::Words(&[]),
            },
            EventKind::Backtrace32 => {
                Event::Backtrace32 { id: a, addresses: Addresses::Words(&[0xffff_ffff, 7]) }
            }
            EventKind::AllocEx => Event::AllocEx { id: self.id(), timestamp, allocation: self.allocation() },
            EventKind::ReallocEx => {
                Event::ReallocEx { id: self.id(), timestamp, old_pointer: e, allocation: self.allocation() }
            }
            EventKind::FreeEx => Event::FreeEx { id: self.id(), timestamp, pointer: c, backtrace: d, thread },
            EventKind::File64 => Event::File64 { timestamp, path: self.text(), contents: self.bytes() },
            EventKind::AddRegion => Event::AddRegion {
                timestamp,
                map_id: a,
                address: b,
                length: c,
                file_offset: d,
                inode: e,
                major: f32,
                minor: a32,
                flags: b32,
                name: self.text(),
            },
            EventKind::RemoveRegion => {
                Event::RemoveRegion { timestamp, map_id: a, address: b, length: c, sources: self.sources() }
            }
            EventKind::UpdateRegionUsage => Event::UpdateRegionUsage {
                timestamp,
                map_id: a,
                address: b,
                length: c,
                anonymous: d,
                shared_clean: e,
                shared_dirty: f,
                private_clean: g,
                private_dirty: h,
                swap: a ^ b,
            },
            EventKind::MemoryMapEx => Event::MemoryMapEx {
                map_id: a,
                address: b,
                requested_address: c,
                requested_length: d,
                mmap_protection: a32,
                mmap_flags: b32,
                file_descriptor: c32,
                offset: e,
                source: self.source(),
            },
            EventKind::ThreadName => Event::ThreadName { timestamp, thread, name: self.text() },
            EventKind::Module => Event::Module {
                timestamp,
                generation: a32,
                address: b,
                length: c,
                load_bias: d,
                build_id: self.bytes(),
                path: self.text(),
            },
            EventKind::Setting => Event::Setting { key: self.text(), value: self.text() },
            EventKind::Label => Event::Label { key: self.text(), value: self.text() },
            EventKind::Warning => Event::Warning { message: self.text() },
            EventKind::Dropped => Event::Dropped { events: a },
            EventKind::End => Event::End { timestamp, cause: EndCause::Killed { signal: b32 as i32 } },
        }
    }
}

fn plain_values() -> Values {
    let numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    Values { numbers, text: String::new(), bytes: Vec::new(), words: Vec::new(), frames: Vec::new() }
}

proptest! {
    // Every case makes all events.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_event_decodes_to_what_was_encoded(values in values()) {
        for kind in EventKind::ALL {
            let event = values.event(kind);
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            prop_assert_eq!(event.encoded_len(), bytes.len());
            let tag = if kind.is_in_0_11() { kind.tag() } else { EventKind::File64.tag() };
            prop_assert_eq!(&bytes[..4], &tag.to_le_bytes());
            let used = bytes.len();
            bytes.extend([0xaa; 3]);
            prop_assert_eq!(decode(&bytes, u64::MAX), Outcome::Event { event, used });
        }
    }

    #[test]
    fn a_part_of_an_event_asks_for_more_but_never_for_too_much(values in values()) {
        for kind in EventKind::ALL {
            let mut bytes = Vec::new();
            values.event(kind).encode(&mut bytes);
            for len in 0..bytes.len() {
                match decode(&bytes[..len], u64::MAX) {
                    Outcome::Incomplete { needed } => prop_assert!(needed > len && needed <= bytes.len()),
                    other => prop_assert!(false, "{len} of {} bytes gave {other:?}", bytes.len()),
                }
            }
        }
    }

    #[test]
    fn memory_that_is_too_small_is_reported_and_exact_memory_is_enough(values in values()) {
        for kind in EventKind::ALL {
            let event = values.event(kind);
            let mut memory = vec![0; event.encoded_len()];
            let mut out = SliceOutput::new(&mut memory);
            event.encode(&mut out);
            prop_assert_eq!(out.finish().map(<[u8]>::len), Some(event.encoded_len()));
            let mut out = SliceOutput::new(&mut memory[1..]);
            event.encode(&mut out);
            prop_assert!(out.overflowed());
            prop_assert_eq!(out.finish(), None);
        }
    }

    #[test]
    fn a_written_file_reads_back_as_the_same_events(all in prop::collection::vec(values(), 1..20)) {
        let events: Vec<_> =
            all.iter().flat_map(|values| EventKind::ALL.map(|kind| values.event(kind))).collect();
        let mut writer = Writer::new(Vec::new());
        for (index, event) in events.iter().enumerate() {
            writer.write(event)?;
            if index % 17 == 0 {
                writer.flush()?;
            }
        }
        let file = writer.finish()?;
        let mut reader = Reader::new(&file[..]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(Event::Header(reader.header().clone()), events[0].clone());
        for event in &events[1..] {
            prop_assert_eq!(reader.next_event()?, Some(event.clone()));
        }
        prop_assert_eq!(reader.next_event()?, None);
        prop_assert_eq!(reader.ending(), Some(&Ending::Clean));
    }
}

#[test]
fn the_frequent_events_have_direct_encoders_with_the_same_bytes() {
    use bytehound_format::{encode_alloc_ex, encode_free_ex, encode_realloc_ex};
    let values = plain_values();
    let (mut alloc, mut realloc, mut free) = ([0; 72], [0; 80], [0; 48]);
    let (id, timestamp, allocation) = (values.id(), values.timestamp(), values.allocation());
    encode_alloc_ex(&mut alloc, id, timestamp, &allocation);
    encode_realloc_ex(&mut realloc, id, timestamp, 7, &allocation);
    encode_free_ex(&mut free, id, timestamp, 5, 6, 2);
    check(EventKind::AllocEx, &alloc);
    check(EventKind::ReallocEx, &realloc);
    check(EventKind::FreeEx, &free);

    fn check(kind: EventKind, bytes: &[u8]) {
        let mut expected = Vec::new();
        plain_values().event(kind).encode(&mut expected);
        assert_eq!(bytes, expected, "{kind}");
    }
}

#[test]
fn narrow_addresses_are_widened_and_wide_ones_cut_to_what_the_event_holds() {
    let mut bytes = Vec::new();
    Event::Backtrace32 { id: 1, addresses: Addresses::Words(&[0x1_0000_0002]) }.encode(&mut bytes);
    let Outcome::Event { event: Event::Backtrace32 { addresses, .. }, .. } = decode(&bytes, 0) else {
        panic!("no backtrace in {bytes:?}");
    };
    assert_eq!(addresses.iter().collect::<Vec<_>>(), [2]);
    let mut wide = Vec::new();
    Event::Backtrace { id: 1, addresses }.encode(&mut wide);
    assert_eq!(wide[12..], [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
}
