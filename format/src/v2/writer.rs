//! Events, in one order, to a file of version 2. The capture library does not use this: it has its own batches.

use std::collections::HashMap;
use std::io::{self, Write};

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use super::batch::{self, Birth, Flags, ROOM_LEN, State};
use super::batch_start::BatchStart;
use super::block::{BlockFlags, BlockKind, MAGIC, seal_packed};
use super::marks::{ClockPair, Complete, End, Start};
use super::rare::put_rare;
use super::tree::Tree;
use crate::end_cause::EndCause;
use crate::event::{AllocBody, AllocationId, Event, HeaderBody, Timestamp, alloc_flags};
use crate::references;

/// Bytes after which everything is written out, and marked as complete. Longer events come in pieces of this length.
const STAGED_MAX: usize = 1 << 20;

/// Nanoseconds that the clock may jump from one event to the next: 30 days. A longer jump is an odd time stamp.
const JUMP_MAX: u64 = 30 * 24 * 3600 * 1_000_000_000;

/// Writes events as a capture file of version 2. Backtraces become nodes and get other ids; otherwise a reader gives the
/// events as they were written, in the same order.
///
/// Ticks are nanoseconds of the events' clock, made different from each other.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    sequence: u64,
    tree: Tree,
    threads: HashMap<u32, usize>,
    batches: Vec<Batch>,
    rare: Vec<u8>,
    staged: usize,
    tick: u64,
    /// Backtraces are those of a decoded capture: there are no nodes.
    is_decoded: bool,
    dropped: u64,
    end: Option<End>,
    packer: Packer,
}

/// What one thread did since the last mark.
#[derive(Debug)]
struct Batch {
    start: State,
    state: State,
    events: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a file.
    pub fn new(mut output: W, header: &HeaderBody<'_>) -> io::Result<Self> {
        output.write_all(&MAGIC)?;
        let tick = header.initial_timestamp.0.saturating_mul(1000).min(u64::MAX / 2);
        let mut writer = Self {
            output,
            sequence: 0,
            tree: Tree::new(),
            threads: HashMap::new(),
            batches: Vec::new(),
            rare: Vec::new(),
            staged: 0,
            tick,
            is_decoded: false,
            dropped: 0,
            end: None,
            packer: Packer::default(),
        };
        let mut payload = Vec::new();
        Start { pair: writer.pair(), rate: 1 << 32, frames_max: 0 }.put(&mut payload);
        Start::put_event(&Event::Header(header.clone()), &mut payload);
        writer.block(BlockKind::Start, BlockFlags::PLAIN, &payload)?;
        Ok(writer)
    }

