//! Answers about captures that are written here: calls of `mallopt`, initialisers of C++ statics, and what a replay does.

use crate::support::{START, TestServer, encoded, header};
use bytehound_format::{Addresses, AllocBody, AllocationId, Event, Timestamp, U32List, Writer};
use serde_json::{Value, json};
use std::borrow::Cow;

const NONE: u32 = u32::MAX;
/// Of `main`, of an initialiser of a constant, and of one of another static.
const STRINGS: [&str; 6] = [
    "/bin/program",
    "main",
    "_Z41__static_initialization_and_destruction_0ii.constprop.0",
    "_Z41__static_initialization_and_destruction_0ii",
    "/dev/shm/distcc/distccd_aB3xYz/src/constants.cpp",
    "/src/others.cpp",
];

fn capture(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    writer.write(&header("/bin/program", &[])).unwrap();
    for (id, text) in (0..).zip(STRINGS) {
        writer.write(&Event::String { id, string: Cow::Borrowed(text) }).unwrap();
    }
    let frames = [(0x10, 1, NONE, NONE), (0x20, 2, 4, 7), (0x30, 3, 5, 9)];
    for (address, raw_function, source, line) in frames {
        let event = Event::DecodedFrame {
            address,
            library: 0,
            raw_function,
            function: NONE,
            source,
            line,
            column: NONE,
            is_inline: false,
        };
        writer.write(&event).unwrap();
    }
    // The innermost frame comes first.
    for frames in [&[0][..], &[1, 0], &[2, 0]] {
        writer.write(&Event::DecodedBacktrace { frames: U32List::Words(frames) }).unwrap();
    }
    events.iter().for_each(|event| writer.write(event).unwrap());
    writer.finish().unwrap()
}

fn id(allocation: u64) -> AllocationId {
    AllocationId { thread: 1, allocation }
}

fn block(pointer: u64, size: u64, backtrace: u64) -> AllocBody {
    let (flags, extra_usable_space, preceding_free_space) = (0, 8, 0);
    AllocBody { pointer, size, backtrace, thread: 7, flags, extra_usable_space, preceding_free_space }
}

fn alloc(number: u64, at: u64, block: AllocBody) -> Event<'static> {
    Event::AllocEx { id: id(number), timestamp: Timestamp(START + at), allocation: block }
}

fn free(number: u64, at: u64, pointer: u64, backtrace: u64) -> Event<'static> {
    Event::FreeEx { id: id(number), timestamp: Timestamp(START + at), pointer, backtrace, thread: 7 }
}

fn realloc(number: u64, at: u64, old_pointer: u64, block: AllocBody) -> Event<'static> {
    Event::ReallocEx { id: id(number), timestamp: Timestamp(START + at), old_pointer, allocation: block }
}

#[test]
fn the_example_of_an_explained_filter_is_what_is_answered() {
    let server = TestServer::start();
    let growing = |number| alloc(number, number, block(number * 16, number / 100 + number % 7, 0));
    server.upload_bytes(&capture(&(1..=150_000).map(growing).collect::<Vec<_>>()));
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/index.md")).unwrap();
    let (_, example) = docs.split_once("localhost:8080").unwrap();
    let (path, example) = example.split_once(" --data-urlencode 'filter=").unwrap();
    let (filter, example) = example.split_once('\'').unwrap();
    let (_, example) = example.split_once("```json").unwrap();
    let (shown, _) = example.split_once("```").unwrap();
    let answer = server.get(&format!("{path}?filter={}", encoded(filter)));
    assert_eq!(answer.json(), serde_json::from_str::<Value>(shown).unwrap());
}

#[test]
fn calls_of_mallopt_have_their_names() {
    let server = TestServer::start();
    let call = |param, value| Event::Mallopt {
        timestamp: Timestamp(START + 5),
        backtrace: 0,
        thread: 7,
        param,
        value,
        result: 1,
    };
    server.upload_bytes(&capture(&[
        call(-3, 4096),
        call(-7, 2),
        call(77, 0),
        alloc(1, 10, block(0x1000, 10, 0)),
    ]));
    let calls = server.get("/data/last/mallopts").json();
    assert_eq!(calls.as_array().unwrap().len(), 3);
    assert_eq!((&calls[0]["param"], &calls[0]["raw_param"]), (&json!("M_MMAP_THRESHOLD"), &json!(-3)));
    assert_eq!((&calls[0]["value"], &calls[0]["result"]), (&json!(4096), &json!(1)));
    assert_eq!((&calls[0]["thread"], &calls[0]["backtrace_id"]), (&json!(7), &json!(0)));
    assert_eq!(calls[0]["backtrace"][0]["raw_function"], "main");
    assert_eq!(calls[0]["timestamp"], json!({"secs": 1_000_000, "fract_nsecs": 1_005_000}));
    assert_eq!(calls[1]["param"], "M_ARENA_TEXT");
    assert!(calls[2].get("param").is_none());
}

