//! The events of all threads in one order.

use bytehound_format::v2::batch::{Birth, Event as Said, Node};
use bytehound_format::v2::{BlockFlags, BlockKind, Caller};
use bytehound_format::{Ending, Event, Reader, ReaderOptions, Timestamp};
use proptest::prelude::*;

use super::capture::{BOOTED, Capture, alloc, free, read, thread};

const LABEL: &str = r#"Label { key: "branch", value: "main" }"#;
const EXIT: &str = "End { timestamp: Timestamp(5010), cause: Exit { status: 3 } }";

#[test]
fn batches_are_merged_by_tick_and_stacks_come_before_their_first_use() {
    let mut capture = Capture::new();
    let (mut one, mut other) = (thread(11), thread(12));
    capture.stacks(2, &[(Caller::None { generation: 0 }, 0x10), (Caller::Node(Node(2)), 0x20)]);
    capture.batch(0, &mut one, &[(1_000, alloc(0xa0, 3)), (3_000, free(0xa0)), (6_000, alloc(0xa0, 2))]);
    capture.batch(1, &mut other, &[(2_000, alloc(0xb0, 3)), (4_000, free(0xb0))]);
    capture.mark(5_000);
    capture.batch(1, &mut other, &[(5_500, alloc(0xc0, 3))]);
    capture.mark(10_000);
    capture.end(10_000);
    let (lines, ending) = read(&capture.bytes);
    let expected = [
        LABEL,
        "stack 3 = [32, 16]",
        "5001 11 alloc 0xa0 stack 3",
        "5002 12 alloc 0xb0 stack 3",
        "5003 11 free 0xa0 stack 0",
        "5004 12 free 0xb0 stack 0",
        "5005 12 alloc 0xc0 stack 3",
        "stack 2 = [16]",
        "5006 11 alloc 0xa0 stack 2",
        EXIT,
    ];
    assert_eq!(lines, expected);
    assert_eq!(ending, Ending::Clean);
}

#[test]
fn a_rare_event_stands_at_its_tick_behind_the_stacks_that_it_needs() {
    let mut capture = Capture::new();
    capture.stacks(2, &[(Caller::None { generation: 0 }, 0x10)]);
    let mallopt = Event::Mallopt {
        timestamp: Timestamp(5002),
        backtrace: 2,
        thread: 9,
        param: -3,
        value: 1,
        result: 1,
    };
    capture.batch(0, &mut thread(11), &[(1_000, alloc(0xa0, 0)), (2_000, free(0xa0))]);
    capture.rare(&[(2_000, mallopt)]);
    capture.mark(10_000);
    capture.end(10_000);
    let (lines, ending) = read(&capture.bytes);
    let expected = [
        LABEL,
        "stack 1 = []",
        "5001 11 alloc 0xa0 stack 1",
        "stack 2 = [16]",
        "Mallopt { timestamp: Timestamp(5002), backtrace: 2, thread: 9, param: -3, value: 1, result: 1 }",
        "5002 11 free 0xa0 stack 0",
        EXIT,
    ];
    assert_eq!(lines, expected);
    assert_eq!(ending, Ending::Clean);
}