    /// Adds one event.
    pub fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        match *event {
            Event::DecodedBacktrace { .. } if !self.is_decoded => {
                self.flush()?;
                self.is_decoded = true;
            }
            Event::Dropped { events } => {
                self.dropped = events;
                return self.flush();
            }
            Event::End { timestamp, cause } => {
                let tick = self.tick_of(timestamp, 0).unwrap_or(self.tick + 1);
                self.end = Some(End { tick, cause, dropped: 0 });
                return Ok(());
            }
            _ => {}
        }
        if self.is_decoded || !(self.tree.define(event) || self.write_compact(event)) {
            self.write_rare(event)?;
        }
        if self.staged + self.tree.staged() >= STAGED_MAX { self.flush() } else { Ok(()) }
    }

    /// Writes out what is left. The file has an end if its events had one.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        if let Some(end) = self.end.take() {
            let end = End { dropped: self.dropped, ..end };
            self.block(BlockKind::End, BlockFlags::PLAIN, &end.to_bytes())?;
        }
        self.output.flush()?;
        Ok(self.output)
    }

    /// As [`Self::finish`], of events that do not say how they end, although all are there.
    pub fn finish_complete(mut self) -> io::Result<W> {
        self.end.get_or_insert(End { tick: self.tick + 1, cause: EndCause::Unknown, dropped: 0 });
        self.finish()
    }

    /// Writes everything so far, with a mark.
    fn flush(&mut self) -> io::Result<()> {
        for payload in self.tree.take_payloads() {
            self.block(BlockKind::Stacks, BlockFlags::PLAIN, &payload)?;
        }
        let rare = std::mem::take(&mut self.rare);
        if !rare.is_empty() {
            self.block(BlockKind::Rare, self.rare_flags(), &rare)?;
        }
        let mut batches = std::mem::take(&mut self.batches);
        for (ring, batch) in batches.iter_mut().enumerate().filter(|(_, batch)| !batch.events.is_empty()) {
            let mut payload = Vec::with_capacity(BatchStart::LEN + batch.events.len());
            BatchStart { ring: ring as u32, state: batch.start }.put(&mut payload);
            payload.append(&mut batch.events);
            batch.start = batch.state;
            self.block(BlockKind::Events, BlockFlags::PLAIN, &payload)?;
        }
        self.batches = batches;
        self.staged = 0;
        let mark = Complete { before: self.tick + 1, pair: self.pair(), dropped: self.dropped };
        self.block(BlockKind::Complete, BlockFlags::PLAIN, &mark.to_bytes())
    }

    /// The clock of the file: a tick is a nanosecond.
    fn pair(&self) -> ClockPair {
        ClockPair { tick: self.tick, nanoseconds: self.tick }
    }

    /// A tick that reads as this time, as the next ones up to `further` do, if there is a later one than the last.
    fn tick_of(&self, timestamp: Timestamp, further: u64) -> Option<u64> {
        let exact = timestamp.0.checked_mul(1000)?;
        let tick = exact.max(self.tick + 1);
        ((tick + further) / 1000 == timestamp.0 && tick - self.tick <= JUMP_MAX).then_some(tick)
    }

    fn write_rare(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.tick += 1;
        let mut event = event.clone();
        if !self.is_decoded {
            references::visit(&mut event, |id| *id = self.tree.node(*id).0.into());
        }
        let len = event.encoded_len();
        if len > STAGED_MAX {
            return self.write_pieces(&event);
        }
        self.staged += len;
        put_rare(self.tick, &event, &mut self.rare);
        Ok(())
    }

    fn write_pieces(&mut self, event: &Event<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        put_rare(self.tick, event, &mut bytes);
        self.flush()?;
        let count = bytes.len().div_ceil(STAGED_MAX);
        for (number, piece) in bytes.chunks(STAGED_MAX).enumerate() {
            let mut flags = self.rare_flags();
            if number > 0 {
                flags = flags.and(BlockFlags::CONTINUATION);
            }
            if number + 1 < count {
                flags = flags.and(BlockFlags::CONTINUES);
            }
            self.block(BlockKind::Rare, flags, piece)?;
        }
        Ok(())
    }

    fn rare_flags(&self) -> BlockFlags {
        if self.is_decoded { BlockFlags::OWN_BACKTRACES } else { BlockFlags::PLAIN }
    }

    /// Adds an event to the batch of its thread; false if there is something about it that a batch cannot tell.
    fn write_compact(&mut self, event: &Event<'_>) -> bool {
        const BY_POINTER: AllocationId = AllocationId::UNTRACKED;
        match *event {
            Event::AllocEx { id: BY_POINTER, timestamp, ref allocation } => {
                let zeroed = allocation.flags & alloc_flags::CALLOC != 0;
                let birth = self.birth(allocation);
                birth.map(|birth| {
                    self.put(allocation.thread, timestamp, &[batch::Event::Alloc { birth, zeroed }]);
                })
            }
            Event::FreeEx { id: BY_POINTER, timestamp, pointer, backtrace, thread } => {
                let stack = if backtrace == 0 { batch::Node::NONE } else { self.tree.node(backtrace) };
                self.put(thread, timestamp, &[batch::Event::Free { pointer, stack }]);
                Some(())
            }
            Event::ReallocEx { id: BY_POINTER, timestamp, old_pointer: old, ref allocation } => {
                let birth = self.birth(allocation).filter(|_| allocation.flags & alloc_flags::CALLOC == 0);
                birth.map(|birth| {
                    let realloc = batch::Event::Realloc { old, birth };
                    match old == birth.pointer {
                        true => self.put(allocation.thread, timestamp, &[realloc]),
                        false => {
                            let leave = batch::Event::Leave { pointer: old };
                            self.put(allocation.thread, timestamp, &[leave, realloc]);
                        }
                    }
                })
            }
            _ => None,
        }
        .is_some()
    }

    /// A block's origin as batches have it, if they can.
    fn birth(&self, body: &AllocBody) -> Option<Birth> {
        let jemalloc = if body.flags & alloc_flags::JEMALLOC != 0 { Flags::JEMALLOC.0 } else { 0 };
        let flags = Flags((body.flags as u8 & Flags::GNU.0) | jemalloc);
        let zeroed = body.flags & alloc_flags::CALLOC != 0;
        let is_exact = flags.in_events(zeroed) == body.flags && body.preceding_free_space == 0;
        Some(Birth {
            pointer: body.pointer,
            size: body.size,
            usable: body.size.checked_add(u64::from(body.extra_usable_space)).filter(|_| is_exact)?,
            stack: self.tree.node(body.backtrace),
            flags,
        })
    }

    /// Adds events of one moment to a thread's batch.
    fn put(&mut self, thread: u32, timestamp: Timestamp, events: &[batch::Event]) {
        let exact = self.tick_of(timestamp, events.len() as u64 - 1);
        let microseconds = timestamp.0;
        let note = exact.is_none().then_some(batch::Event::OverrideTime { microseconds });
        let first = exact.unwrap_or(self.tick + 1);
        let batch = batch_of(&mut self.threads, &mut self.batches, thread);
        let before = batch.events.len();
        for (tick, event) in (first..).zip(note.iter().chain(events)) {
            batch.push(tick, event);
            self.tick = tick;
        }
        self.staged += batch.events.len() - before;
    }

    fn block(&mut self, kind: BlockKind, flags: BlockFlags, payload: &[u8]) -> io::Result<()> {
        let packed = self.packer.pack(payload);
        let flags = if packed.is_some() { flags.and(BlockFlags::LZ4) } else { flags };
        let stored = packed.unwrap_or(payload);
        let header = seal_packed(kind, flags, self.sequence, payload.len(), &[stored]);
        self.sequence += 1;
        self.output.write_all(&header)?;
        self.output.write_all(stored)
    }
}

