//! What a reader must know of the events before.

use super::event::Flags;

/// How many stacks the successor of is remembered.
const SUCCESSORS: usize = 64;

/// What the next event is told relative to. A thread's first event is told relative to the default, all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct State {
    /// The last event's tick.
    pub tick: u64,
    /// The address that was mentioned last.
    pub(super) address: u64,
    /// The stack that was mentioned last.
    pub(super) stack: u32,
    /// Kernel id of the thread.
    pub thread: u32,
    pub(super) flags: Flags,
    /// By the lowest bits of a stack: the stack that came after it last.
    successors: [u32; SUCCESSORS],
}

impl Default for State {
    fn default() -> Self {
        Self {
            tick: 0,
            address: 0,
            stack: 0,
            thread: 0,
            flags: Flags::default(),
            successors: [0; SUCCESSORS],
        }
    }
}

impl State {
    /// Bytes of a state in a file.
    pub const LEN: usize = 32 + 4 * SUCCESSORS;

    /// The state as it stands in a file, all fields little-endian:
    ///
    /// ```text
    /// 0 tick:u64  8 address:u64  16 stack:u32  20 thread:u32  24 flags:u8  25 zero:u8[7]  32 successors:u32[64]
    /// ```
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let ids = u64::from(self.thread) << 32 | u64::from(self.stack);
        let (words, successors) = bytes.split_at_mut(32);
        for (place, word) in
            words.chunks_exact_mut(8).zip([self.tick, self.address, ids, self.flags.0.into()])
        {
            place.copy_from_slice(&word.to_le_bytes());
        }
        for (place, stack) in successors.chunks_exact_mut(4).zip(self.successors) {
            place.copy_from_slice(&stack.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`State::to_bytes`] has written.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(word)
        };
        Self {
            tick: word(0),
            address: word(8),
            stack: word(16) as u32,
            thread: (word(16) >> 32) as u32,
            flags: Flags(word(24) as u8),
            successors: core::array::from_fn(|at| word(32 + 4 * at) as u32),
        }
    }

    /// The stack that is likely to be mentioned next.
    #[inline(always)]
    pub(super) fn likely(&self) -> u32 {
        self.successors[self.stack as usize % SUCCESSORS]
    }

    /// Takes note of the stack that was mentioned.
    #[inline(always)]
    pub(super) fn mention(&mut self, stack: u32) {
        self.successors[self.stack as usize % SUCCESSORS] = stack;
        self.stack = stack;
    }

    /// The distance of an address from the last one; this one is the last from now on.
    #[inline(always)]
    pub(super) fn step_to(&mut self, address: u64) -> u64 {
        let distance = address.wrapping_sub(self.address);
        self.address = address;
        distance
    }

    /// The ticks from the last event to this one, which is the last from now on.
    #[inline(always)]
    pub(super) fn pass(&mut self, tick: u64) -> u64 {
        let passed = tick.wrapping_sub(self.tick);
        self.tick = tick;
        passed
    }
}