#[test]
fn memory_of_static_initialisers_is_told_by_file_and_line() {
    let server = TestServer::start();
    server.upload_bytes(&capture(&[
        alloc(1, 10, block(0x1000, 100, 1)),
        alloc(2, 11, block(0x2000, 50, 1)),
        free(2, 12, 0x2000, 0),
        alloc(3, 13, block(0x3000, 2000, 2)),
        alloc(4, 14, block(0x4000, 5, 0)),
    ]));
    let constants = server.get("/data/last/dynamic_constants");
    assert_eq!(constants.content_type(), "application/json; charset=utf-8");
    assert_eq!(
        constants.json(),
        json!({"count": 1, "size": 108, "per_file": {"/src/constants.cpp": {
            "count": 1, "size": 108, "per_line": {"7": {"count": 1, "size": 108}}
        }}})
    );
    let statics = server.get("/data/last/dynamic_statics").json();
    assert_eq!(statics["per_file"]["/src/others.cpp"]["per_line"]["9"], json!({"count": 1, "size": 2008}));
    let text = server.get("/data/last/dynamic_statics_ascii_tree");
    assert_eq!(text.content_type(), "text/plain; charset=utf-8");
    let expected =
        "SIZE       COUNT SOURCE\n  2.008 KB 1     ▒\n  2.008 KB 1      ─ others.cpp:9 [/src/others.cpp]\n\n";
    assert_eq!(text.text(), expected);
    assert!(server.get("/data/last/dynamic_constants_ascii_tree").text().contains("constants.cpp:7"));
}

#[test]
fn a_replay_makes_the_same_steps_in_slots_of_its_own() {
    let server = TestServer::start();
    server.upload_bytes(&capture(&[
        alloc(1, 10, block(0x1000, 100, 0)),
        alloc(2, 20, block(0x2000, 50, 1)),
        realloc(1, 30, 0x1000, block(0x5000, 300, 0)),
        free(2, 40, 0x2000, 2),
        alloc(3, 50, block(0x3000, 7, 0)),
    ]));
    let words = |query: &str| -> Vec<u64> {
        let body = server.get(&format!("/data/last/export/replay{query}")).body;
        body.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect()
    };
    let at = |us: u64| 1_000_000_000_000 + START + us;
    let call = |frame| [4, frame, 0, 0];
    let steps = [
        call(0),
        [1, 0, at(10), 100],
        call(1),
        [1, 1, at(20), 50],
        [5, 0, 0, 0],
        [3, 0, at(30), 300],
        call(2),
        [2, 1, at(40), 0],
        [5, 0, 0, 0],
        [1, 1, at(50), 7],
    ];
    assert_eq!(words(""), [&[2][..], steps.as_flattened(), &[0]].concat());
    // What came before a realloc is not looked at: the block is allocated where it comes out of it.
    let large = [call(0), [1, 0, at(30), 300]];
    assert_eq!(words("?size_min=300"), [&[1][..], large.as_flattened(), &[0]].concat());
    assert_eq!(words("?size_min=100&size_max=100")[5..], [1, 0, at(10), 100, 2, 0, at(30), 0, 0]);
}

#[test]
fn allocations_by_raw_addresses_are_told_too() {
    let server = TestServer::start();
    let backtrace = Event::Backtrace { id: 8, addresses: Addresses::Words(&[0x1235, 0x5679]) };
    server.upload_bytes(&capture(&[backtrace, alloc(1, 10, block(0x1000, 100, 8))]));
    let raw = server.get("/data/last/raw_allocations").json();
    assert_eq!(raw, json!([{"backtrace": ["0000000000005678", "0000000000001234"]}]));
}
