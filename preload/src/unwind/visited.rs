//! A frame of a walk, and how it was entered and left.
#![expect(unsafe_code, reason = "reads words one by one")]

use bytehound_format::v2::batch::Node;
use bytehound_rings::Fingerprint;

use crate::arch::Registers;

/// A frame, as a walk entered it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Visited {
    pub(super) registers: Registers,
    /// What this frame and its callers are found by.
    pub(super) fingerprint: Fingerprint,
    /// The number of this frame and its callers; none while it was not needed.
    pub(super) node: Node,
    distances: Distances,
    /// Where its slots begin in the list of slots.
    pub(super) slots: u16,
    /// The place of the next barrier: this frame, or the nearest outside. 0 if there is none.
    pub(super) barrier_at: u16,
    /// The frame was interrupted at its address; it did not call from the instruction before it.
    pub(super) interrupted: bool,
    /// How this frame was left can't be verified: it has to be left anew.
    pub(super) barrier: bool,
    /// Registers that this frame is left by.
    pub(super) base: u8,
    /// Registers on which this frame's callers depend, here or further out. The others may be out of date.
    pub(super) needs: u8,
}

/// How far below the stack pointer the registers were read, in one word, so that a copy finds it whole: the frame
/// pointer's distance, and above it that of the third register. 0 is a register that the inner frame had left alone.
#[derive(Clone, Copy, Debug, Default)]
struct Distances(u32);

impl Distances {
    #[inline(always)]
    fn of_bp(self) -> u64 {
        u64::from(self.0 as u16)
    }

    #[inline(always)]
    fn of_bx(self) -> u64 {
        u64::from(self.0 >> 16)
    }
}

/// Bits of registers.
pub(super) const BP: u8 = 1;
pub(super) const BX: u8 = 2;

impl Visited {
    /// The frame that a walk starts with.
    pub(super) fn first(registers: Registers) -> Self {
        Self { registers, ..Self::default() }
    }

    /// Tells of a frame that was entered by calls, with registers that were read so many bytes below its stack
    /// pointer.
    #[inline(always)]
    pub(super) fn enter(&mut self, registers: Registers, bp_distance: u16, bx_distance: u16) {
        self.registers = registers;
        self.distances = Distances(u32::from(bx_distance) << 16 | u32::from(bp_distance));
        self.interrupted = false;
    }

    /// Whether this frame of the last walk was entered in the state in which `frame` is entered now.
    #[inline(always)]
    pub(super) fn is_entered_as(&self, frame: &Self) -> bool {
        agree(&self.registers, &frame.registers, self.needs) && !self.interrupted && !frame.interrupted
    }

    /// Where the frame pointer was read; 0 if the inner frame had left it alone.
    #[inline(always)]
    pub(super) fn bp_slot(&self) -> u64 {
        self.slot(self.distances.of_bp())
    }

    /// As [`Self::bp_slot`], of the third register.
    #[inline(always)]
    pub(super) fn bx_slot(&self) -> u64 {
        self.slot(self.distances.of_bx())
    }

    #[inline(always)]
    fn slot(&self, distance: u64) -> u64 {
        if distance == 0 { 0 } else { self.registers.sp.wrapping_sub(distance) }
    }

    /// Other inner frames may have saved its registers in other slots.
    #[inline(always)]
    pub(super) fn take_slots_of(&mut self, frame: &Self) {
        self.distances = frame.distances;
    }

    /// Registers that a frame inside needs because this one does, and has them from there.
    #[inline(always)]
    pub(super) fn needs_inside(&self) -> u8 {
        let unsaved = if self.distances.of_bp() == 0 { BP } else { 0 }
            | if self.distances.of_bx() == 0 { BX } else { 0 };
        self.needs & unsaved
    }

    /// Copies what a walk found of a frame.
    #[inline(always)]
    pub(super) fn set(&mut self, frame: &Self) {
        let Registers { ip, sp, bp, bx } = &frame.registers;
        self.registers = Registers { ip: word(ip), sp: word(sp), bp: word(bp), bx: word(bx) };
        self.node = Node::NONE;
        self.take_slots_of(frame);
        (self.interrupted, self.barrier, self.base) = (frame.interrupted, frame.barrier, frame.base);
    }
}

/// Whether these are the same address and stack pointer, and the same in those of the other registers that are needed.
#[inline(always)]
pub(super) fn agree(a: &Registers, b: &Registers, needs: u8) -> bool {
    a.ip == b.ip && a.sp == b.sp && (needs & BP == 0 || a.bp == b.bp) && (needs & BX == 0 || a.bx == b.bx)
}

/// Reads a word on its own. It was stored so just before: a load of several would have to wait until all of them
/// have reached the cache.
#[inline(always)]
pub(super) fn word(word: &u64) -> u64 {
    // SAFETY: reads a reference.
    unsafe { core::ptr::from_ref(word).read_volatile() }
}
