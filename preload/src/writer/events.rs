//! What the rings told, as events of the stream.

use bytehound_format::{
    ALLOC_EX_LEN, Addresses, AllocBody, AllocationId, Event, FREE_EX_LEN, REALLOC_EX_LEN, Timestamp,
    encode_alloc_ex, encode_free_ex, encode_realloc_ex,
};

use bytehound_format::v2::batch::{self, Birth, Node};

use super::culling::Culling;
use super::modules::Modules;
use super::stream::Stream;
use crate::clock::{self, Conversion, Pair, Tick};
use crate::sys::Result;
use crate::unwind::FRAMES_MAX;
use crate::{maps, region};

/// Blocks have no identity of their own in this stream: the pointer and the order of events say which is meant.
const ID: AllocationId = AllocationId::UNTRACKED;

/// Writes the events of all threads, in order.
pub(super) struct Events {
    pub(super) stream: Stream,
    conversion: Conversion,
    modules: Modules,
    /// If what lives only shortly is to be left out.
    culling: Option<Box<Culling>>,
    /// One bit a stack: whether the stream defines it.
    defined: Vec<u64>,
    /// Moves that have begun but not ended.
    moves: Vec<Move>,
    override_time: Option<u64>,
    addresses: Vec<u64>,
}

/// Where the time of an event comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Measured,
    /// The program has set it: it says nothing of how long a block lives.
    Set,
}

/// A `realloc` that is moving a block.
struct Move {
    thread: u32,
    pointer: u64,
    /// Another thread got the old address meanwhile: the stream then holds a free and an allocation instead.
    split: bool,
}

impl Events {
    pub(super) fn new(
        stream: Stream,
        conversion: Conversion,
        modules: Modules,
        culling: Option<Box<Culling>>,
    ) -> Self {
        Self {
            stream,
            conversion,
            modules,
            culling,
            defined: Vec::with_capacity(1 << 12),
            moves: Vec::with_capacity(64),
            override_time: None,
            addresses: Vec::with_capacity(FRAMES_MAX),
        }
    }

    /// Takes the moment at which a round begins.
    pub(super) fn advance(&mut self, now: Pair) {
        self.conversion.advance(now);
        self.modules.take_earlier();
    }

    /// Writes the memory map; gives its text.
    pub(super) fn write_map(&mut self, now: Pair) -> Result<Vec<u8>> {
        self.modules.write_first(&mut self.stream, Timestamp(now.nanoseconds / 1000))
    }

    /// Writes the files of the map.
    pub(super) fn write_binaries(&mut self, map: &[u8], now: Pair) -> Result<()> {
        self.modules.write_binaries(map, &mut self.stream, Timestamp(now.nanoseconds / 1000))
    }

    /// Writes the names of generated code that are new. Names of threads have no place in this stream.
    pub(super) fn write_names(&mut self, last: bool) -> Result<()> {
        let now = Timestamp(clock::nanoseconds() / 1000);
        self.modules.write_generated(last, &mut self.stream, now)
    }

    /// Writes one event of the thread `thread`.
    #[inline]
    pub(super) fn write(&mut self, thread: u32, tick: Tick, event: batch::Event) -> Result<()> {
        match event {
            batch::Event::Alloc { birth, zeroed } => self.alloc(thread, tick, birth, zeroed),
            batch::Event::Free { pointer, stack } => self.free(thread, tick, pointer, stack),
            batch::Event::Realloc { old, birth } => self.realloc(thread, tick, old, birth),
            batch::Event::Leave { pointer } => {
                self.moves.push(Move { thread, pointer, split: false });
                Ok(())
            }
            batch::Event::Marker { value } => self.marker(value),
            batch::Event::OverrideTime { microseconds } => {
                self.override_time = Some(microseconds);
                Ok(())
            }
            batch::Event::Thread { .. } => Ok(()),
        }
    }

    /// Says up to when everything was told; what must not wait any longer is written, or all that waits.
    pub(super) fn pass_time(&mut self, before: Tick, all: bool) -> Result<()> {
        let Some(culling) = &mut self.culling else { return Ok(()) };
        let stream = &mut self.stream;
        let mut out = |event: &Event<'static>| stream.event(event);
        if all { culling.give_all(&mut out) } else { culling.pass_time(self.conversion.at(before), &mut out) }
    }

    fn marker(&mut self, value: u32) -> Result<()> {
        self.cull(&Event::Marker { value }, Time::Measured)
    }

    /// Writes an event if it is to stay, or later when that is known.
    fn cull(&mut self, event: &Event<'static>, time: Time) -> Result<()> {
        let stream = &mut self.stream;
        let mut out = |event: &Event<'static>| stream.event(event);
        match (&mut self.culling, time) {
            (Some(culling), Time::Measured) => culling.take(event, &mut out),
            (Some(culling), Time::Set) => culling.pass(event, &mut out),
            (None, _) => out(event),
        }
    }

