//! What is converted to version 2 is there: the same events, in the same order.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use bytehound_format::v2::{self, batch::Node};
use bytehound_format::{
    Addresses, AllocBody, AllocationId, Container, EndCause, Ending, Event, HeaderBody, Reader, RegionSource,
    RegionTargetedSource, Timestamp, Writer, convert,
};
use proptest::prelude::*;

use crate::sample;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden");

/// The events of a capture, each as a text. Backtraces stand where they are referred to, not where they are told.
pub(super) fn told(bytes: &[u8]) -> (Vec<String>, Ending) {
    let mut reader = Reader::new(bytes).unwrap();
    let mut lines = vec![format!("{:?}", reader.header())];
    let mut stacks: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut is_decoded = false;
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Backtrace { id, addresses } => {
                stacks.insert(id, addresses.iter().collect());
                continue;
            }
            Event::DecodedBacktrace { .. } => is_decoded = true,
            _ => {}
        }
        let ids = backtraces(&event);
        let frames: Vec<_> = ids.iter().map(|id| stacks.get(id).filter(|_| !is_decoded)).collect();
        let mut event = event;
        if !is_decoded {
            without_backtraces(&mut event);
        }
        lines.push(format!("{event:?} {frames:x?}"));
    }
    (lines, reader.ending().unwrap().clone())
}

fn backtraces(event: &Event<'_>) -> Vec<u64> {
    match event {
        Event::AllocEx { allocation, .. } | Event::ReallocEx { allocation, .. } => vec![allocation.backtrace],
        Event::FreeEx { backtrace, .. }
        | Event::Mallopt { backtrace, .. }
        | Event::GroupStatistics { backtrace, .. } => vec![*backtrace],
        Event::MemoryMapEx { source, .. } => vec![source.backtrace],
        Event::RemoveRegion { sources, .. } => sources.iter().map(|part| part.source.backtrace).collect(),
        _ => Vec::new(),
    }
}

fn without_backtraces(event: &mut Event<'_>) {
    match event {
        Event::AllocEx { allocation, .. } | Event::ReallocEx { allocation, .. } => allocation.backtrace = 0,
        Event::FreeEx { backtrace, .. }
        | Event::Mallopt { backtrace, .. }
        | Event::GroupStatistics { backtrace, .. } => *backtrace = 0,
        Event::MemoryMapEx { source, .. } => source.backtrace = 0,
        Event::RemoveRegion { sources, .. } => sources.iter_mut().for_each(|part| part.source.backtrace = 0),
        _ => {}
    }
}

fn converted(bytes: &[u8], container: Container) -> Vec<u8> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut progress = 0;
    let out = convert(&mut reader, container, Vec::new(), |bytes| progress = bytes).unwrap();
    assert_eq!(progress, bytes.len() as u64);
    out
}

fn golden_captures() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(GOLDEN).unwrap().map(|entry| entry.unwrap().path());
    let captures = files.filter(|path| path.extension().is_some_and(|extension| extension == "dat"));
    captures.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn golden_captures_are_the_same_in_version_2_and_back() {
    let captures = golden_captures();
    assert!(captures.len() >= 11);
    // The largest one would take long in a test without optimisation, and has nothing that the others lack.
    for (name, bytes) in captures.into_iter().filter(|(_, bytes)| bytes.len() < 1 << 20) {
        let (lines, _) = told(&bytes);
        let version2 = converted(&bytes, Container::V2);
        assert_eq!(told(&version2), (lines.clone(), Ending::Clean), "{name}");
        let back = converted(&version2, Container::V0_11);
        assert_eq!(told(&back).0, lines, "{name}");
        assert_eq!(told(&converted(&back, Container::V2)).0, lines, "{name}");
    }
}

fn allocation(number: u64, thread: u32) -> AllocBody {
    AllocBody {
        pointer: 0x1000 + number * 16,
        size: number,
        backtrace: 1 + number % 3,
        thread,
        flags: [0, 1, 7, 0x4000_0001, 0x8000_0000, 0x8000_0008][number as usize % 6],
        extra_usable_space: (number % 30) as u32,
        preceding_free_space: u64::from(number % 50 == 49),
    }
}

