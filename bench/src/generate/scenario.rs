//! What the program does, event by event.

use super::heap::{Block, Fate, Heap, SIZE_MAX};
use super::shape::Shape;
use super::stacks::Stacks;
use bytehound_format::{Addresses, AllocBody, AllocationId, CaptureWriter, Event, Timestamp, alloc_flags};
use fastrand::Rng;
use std::f64::consts::TAU;
use std::io::{self, Write};

/// Kernel id of the first thread, and of the process.
pub(super) const FIRST_THREAD: u32 = 4242;
/// The clock of the program when the capture begins, in µs.
pub(super) const START_US: u64 = 1_000_000;

/// Moments whose live blocks are known.
const MOMENTS: u64 = 16;
/// Of so many stacks one leaks, and another one's blocks are freed only at the end.
const ODD: u32 = 200;
/// Waves of memory use.
const WAVES: f64 = 5.0;

/// A run of the program.
pub(super) struct Scenario<'a, W: Write> {
    pub(super) shape: &'a Shape,
    pub(super) stacks: &'a Stacks,
    pub(super) random: Rng,
    pub(super) heap: Heap,
    pub(super) capture: &'a mut CaptureWriter<W>,
    /// Stacks that were used.
    pub(super) seen: u32,
    pub(super) thread: u32,
}

impl<W: Write> Scenario<'_, W> {
    /// Until there are as many events as asked for; at the end all blocks are freed that don't leak.
    pub(super) fn run(mut self) -> io::Result<Heap> {
        let events = self.shape.events;
        while self.heap.events() + (self.heap.to_free() as u64) < events {
            self.step()?;
            if self.heap.events().is_multiple_of(events.div_ceil(MOMENTS)) {
                self.heap.remember();
            }
        }
        self.heap.release();
        while self.heap.events() < events {
            self.move_on();
            self.free()?;
        }
        Ok(self.heap)
    }

    fn step(&mut self) -> io::Result<()> {
        self.move_on();
        let left = self.shape.events - self.heap.events() - self.heap.to_free() as u64;
        // An allocation takes a second event, its free.
        let (is_last, can_free) = (left < 2, self.heap.blocks() > 0);
        match self.random.u32(..100) {
            0..3 if can_free => self.reallocate(),
            _ if can_free && is_last => self.reallocate(),
            _ if !can_free || self.wants_more() => self.allocate(is_last),
            _ => self.free(),
        }
    }

    /// Time passes, and another thread may come to run.
    fn move_on(&mut self) {
        let pause = match self.random.u32(..4096) {
            0 => 1000 + self.random.u64(..20_000),
            1..2048 => 0,
            _ => self.random.u64(..8),
        };
        self.heap.pass(pause);
        if self.random.u32(..32) == 0 {
            self.thread = FIRST_THREAD + self.random.u32(..self.shape.threads);
        }
    }

    /// What is alive comes and goes in waves below the limit, and goes before the end.
    fn wants_more(&mut self) -> bool {
        let done = self.heap.events() as f64 / self.shape.events as f64;
        let wave = if done < 0.9 { 0.7 - 0.3 * (done * WAVES * TAU).cos() } else { 0.02 };
        let missing = 1.0 - self.heap.blocks() as f64 / (f64::from(self.shape.live) * wave);
        self.random.f64() < 0.5 + missing.clamp(-0.4, 0.4)
    }

    fn allocate(&mut self, must_leak: bool) -> io::Result<()> {
        let stack = self.stack()?;
        let size = self.size_at(stack);
        let fate = if must_leak { Fate::Leaked } else { self.fate_at(stack) };
        let block = self.heap.allocate(size, stack, fate);
        let event = Event::AllocEx {
            id: AllocationId::UNTRACKED,
            timestamp: self.timestamp(),
            allocation: self.body(block, block.pointer >> 12 & 7 == 0),
        };
        self.capture.write(&event)
    }

    fn fate_at(&mut self, stack: u32) -> Fate {
        // So likely that leaks come to about as much as what else is alive.
        let allocations = self.shape.events / 2 / u64::from(ODD);
        let likely = f64::from(self.shape.live) / 4.0 / allocations as f64;
        match stack % ODD {
            1 if self.random.f64() < likely.min(0.9) => Fate::Leaked,
            2 if self.heap.held() < self.shape.live as usize / 8 => Fate::FreedAtTheEnd,
            _ => Fate::Freed,
        }
    }

    fn free(&mut self) -> io::Result<()> {
        let at = self.victim();
        let block = self.heap.free(at);
        let event = Event::FreeEx {
            id: AllocationId::UNTRACKED,
            timestamp: self.timestamp(),
            pointer: block.pointer,
            backtrace: self.id(block.stack.wrapping_mul(7) % self.seen),
            thread: self.thread,
        };
        self.capture.write(&event)
    }

    fn reallocate(&mut self) -> io::Result<()> {
        let at = self.victim();
        let stack = self.stack()?;
        let (size, moves) = (self.size_at(stack), self.random.bool());
        let (old, new) = self.heap.reallocate(at, size, stack, moves);
        let event = Event::ReallocEx {
            id: AllocationId::UNTRACKED,
            timestamp: self.timestamp(),
            old_pointer: old.pointer,
            allocation: self.body(new, false),
        };
        self.capture.write(&event)
    }

    /// Most blocks die young; the others whenever it may be.
    fn victim(&mut self) -> usize {
        let blocks = self.heap.blocks();
        match self.random.u32(..4) {
            0 => self.random.usize(..blocks),
            _ => blocks - 1 - self.random.usize(..blocks.min(32)),
        }
    }

    /// A new stack while there are some, else mostly one of a few.
    fn stack(&mut self) -> io::Result<u32> {
        let is_new = self.seen < self.shape.stacks && (self.seen == 0 || self.random.bool());
        if !is_new {
            let share = self.random.f64().powi(3);
            return Ok((share * f64::from(self.seen)) as u32);
        }
        let stack = self.seen;
        self.seen += 1;
        let addresses = Addresses::Words(self.stacks.addresses(stack));
        self.capture.write(&Event::Backtrace { id: self.id(stack), addresses })?;
        Ok(stack)
    }

    /// Ids of backtraces begin at 1.
    fn id(&self, stack: u32) -> u64 {
        u64::from(stack) + 1
    }

    /// Of half of the stacks all blocks have the same size.
    fn size_at(&mut self, stack: u32) -> u64 {
        let usual = 16 + u64::from(stack.wrapping_mul(2_654_435_761) >> 20) % 480;
        match self.random.u32(..1000) {
            _ if stack.is_multiple_of(2) => usual,
            0 => self.random.u64(64 << 10..=SIZE_MAX),
            1..20 => self.random.u64(512..64 << 10),
            _ => 1 + self.random.u64(..2 * usual),
        }
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp(START_US + self.heap.now())
    }

    fn body(&self, block: Block, zeroed: bool) -> AllocBody {
        let usable = (block.size + 8).next_multiple_of(16).max(32) - 8;
        let is_mapped = block.size >= 128 << 10;
        let own = if is_mapped { alloc_flags::MMAPED } else { alloc_flags::PREV_IN_USE };
        AllocBody {
            pointer: block.pointer,
            size: block.size,
            backtrace: self.id(block.stack),
            thread: self.thread,
            flags: own | if zeroed { alloc_flags::CALLOC } else { 0 },
            extra_usable_space: (usable - block.size) as u32,
            preceding_free_space: 0,
        }
    }
}
