//! A file as it was written when version 2 was made. It must read the same for ever.

use std::{env, fs};

use bytehound_format::v2::batch::{Birth, Event as Said, Flags, Node};
use bytehound_format::v2::{BlockFlags, BlockKind, Caller};
use bytehound_format::{Ending, Event, Timestamp};

use super::capture::{Capture, alloc, free, read, thread};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/format/version2/fixture.dat");

/// Something of everything.
fn written() -> Vec<u8> {
    let mut capture = Capture::new();
    let (mut one, mut other) = (thread(11), thread(12));
    let flags = Flags(Flags::JEMALLOC.0 | 4);
    let odd = Birth { pointer: 0x7fff_0000_0001, size: 1 << 40, usable: 1 << 41, stack: Node(4), flags };
    capture.stacks(
        2,
        &[
            (Caller::None { generation: 0 }, 0x5555_0000_1000),
            (Caller::Node(Node(2)), 0x5555_0000_2000),
            (Caller::None { generation: 3 }, 0x7fff_f7a0_0000),
        ],
    );
    capture.batch(0, &mut one, &[(1_000, alloc(0xa0, 3)), (3_000, Said::Alloc { birth: odd, zeroed: true })]);
    capture.batch(1, &mut other, &[(2_000, free(0xa0)), (2_500, Said::Marker { value: 7 })]);
    capture.rare(&[(
        2_200,
        Event::ThreadName { timestamp: Timestamp(5002), thread: 12, name: "worker".into() },
    )]);
    capture.mark(4_000);
    let moved =
        Said::Realloc { old: odd.pointer, birth: Birth { pointer: 0xb0, size: 1, usable: 24, ..odd } };
    let said = [
        (5_000, Said::Leave { pointer: odd.pointer }),
        (6_000, moved),
        (7_000, Said::Thread { id: 13 }),
        (8_000, Said::OverrideTime { microseconds: 1 }),
        (9_000, Said::Free { pointer: 0xb0, stack: Node(2) }),
    ];
    capture.batch(0, &mut one, &said);
    let mut bytes = Vec::new();
    let file = Event::File64 { timestamp: Timestamp(1), path: "/x".into(), contents: b"contents"[..].into() };
    bytehound_format::v2::put_rare(9_500, &file, &mut bytes);
    capture.block(BlockKind::Rare, BlockFlags::CONTINUES, &bytes[..20]);
    capture.block(BlockKind::Rare, BlockFlags::CONTINUATION, &bytes[20..]);
    capture.mark(10_000);
    capture.end(10_000);
    capture.bytes
}

#[test]
fn a_file_of_the_first_hour_reads_as_it_did() {
    if env::var_os("WRITE_FIXTURE").is_some() {
        fs::write(FIXTURE, written()).unwrap();
    }
    let bytes = fs::read(FIXTURE).unwrap();
    let expected = [
        r#"Label { key: "branch", value: "main" }"#,
        "stack 3 = [93823560589312, 93823560585216]",
        "5001 11 alloc 0xa0 stack 3",
        "5002 12 free 0xa0 stack 0",
        r#"ThreadName { timestamp: Timestamp(5002), thread: 12, name: "worker" }"#,
        "Marker { value: 7 }",
        "stack 4 = [140737347846144]",
        "5003 11 alloc 0x7fff00000001 stack 4",
        "5006 11 realloc 0x7fff00000001 to 0xb0 stack 4",
        "stack 2 = [93823560585216]",
        "1 13 free 0xb0 stack 2",
        r#"File64 { timestamp: Timestamp(1), path: "/x", contents: [99, 111, 110, 116, 101, 110, 116, 115] }"#,
        "End { timestamp: Timestamp(5010), cause: Exit { status: 3 } }",
    ];
    assert_eq!(read(&bytes), (expected.map(str::to_owned).to_vec(), Ending::Clean));
}

#[test]
fn what_is_written_today_is_what_was_written_then() {
    assert!(written() == fs::read(FIXTURE).unwrap(), "other bytes: is it still version 2?");
}
