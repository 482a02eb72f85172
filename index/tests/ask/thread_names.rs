//! How threads were called, as far as a capture tells.

use bytehound_format::{AllocBody, Event, Timestamp};

use crate::capture::{Capture, EPOCH_US, START, block, id};
use crate::profiles::indexed;

fn named(capture: &mut Capture, at: u64, thread: u32, name: &str) {
    let timestamp = Timestamp(START + at);
    capture.event(&Event::ThreadName { timestamp, thread, name: name.into() });
}

#[test]
fn a_thread_has_the_name_that_was_told_last_before_or_else_the_first() {
    let mut capture = Capture::new();
    for (number, thread) in (1..).zip([7, 7, 8, 9]) {
        let body = AllocBody { thread, ..block(number * 16, 10, 0) };
        capture.alloc(id(number), START + 10 * number, body);
    }
    named(&mut capture, 15, 7, "program");
    named(&mut capture, 15, 9, "program");
    named(&mut capture, 30, 7, "worker");
    let asked = indexed(&capture.finish());
    let name = |thread, at| asked.profile.thread_name(thread, EPOCH_US + START + at);
    assert_eq!([10, 29, 30, 40].map(|at| name(7, at)), ["program", "program", "worker", "worker"].map(Some));
    assert_eq!([6, 8, 9, 10].map(|thread| name(thread, 20)), [None, None, Some("program"), None]);
}

#[test]
fn a_capture_of_version_2_says_how_threads_are_called_and_how_deep_stacks_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../format/tests/format/version2/fixture.dat");
    let asked = indexed(&std::fs::read(path).expect("the capture is there"));
    assert_eq!(asked.profile.manifest().frames_max, Some(1000));
    assert_eq!(asked.profile.thread_name(12, asked.profile.manifest().end_us), Some("worker"));
}
