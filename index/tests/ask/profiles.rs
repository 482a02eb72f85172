//! Small profiles to ask: from a random list of steps, through the builder.

use std::io::Write;
use std::sync::Arc;

use bytehound_format::{AllocBody, AllocationId, Event, Timestamp};
use bytehound_index::Profile;
use bytehound_index::build::ingest;
use bytehound_store::{NewProfile, ProfileId, Store};
use proptest::prelude::*;

use crate::capture::{Capture, EPOCH_US, START};

/// Function and source file of each frame of the stacks below.
const FRAMES: [(&str, &str); 6] = [
    ("main", "/src/main.c"),
    ("parse", "/src/parse.c"),
    ("read", "/src/read.c"),
    ("parse", "/src/other.c"),
    ("grow", "/src/read.c"),
    ("malloc", "/src/hook.c"),
];

/// Innermost first, as decoded backtraces are.
pub(crate) const STACKS: [&[u32]; 5] = [&[5, 0], &[5, 1, 0], &[5, 4, 2, 1, 0], &[5, 3, 0], &[5, 2, 4, 1, 0]];

/// One event of a random capture; what happens is told by `kind`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    kind: u8,
    wait_us: u64,
    pick: usize,
    size: u64,
    stack: u64,
    flags: u32,
}

/// A profile, and the directory it lives in.
pub(crate) struct Asked {
    pub(crate) profile: Arc<Profile>,
    _store: Store,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0u8..10, 0u64..4, any::<usize>(), 1u64..60, 0..STACKS.len() as u64, 0u32..8).prop_map(
        |(kind, wait_us, pick, size, stack, flags)| Step { kind, wait_us, pick, size, stack, flags },
    );
    prop::collection::vec(step, 1..80)
}

pub(crate) fn profile_of(steps: &[Step]) -> Asked {
    indexed(&capture_of(steps))
}

/// A temporary store with this capture in it.
pub(crate) fn stored(capture: &[u8]) -> (Store, ProfileId) {
    let store = Store::temporary().expect("a temporary directory");
    let mut incoming = store.captures().receive().expect("room for a capture");
    incoming.write_all(capture).expect("room for a capture");
    let new = NewProfile { name: String::new(), labels: Default::default() };
    let id = incoming.commit(new).expect("room for a capture").record.id;
    (store, id)
}

pub(crate) fn indexed(capture: &[u8]) -> Asked {
    let (store, id) = stored(capture);
    ingest(&store, &id, &()).expect("a capture that can be indexed");
    Asked { profile: Profile::open(&store, &id).expect("it was just published"), _store: store }
}

/// A capture that knows the stacks, and nothing else yet.
pub(crate) fn begun() -> Capture {
    let mut capture = Capture::new();
    for (index, (function, source)) in (0..).zip(FRAMES) {
        capture.string(index * 2, function).string(index * 2 + 1, source);
    }
    for index in 0..FRAMES.len() as u32 {
        capture.event(&Event::DecodedFrame {
            address: 0x1000 + u64::from(index),
            library: u32::MAX,
            raw_function: index * 2,
            function: index * 2,
            source: index * 2 + 1,
            line: index,
            column: u32::MAX,
            is_inline: false,
        });
    }
    for stack in STACKS {
        capture.decoded_backtrace(stack);
    }
    capture
}

fn capture_of(steps: &[Step]) -> Vec<u8> {
    let mut random = Random { capture: begun(), now: START, live: Vec::new(), made: 0 };
    steps.iter().for_each(|step| random.take(step));
    random.capture.finish()
}

struct Random {
    capture: Capture,
    now: u64,
    live: Vec<(AllocationId, u64)>,
    made: u64,
}

impl Random {
    fn take(&mut self, step: &Step) {
        self.now += step.wait_us;
        let living = (!self.live.is_empty()).then(|| step.pick % self.live.len());
        match (step.kind, living) {
            (0..=1, Some(at)) => self.free(at, step),
            (2..=3, Some(at)) => self.realloc(at, step),
            (4, _) => drop(self.capture.event(&Event::Marker { value: step.pick as u32 % 3 })),
            (5, _) if step.pick.is_multiple_of(8) => self.turn_the_clock(step),
            (5, _) if step.pick % 8 == 1 => self.cull(step),
            _ => self.alloc(step),
        }
    }

    fn alloc(&mut self, step: &Step) {
        self.made += 1;
        let id = AllocationId { thread: 1, allocation: self.made };
        let block = self.block(step);
        self.capture.alloc(id, self.now, block);
        self.live.push((id, block.pointer));
    }

    fn free(&mut self, at: usize, step: &Step) {
        let (id, pointer) = self.live.swap_remove(at);
        let backtrace = if step.flags == 0 { 0 } else { step.stack };
        let timestamp = Timestamp(self.now);
        self.capture.event(&Event::FreeEx { id, timestamp, pointer, backtrace, thread: 2 });
    }

    fn realloc(&mut self, at: usize, step: &Step) {
        let (id, old) = self.live[at];
        self.made += 1;
        let block = self.block(step);
        self.capture.realloc(id, self.now, old, block);
        self.live[at].1 = block.pointer;
    }

    /// What follows happened a little earlier or later, by the wall clock.
    fn turn_the_clock(&mut self, step: &Step) {
        let wall_us = EPOCH_US + self.now + step.size - 30;
        let (sec, nsec) = (wall_us / 1_000_000, wall_us % 1_000_000 * 1_000);
        self.capture.event(&Event::WallClock { timestamp: Timestamp(self.now), sec, nsec });
    }

    fn cull(&mut self, step: &Step) {
        self.capture.event(&Event::GroupStatistics {
            backtrace: step.stack,
            first_allocation: Timestamp(self.now),
            last_allocation: Timestamp(self.now + 5),
            free_count: step.size,
            free_size: step.size * 3,
            min_size: 3,
            max_size: 3,
        });
    }

    fn block(&self, step: &Step) -> AllocBody {
        let jemalloc = if step.flags % 4 == 3 { 0x4000_0000 } else { 0 };
        AllocBody {
            pointer: 0x10_000 + self.made * 16,
            size: step.size,
            backtrace: step.stack,
            thread: 1 + step.flags % 2,
            flags: step.flags | jemalloc,
            extra_usable_space: step.flags,
            preceding_free_space: 0,
        }
    }
}