    fn alloc(&mut self, thread: u32, tick: Tick, birth: Birth, zeroed: bool) -> Result<()> {
        let (timestamp, time) = self.timestamp(tick);
        if !self.moves.is_empty() {
            self.split_moves(birth.pointer, timestamp)?;
        }
        self.define(birth.stack, timestamp)?;
        let allocation = body(thread, birth, zeroed);
        if self.culling.is_some() {
            return self.cull(&Event::AllocEx { id: ID, timestamp, allocation }, time);
        }
        let mut event = [0; ALLOC_EX_LEN];
        encode_alloc_ex(&mut event, ID, timestamp, &allocation);
        self.stream.encoded(&event)
    }

    fn free(&mut self, thread: u32, tick: Tick, pointer: u64, stack: Node) -> Result<()> {
        let (timestamp, time) = self.timestamp(tick);
        if stack != Node::NONE {
            self.define(stack, timestamp)?;
        }
        self.put_free((timestamp, time), pointer, stack, thread)
    }

    fn realloc(&mut self, thread: u32, tick: Tick, old: u64, new: Birth) -> Result<()> {
        let ours = self.moves.iter().position(|begun| begun.thread == thread);
        let split = ours.is_some_and(|at| self.moves.swap_remove(at).split);
        if split {
            return self.alloc(thread, tick, new, false);
        }
        let (timestamp, time) = self.timestamp(tick);
        self.split_moves(new.pointer, timestamp)?;
        self.define(new.stack, timestamp)?;
        let allocation = body(thread, new, false);
        if self.culling.is_some() {
            let event = Event::ReallocEx { id: ID, timestamp, old_pointer: old, allocation };
            return self.cull(&event, time);
        }
        let mut event = [0; REALLOC_EX_LEN];
        encode_realloc_ex(&mut event, ID, timestamp, old, &allocation);
        self.stream.encoded(&event)
    }

    /// Ends the moves away from `pointer` with a free, because the address is about to be used again.
    fn split_moves(&mut self, pointer: u64, timestamp: Timestamp) -> Result<()> {
        let found = self.moves.iter_mut().find(|begun| begun.pointer == pointer && !begun.split);
        let Some(begun) = found else { return Ok(()) };
        begun.split = true;
        let thread = begun.thread;
        self.put_free((timestamp, Time::Measured), pointer, Node::NONE, thread)
    }

    fn put_free(
        &mut self,
        (timestamp, time): (Timestamp, Time),
        pointer: u64,
        stack: Node,
        thread: u32,
    ) -> Result<()> {
        let backtrace = u64::from(stack.0);
        if self.culling.is_some() {
            return self.cull(&Event::FreeEx { id: ID, timestamp, pointer, backtrace, thread }, time);
        }
        let mut event = [0; FREE_EX_LEN];
        encode_free_ex(&mut event, ID, timestamp, pointer, backtrace, thread);
        self.stream.encoded(&event)
    }

    #[inline]
    fn timestamp(&mut self, tick: Tick) -> (Timestamp, Time) {
        let measured = self.conversion.microseconds(tick);
        match self.override_time.take() {
            Some(set) => (Timestamp(set), Time::Set),
            None => (Timestamp(measured), Time::Measured),
        }
    }

    /// Makes sure that the stream defines a stack before it is used.
    #[inline]
    fn define(&mut self, stack: Node, now: Timestamp) -> Result<()> {
        let (word, bit) = (stack.0 as usize / 64, 1 << (stack.0 % 64));
        match self.defined.get(word) {
            Some(bits) if bits & bit != 0 => Ok(()),
            _ => self.define_new(stack, now),
        }
    }

    #[cold]
    fn define_new(&mut self, stack: Node, now: Timestamp) -> Result<()> {
        let (word, bit) = (stack.0 as usize / 64, 1 << (stack.0 % 64));
        if self.defined.len() <= word {
            self.defined.resize((word + 1).next_power_of_two(), 0);
        }
        if let Some(bits) = self.defined.get_mut(word) {
            *bits |= bit;
        }
        self.addresses.clear();
        let addresses = &mut self.addresses;
        let generation = region::get()
            .and_then(|region| region.stacks().addresses(region, stack, |address| addresses.push(address)));
        let generation = generation.unwrap_or_default();
        self.modules.cover(stack, generation, &self.addresses, &mut self.stream, now)?;
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
            Event::Mallopt { backtrace, .. } => self.define(Node(*backtrace as u32), now)?,
            Event::MemoryMapEx { source, .. } => self.define(Node(source.backtrace as u32), now)?,
            Event::RemoveRegion { sources, .. } => {
                for removal in sources {
                    self.define(Node(removal.source.backtrace as u32), now)?;
                }
            }
            _ => {}
        }
        self.stream.event(event)
    }
}

fn body(thread: u32, birth: Birth, zeroed: bool) -> AllocBody {
    let Birth { pointer, size, usable, stack, flags } = birth;
    AllocBody {
        pointer,
        size,
        backtrace: u64::from(stack.0),
        thread,
        flags: flags.in_events(zeroed),
        extra_usable_space: u32::try_from(usable.saturating_sub(size)).unwrap_or(u32::MAX),
        preceding_free_space: 0,
    }
}