#[test]
fn a_move_is_one_event_unless_its_old_address_is_taken_meanwhile() {
    let moved = |pointer| Said::Realloc { old: 0xa0, birth: Birth { pointer, ..Birth::default() } };
    let leave = Said::Leave { pointer: 0xa0 };
    let mut capture = Capture::new();
    let mut one = thread(11);
    capture.batch(0, &mut one, &[(1_000, alloc(0xa0, 1)), (2_000, leave), (3_000, moved(0xb0))]);
    capture.mark(4_000);
    capture.batch(0, &mut one, &[(5_000, alloc(0xa0, 1)), (6_000, leave), (8_000, moved(0xc0))]);
    capture.batch(1, &mut thread(12), &[(7_000, alloc(0xa0, 1))]);
    capture.mark(10_000);
    capture.end(10_000);
    let (lines, _) = read(&capture.bytes);
    let expected = [
        "stack 1 = []",
        "5001 11 alloc 0xa0 stack 1",
        "5003 11 realloc 0xa0 to 0xb0 stack 1",
        "5005 11 alloc 0xa0 stack 1",
        "5007 11 free 0xa0 stack 0",
        "5007 12 alloc 0xa0 stack 1",
        "5008 11 alloc 0xc0 stack 1",
        EXIT,
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn a_move_that_came_to_nothing_changes_nothing() {
    let mut capture = Capture::new();
    capture.batch(0, &mut thread(11), &[(1_000, Said::Leave { pointer: 0xa0 }), (2_000, free(0xa0))]);
    capture.batch(1, &mut thread(12), &[(3_000, alloc(0xa0, 1))]);
    capture.end(10_000);
    let (lines, _) = read(&capture.bytes);
    let expected = ["5002 11 free 0xa0 stack 0", "stack 1 = []", "5003 12 alloc 0xa0 stack 1"];
    assert_eq!(lines[1..4], expected);
}

#[test]
fn an_override_is_the_time_of_the_threads_next_event() {
    let mut capture = Capture::new();
    let said =
        [(1_000, Said::OverrideTime { microseconds: 77 }), (1_500, alloc(0xa0, 1)), (2_000, free(0xa0))];
    capture.batch(0, &mut thread(11), &said);
    capture.end(10_000);
    let (lines, _) = read(&capture.bytes);
    assert_eq!(lines[2..4], ["77 11 alloc 0xa0 stack 1", "5002 11 free 0xa0 stack 0"]);
}

#[test]
fn a_ring_that_passes_to_another_thread_says_so() {
    let mut capture = Capture::new();
    capture.batch(
        0,
        &mut thread(11),
        &[(1_000, free(1)), (2_000, Said::Thread { id: 13 }), (3_000, free(2))],
    );
    capture.end(10_000);
    let (lines, _) = read(&capture.bytes);
    assert_eq!(lines[1..3], ["5001 11 free 0x1 stack 0", "5003 13 free 0x2 stack 0"]);
}

#[test]
fn without_marks_what_is_held_is_limited_and_late_events_are_counted() {
    let mut capture = Capture::new();
    let (mut one, mut other) = (thread(11), thread(12));
    for round in 0..100 {
        capture.batch(0, &mut one, &[(1_000 + round, free(1))]);
    }
    capture.batch(1, &mut other, &[(900, free(2))]);
    capture.end(10_000);
    let options = ReaderOptions { held_len_max: 2_000, ..ReaderOptions::default() };
    let mut reader = Reader::with_options(&capture.bytes[..], options).unwrap();
    let mut frees = 0;
    while let Some(event) = reader.next_event().unwrap() {
        frees += u64::from(matches!(event, Event::FreeEx { .. }));
    }
    assert_eq!(frees, 101);
    let Some(Ending::Partial(losses)) = reader.ending() else { panic!("{:?}", reader.ending()) };
    assert_eq!(losses.late_events, 1);
    let (_, ending) = read(&capture.bytes);
    assert_eq!(ending, Ending::Clean);
}

#[test]
fn a_file_that_comes_in_pieces_is_one_event_even_if_others_come_between() {
    let file = crate::sample::file((0..100_000_u32).map(|number| number as u8).collect());
    let mut bytes = Vec::new();
    bytehound_format::v2::put_rare(1_000, &Event::Marker { value: 5 }, &mut bytes);
    bytehound_format::v2::put_rare(2_000, &file, &mut bytes);
    let first = BlockFlags::CONTINUES;
    let middle = BlockFlags::CONTINUES.and(BlockFlags::CONTINUATION);
    let mut capture = Capture::new();
    capture.block(BlockKind::Rare, first, &bytes[..30_000]);
    capture.batch(0, &mut thread(11), &[(500, free(1)), (3_000, free(2))]);
    capture.block(BlockKind::Rare, middle, &bytes[30_000..60_000]);
    capture.rare(&[(700, Event::Marker { value: 6 })]);
    capture.block(BlockKind::Rare, BlockFlags::CONTINUATION, &bytes[60_000..]);
    capture.mark(10_000);
    capture.end(10_000);
    let (lines, ending) = read(&capture.bytes);
    assert_eq!(lines[1..4], ["5000 11 free 0x1 stack 0", "Marker { value: 6 }", "Marker { value: 5 }"]);
    assert_eq!(lines[4], format!("{file:?}"));
    assert_eq!(lines[5], "5003 11 free 0x2 stack 0");
    assert_eq!(ending, Ending::Clean);

    let options = ReaderOptions { contents_len_max: 50_000, ..ReaderOptions::default() };
    let mut reader = Reader::with_options(&capture.bytes[..], options).unwrap();
    let mut last = 0;
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::File64 { contents, .. } => assert!(contents.is_empty()),
            Event::FreeEx { pointer, .. } => last = pointer,
            _ => {}
        }
    }
    assert_eq!((reader.skipped().events, reader.skipped().bytes, last), (1, 100_000, 2));
}

/// What a thread does: frees, which have all that an order can be told by.
fn said() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..50, 1_u64..1000), 0..60)
}

proptest! {
    #[test]
    fn whatever_threads_do_and_wherever_blocks_are_cut_the_order_is_that_of_the_ticks(
        threads in prop::collection::vec(said(), 1..6),
        marks in prop::collection::vec(1_u64..2500, 0..6),
        cut in 1_usize..20,
    ) {
        let events: Vec<Vec<(u64, u64)>> = threads
            .iter()
            .map(|steps| {
                let ticks = steps.iter().scan(0, |tick, (step, _)| { *tick += step; Some(*tick) });
                ticks.zip(steps.iter().map(|(_, pointer)| *pointer)).collect()
            })
            .collect();
        let mut marks = marks;
        marks.sort_unstable();
        marks.push(u64::MAX);
        let mut capture = Capture::new();
        let mut states: Vec<_> = (0..threads.len()).map(|index| thread(index as u32)).collect();
        let mut from = 0;
        for before in marks {
            for (index, events) in events.iter().enumerate() {
                let now = |(tick, _): &&(u64, u64)| (from..before).contains(tick);
                let now: Vec<_> = events.iter().filter(now).map(|&(tick, pointer)| (tick, free(pointer))).collect();
                for batch in now.chunks(cut) {
                    capture.batch(index as u32, &mut states[index], batch);
                }
            }
            if before < u64::MAX {
                capture.mark(before);
            }
            from = before;
        }
        capture.end(10_000);
        let mut expected: Vec<_> = events
            .iter()
            .enumerate()
            .flat_map(|(index, events)| events.iter().map(move |&(tick, pointer)| (tick, index as u32, pointer)))
            .collect();
        expected.sort_by_key(|&(tick, thread, _)| (tick, thread));

        let mut reader = Reader::new(&capture.bytes[..]).unwrap();
        let mut found = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if let Event::FreeEx { timestamp, pointer, thread, .. } = event {
                found.push((timestamp.0, thread, pointer));
            }
        }
        let expected: Vec<_> =
            expected.iter().map(|&(tick, thread, pointer)| ((BOOTED + tick) / 1000, thread, pointer)).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(reader.ending(), Some(&Ending::Clean));
    }
}
