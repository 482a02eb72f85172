//! Records to events of the stream.

use bytehound_format::{
    ALLOC_EX_LEN, Addresses, AllocBody, AllocationId, Event, FREE_EX_LEN, REALLOC_EX_LEN, Timestamp,
    encode_alloc_ex, encode_free_ex, encode_realloc_ex,
};

use super::modules::Modules;
use super::stream::Stream;
use crate::clock::Conversion;
use crate::clock::Tick;
use crate::maps;
use crate::record::{Birth, Record};
use crate::stacks::{self, StackId};
use crate::sys::Result;
use crate::unwind::FRAMES_MAX;

/// Blocks have no identity of their own in this stream: the pointer and the order of events say which is meant.
const ID: AllocationId = AllocationId::UNTRACKED;

/// Writes the events of all threads, in order.
pub(super) struct Events {
    pub(super) stream: Stream,
    pub(super) conversion: Conversion,
    modules: Modules,
    /// One bit a stack: whether the stream defines it.
    defined: Vec<u64>,
    /// Moves that have begun but not ended.
    moves: Vec<Move>,
    override_time: Option<u64>,
    addresses: Vec<u64>,
}

/// A `realloc` that is moving a block.
struct Move {
    thread: u32,
    pointer: u64,
    /// Another thread got the old address meanwhile: the stream then holds a free and an allocation instead.
    split: bool,
}

impl Events {
    pub(super) fn new(stream: Stream, conversion: Conversion, modules: Modules) -> Self {
        Self {
            stream,
            conversion,
            modules,
            defined: Vec::with_capacity(1 << 12),
            moves: Vec::with_capacity(64),
            override_time: None,
            addresses: Vec::with_capacity(FRAMES_MAX),
        }
    }

    /// Writes the memory map and the binaries.
    pub(super) fn write_modules(&mut self, now: Timestamp) -> Result<()> {
        self.modules.write(&mut self.stream, now)
    }

    /// Writes one record of the thread `thread`.
    #[inline]
    pub(super) fn write(&mut self, thread: u32, tick: Tick, record: Record) -> Result<()> {
        match record {
            Record::Alloc(birth) => self.alloc(thread, tick, birth),
            Record::Free { pointer, stack } => self.free(thread, tick, pointer, stack),
            Record::Realloc { old, new } => self.realloc(thread, tick, old, new),
            Record::Leave { pointer } => {
                self.moves.push(Move { thread, pointer, split: false });
                Ok(())
            }
            Record::Marker { value } => self.stream.event(&Event::Marker { value }),
            Record::OverrideTime { microseconds } => {
                self.override_time = Some(microseconds);
                Ok(())
            }
            Record::Thread { .. } => Ok(()),
        }
    }

    fn alloc(&mut self, thread: u32, tick: Tick, birth: Birth) -> Result<()> {
        let timestamp = self.timestamp(tick);
        if !self.moves.is_empty() {
            self.split_moves(birth.pointer, timestamp)?;
        }
        self.define(birth.stack, timestamp)?;
        let mut event = [0; ALLOC_EX_LEN];
        encode_alloc_ex(&mut event, ID, timestamp, &body(thread, birth));
        self.stream.encoded(&event)
    }

    fn free(&mut self, thread: u32, tick: Tick, pointer: u64, stack: StackId) -> Result<()> {
        let timestamp = self.timestamp(tick);
        if stack != StackId::NONE {
            self.define(stack, timestamp)?;
        }
        self.put_free(timestamp, pointer, stack, thread)
    }

    fn realloc(&mut self, thread: u32, tick: Tick, old: u64, new: Birth) -> Result<()> {
        let ours = self.moves.iter().position(|begun| begun.thread == thread);
        let split = ours.is_some_and(|at| self.moves.swap_remove(at).split);
        if split {
            return self.alloc(thread, tick, new);
        }
        let timestamp = self.timestamp(tick);
        self.split_moves(new.pointer, timestamp)?;
        self.define(new.stack, timestamp)?;
        let mut event = [0; REALLOC_EX_LEN];
        encode_realloc_ex(&mut event, ID, timestamp, old, &body(thread, new));
        self.stream.encoded(&event)
    }

    /// Ends the moves away from `pointer` with a free, because the address is about to be used again.
    fn split_moves(&mut self, pointer: u64, timestamp: Timestamp) -> Result<()> {
        let found = self.moves.iter_mut().find(|begun| begun.pointer == pointer && !begun.split);
        let Some(begun) = found else { return Ok(()) };
        begun.split = true;
        let thread = begun.thread;
        self.put_free(timestamp, pointer, StackId::NONE, thread)
    }

    fn put_free(&mut self, timestamp: Timestamp, pointer: u64, stack: StackId, thread: u32) -> Result<()> {
        let mut event = [0; FREE_EX_LEN];
        encode_free_ex(&mut event, ID, timestamp, pointer, u64::from(stack.0), thread);
        self.stream.encoded(&event)
    }

    #[inline]
    fn timestamp(&mut self, tick: Tick) -> Timestamp {
        let own = self.conversion.microseconds(tick);
        Timestamp(self.override_time.take().unwrap_or(own))
    }

    /// Makes sure that the stream defines a stack before it is used.
    #[inline]
    fn define(&mut self, stack: StackId, now: Timestamp) -> Result<()> {
        let (word, bit) = (stack.0 as usize / 64, 1 << (stack.0 % 64));
        match self.defined.get(word) {
            Some(bits) if bits & bit != 0 => Ok(()),
            _ => self.define_new(stack, now),
        }
    }

    #[cold]
    fn define_new(&mut self, stack: StackId, now: Timestamp) -> Result<()> {
        let (word, bit) = (stack.0 as usize / 64, 1 << (stack.0 % 64));
        if self.defined.len() <= word {
            self.defined.resize((word + 1).next_power_of_two(), 0);
        }
        if let Some(bits) = self.defined.get_mut(word) {
            *bits |= bit;
        }
        self.addresses.clear();
        self.addresses.extend(stacks::addresses(stack).into_iter().flatten());
        let generation = stacks::generation(stack).unwrap_or_default();
        self.modules.cover(generation, &self.addresses, &mut self.stream, now)?;
        let addresses = Addresses::Words(&self.addresses);
        self.stream.event(&Event::Backtrace { id: u64::from(stack.0), addresses })
    }
}

impl maps::Sink for Events {
    fn time(&self, tick: Tick) -> Timestamp {
        Timestamp(self.conversion.at(tick))
    }

    fn event(&mut self, tick: Tick, event: &Event<'_>) -> Result<()> {
        let now = self.time(tick);
        match event {
            Event::Mallopt { backtrace, .. } => self.define(StackId(*backtrace as u32), now)?,
            Event::MemoryMapEx { source, .. } => self.define(StackId(source.backtrace as u32), now)?,
            Event::RemoveRegion { sources, .. } => {
                for removal in sources {
                    self.define(StackId(removal.source.backtrace as u32), now)?;
                }
            }
            _ => {}
        }
        self.stream.event(event)
    }
}

fn body(thread: u32, birth: Birth) -> AllocBody {
    AllocBody {
        pointer: birth.pointer,
        size: birth.size,
        backtrace: u64::from(birth.stack.0),
        thread,
        flags: birth.flags.for_event(),
        extra_usable_space: birth.extra,
        preceding_free_space: 0,
    }
}