/// An event of some kind that our library writes.
fn event(kind: u8, number: u64, thread: u32, time: u64) -> Event<'static> {
    let timestamp = Timestamp(time);
    let id = match number % 20 {
        18 => AllocationId { thread: 1, allocation: number },
        19 => AllocationId::INVALID,
        _ => AllocationId::UNTRACKED,
    };
    let source = RegionSource { timestamp, backtrace: 2, thread };
    match kind {
        0 | 1 => Event::AllocEx { id, timestamp, allocation: allocation(number, thread) },
        2 | 3 => Event::FreeEx { id, timestamp, pointer: number * 16, backtrace: number % 4, thread },
        4 => Event::ReallocEx {
            id,
            timestamp,
            old_pointer: 0x1000 + number / 2 * 32,
            allocation: allocation(number, thread),
        },
        5 => Event::Marker { value: number as u32 },
        6 => Event::Mallopt { timestamp, backtrace: 3, thread, param: 1, value: 2, result: 3 },
        7 => Event::RemoveRegion {
            timestamp,
            map_id: number,
            address: 1,
            length: 2,
            sources: vec![RegionTargetedSource { address: 1, length: 2, source }; number as usize % 3],
        },
        8 => Event::ThreadName { timestamp, thread, name: "worker".into() },
        9 => Event::Warning { message: "careful".into() },
        _ => Event::File64 {
            timestamp,
            path: "/x".into(),
            contents: vec![number as u8; number as usize % 100].into(),
        },
    }
}

fn header() -> HeaderBody<'static> {
    match sample::header() {
        Event::Header(header) => header,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn any_events_come_back_from_version_2_in_their_order(
        events in prop::collection::vec((0_u8..11, any::<u16>(), 0_u32..4, 0_u64..40), 0..300),
        strange in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..4),
    ) {
        let mut now = 10;
        let mut times: Vec<u64> = events.iter().map(|(.., step)| { now += step / 30; now }).collect();
        for (index, time) in strange {
            let at = index.index(times.len().max(1));
            times.iter_mut().skip(at).take(1).for_each(|slot| *slot = time);
        }
        let stacks = [[1, 2, 3], [4, 2, 3], [5, 6, 3]];
        let stacks = stacks.iter().zip(1..).map(|(addresses, id)| Event::Backtrace { id, addresses: Addresses::Words(addresses) });
        let events: Vec<_> = stacks
            .chain(events.iter().zip(&times).map(|(&(kind, number, thread, _), &time)| event(kind, number.into(), thread, time)))
            .chain([Event::End { timestamp: Timestamp(now), cause: EndCause::Exec }])
            .collect();
        let mut old = Writer::new(Vec::new());
        let mut new = v2::Writer::new(Vec::new(), &header()).unwrap();
        old.write(&sample::header()).unwrap();
        for event in &events {
            old.write(event).unwrap();
            new.write(event).unwrap();
        }
        let (old, new) = (old.finish().unwrap(), new.finish().unwrap());
        let expected = told(&old);
        prop_assert_eq!(&expected.1, &Ending::Clean);
        prop_assert_eq!(told(&new), expected);
    }
}

#[test]
fn a_long_capture_is_spread_over_many_blocks_with_marks() {
    let mut old = Writer::new(Vec::new());
    old.write(&sample::header()).unwrap();
    for id in 1..4 {
        old.write(&Event::Backtrace { id, addresses: Addresses::Words(&[id, 7, 8]) }).unwrap();
    }
    for number in 0..200_000 {
        old.write(&event((number % 4) as u8, number * 20, (number % 5) as u32, 10 + number / 10)).unwrap();
    }
    old.write(&sample::file(vec![7; 5 << 20])).unwrap();
    let old = old.finish().unwrap();
    let new = converted(&old, Container::V2);
    assert!(new.len() * 4 < 200_000 * 60, "{} bytes", new.len());
    assert!(told(&new) == told(&old), "the events are others");
}

#[test]
fn a_stack_that_nothing_tells_of_is_the_unknown_one() {
    let mut writer = v2::Writer::new(Vec::new(), &header()).unwrap();
    writer.write(&event(0, 0, 1, 20)).unwrap();
    let bytes = writer.finish().unwrap();
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let unknown = u64::from(Node::UNKNOWN.0);
    let empty = Event::Backtrace { id: unknown, addresses: Addresses::Words(&[]) };
    assert_eq!(reader.next_event().unwrap(), Some(empty));
    let Some(Event::AllocEx { allocation, .. }) = reader.next_event().unwrap() else {
        panic!("no allocation")
    };
    assert_eq!(allocation.backtrace, unknown);
    assert_eq!(reader.next_event().unwrap(), None);
    assert!(matches!(reader.ending(), Some(Ending::Partial(losses)) if losses.unfinished));
}
