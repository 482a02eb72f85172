//! What a thread tells.

use crate::alloc_flags;

/// Number of a node in the tree of stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

impl Node {
    /// No stack was taken.
    pub const NONE: Self = Self(0);
    /// A stack that could not be kept.
    pub const UNKNOWN: Self = Self(1);
    /// The first number that stands for a frame.
    pub const FIRST: Self = Self(2);
}

/// An event, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Orders the events of all threads.
    pub tick: u64,
    /// Kernel id of the thread.
    pub thread: u32,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A block came from its allocator.
    Alloc {
        /// The block.
        birth: Birth,
        /// The allocator zeroed it, as `calloc` does.
        zeroed: bool,
    },
    /// A block goes back to its allocator.
    Free {
        /// Its address.
        pointer: u64,
        /// Who freed it.
        stack: Node,
    },
    /// A `realloc` begins that moves a block: the address is free from here on.
    Leave {
        /// The address.
        pointer: u64,
    },
    /// A `realloc` has ended well.
    Realloc {
        /// Where the block was. If the block moved, the thread's event before this one is the `Leave` of it.
        old: u64,
        /// What it has become.
        birth: Birth,
    },
    /// The program set its marker.
    Marker {
        /// To this.
        value: u32,
    },
    /// The thread's next event is to get another time.
    OverrideTime {
        /// This, in microseconds.
        microseconds: u64,
    },
    /// From here on the events are those of another thread.
    Thread {
        /// Its kernel id.
        id: u32,
    },
}

/// A block's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Birth {
    /// Its address.
    pub pointer: u64,
    /// Bytes that were asked for.
    pub size: u64,
    /// Bytes that may be used.
    pub usable: u64,
    /// Who asked.
    pub stack: Node,
    /// What the allocator says of it.
    pub flags: Flags,
}

/// What an allocator says of a block. Any eight bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The three lowest bits: those that the GNU allocator keeps in the word before a block.
    pub const GNU: Self = Self(7);
    /// The block is jemalloc's.
    pub const JEMALLOC: Self = Self(8);

    /// As [`alloc_flags`] has them.
    #[inline]
    pub fn in_events(self, zeroed: bool) -> u32 {
        let jemalloc = if self.0 & Self::JEMALLOC.0 != 0 { alloc_flags::JEMALLOC } else { 0 };
        let calloc = if zeroed { alloc_flags::CALLOC } else { 0 };
        u32::from(self.0 & Self::GNU.0) | jemalloc | calloc
    }
}
