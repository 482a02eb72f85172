//! A capture as the library writes it: batches of threads that know nothing of each other.

use bytehound_format::v2::batch::{Birth, Event as Said, Flags, Node, ROOM_LEN, State};
use bytehound_format::v2::{
    BatchStart, BlockFlags, BlockKind, Caller, ClockPair, Complete, End, MAGIC, NodeEncoder, Start, put_rare,
    seal,
};
use bytehound_format::{EndCause, Event, Reader};

use crate::sample;

/// Nanoseconds at tick 0; a tick is a nanosecond.
pub(super) const BOOTED: u64 = 5_000_000;

/// A file that grows block by block.
pub(super) struct Capture {
    pub(super) bytes: Vec<u8>,
    sequence: u64,
    /// Where each block starts.
    pub(super) starts: Vec<usize>,
}

impl Capture {
    pub(super) fn new() -> Self {
        let mut capture = Self { bytes: MAGIC.to_vec(), sequence: 0, starts: Vec::new() };
        let mut payload = Vec::new();
        let pair = ClockPair { tick: 0, nanoseconds: BOOTED };
        Start { pair, rate: 1 << 32, frames_max: 1000 }.put(&mut payload);
        Start::put_event(&sample::header(), &mut payload);
        Start::put_event(&Event::Label { key: "branch".into(), value: "main".into() }, &mut payload);
        capture.block(BlockKind::Start, BlockFlags::PLAIN, &payload);
        capture
    }

    pub(super) fn block(&mut self, kind: BlockKind, flags: BlockFlags, payload: &[u8]) {
        self.starts.push(self.bytes.len());
        self.bytes.extend(seal(kind, flags, self.sequence, &[payload]));
        self.bytes.extend(payload);
        self.sequence += 1;
    }

    pub(super) fn stacks(&mut self, first: u32, nodes: &[(Caller, u64)]) {
        let mut payload = Vec::new();
        let mut encoder = NodeEncoder::new(Node(first), &mut payload);
        nodes.iter().for_each(|&(caller, address)| encoder.put(caller, address, &mut payload));
        self.block(BlockKind::Stacks, BlockFlags::PLAIN, &payload);
    }

    pub(super) fn rare(&mut self, events: &[(u64, Event<'_>)]) {
        let mut payload = Vec::new();
        events.iter().for_each(|(tick, event)| put_rare(*tick, event, &mut payload));
        self.block(BlockKind::Rare, BlockFlags::PLAIN, &payload);
    }

    pub(super) fn batch(&mut self, ring: u32, state: &mut State, said: &[(u64, Said)]) {
        let mut payload = Vec::new();
        BatchStart { ring, state: *state }.put(&mut payload);
        for (tick, said) in said {
            let mut room = [0; ROOM_LEN];
            let len = state.put(&mut room, *tick, said);
            payload.extend(&room[..len]);
        }
        self.block(BlockKind::Events, BlockFlags::PLAIN, &payload);
    }

    pub(super) fn mark(&mut self, before: u64) {
        let pair = ClockPair { tick: before, nanoseconds: BOOTED + before };
        let mark = Complete { before, pair, dropped: 0 };
        self.block(BlockKind::Complete, BlockFlags::PLAIN, &mark.to_bytes());
    }

    pub(super) fn end(&mut self, tick: u64) {
        let end = End { tick, cause: EndCause::Exit { status: 3 }, dropped: 0 };
        self.block(BlockKind::End, BlockFlags::PLAIN, &end.to_bytes());
    }
}

/// A thread before its first event.
pub(super) fn thread(id: u32) -> State {
    let mut state = State::default();
    state.thread = id;
    state
}

pub(super) fn alloc(pointer: u64, stack: u32) -> Said {
    let birth = Birth { pointer, size: 100, usable: 104, stack: Node(stack), flags: Flags(1) };
    Said::Alloc { birth, zeroed: false }
}

pub(super) fn free(pointer: u64) -> Said {
    Said::Free { pointer, stack: Node::NONE }
}

/// What a reader says, a line an event, and how it ends.
pub(super) fn read(bytes: &[u8]) -> (Vec<String>, bytehound_format::Ending) {
    let mut reader = Reader::new(bytes).unwrap();
    let mut lines = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        lines.push(line(&event));
    }
    assert!(reader.next_event().unwrap().is_none(), "the end stays the end");
    (lines, reader.ending().unwrap().clone())
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::AllocEx { timestamp, allocation, .. } => format!(
            "{} {} alloc {:#x} stack {}",
            timestamp.0, allocation.thread, allocation.pointer, allocation.backtrace
        ),
        Event::FreeEx { timestamp, pointer, backtrace, thread, .. } => {
            format!("{} {thread} free {pointer:#x} stack {backtrace}", timestamp.0)
        }
        Event::ReallocEx { timestamp, old_pointer, allocation, .. } => format!(
            "{} {} realloc {old_pointer:#x} to {:#x} stack {}",
            timestamp.0, allocation.thread, allocation.pointer, allocation.backtrace
        ),
        Event::Backtrace { id, addresses } => format!("stack {id} = {addresses:?}"),
        other => format!("{other:?}"),
    }
}