fn batch_of<'a>(
    threads: &mut HashMap<u32, usize>,
    batches: &'a mut Vec<Batch>,
    thread: u32,
) -> &'a mut Batch {
    let index = *threads.entry(thread).or_insert(batches.len());
    if index == batches.len() {
        let mut state = State::default();
        state.thread = thread;
        batches.push(Batch { start: state, state, events: Vec::new() });
    }
    &mut batches[index]
}

impl Batch {
    fn push(&mut self, tick: u64, event: &batch::Event) {
        let mut room = [0; ROOM_LEN];
        let len = self.state.put(&mut room, tick, event);
        self.events.extend_from_slice(room.get(..len).unwrap_or_default());
    }
}

/// Compresses payloads.
struct Packer {
    table: CompressTable,
    out: Vec<u8>,
}

impl Packer {
    /// The payload as an LZ4 block, if that is worth it.
    fn pack(&mut self, payload: &[u8]) -> Option<&[u8]> {
        self.out.resize(get_maximum_output_size(payload.len()), 0);
        let len = compress_into_with_table(payload, &mut self.out, &mut self.table).ok()?;
        self.out.get(..len).filter(|packed| packed.len() < payload.len() - payload.len() / 16)
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self { table: CompressTable::large(), out: Vec::new() }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}
