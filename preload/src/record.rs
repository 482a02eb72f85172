//! Records: what a thread tells the writer, packed into words of the ring.

use bytehound_format::alloc_flags;

use crate::clock::Tick;
use crate::stacks::StackId;

/// Bits of a first word that hold the kind; the tick is above them.
const KIND_BITS: u32 = 4;
/// Extra usable space beyond this is cut: the word has 27 bits for it.
const EXTRA_MAX: u64 = (1 << 27) - 1;

/// A block's origin, as the writer needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) pointer: u64,
    pub(crate) size: u64,
    pub(crate) stack: StackId,
    /// Usable size minus `size`.
    pub(crate) extra: u32,
    pub(crate) flags: Flags,
}

/// What the allocator says of a block, in five bits: the three of the GNU allocator, whether it was zeroed, and
/// whether jemalloc made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    const ZEROED: u8 = 8;
    const JEMALLOC: u8 = 16;

    pub(crate) fn new(chunk_bits: u64, zeroed: bool) -> Self {
        Self((chunk_bits & 7) as u8 | if zeroed { Self::ZEROED } else { 0 })
    }

    /// Of an allocator that the program brings along.
    pub(crate) fn of_program(is_jemalloc: bool, zeroed: bool) -> Self {
        Self(if is_jemalloc { Self::JEMALLOC } else { 0 } | if zeroed { Self::ZEROED } else { 0 })
    }

    /// The flags of the format.
    pub(crate) fn for_event(self) -> u32 {
        let zeroed = if self.0 & Self::ZEROED != 0 { alloc_flags::CALLOC } else { 0 };
        let jemalloc = if self.0 & Self::JEMALLOC != 0 { alloc_flags::JEMALLOC } else { 0 };
        u32::from(self.0 & 7) | zeroed | jemalloc
    }
}

/// One record of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// From here on the ring speaks for the thread of this kernel id.
    Thread {
        id: u32,
    },
    Alloc(Birth),
    Free {
        pointer: u64,
        stack: StackId,
    },
    /// A `realloc` begins that moves the block away from `pointer`: the address is free from here on.
    Leave {
        pointer: u64,
    },
    /// A `realloc` has succeeded. If the block moved, a `Leave` of this thread came before.
    Realloc {
        old: u64,
        new: Birth,
    },
    Marker {
        value: u32,
    },
    /// The next event gets this time, in microseconds.
    OverrideTime {
        microseconds: u64,
    },
}

const THREAD: u64 = 1;
const ALLOC: u64 = 2;
const FREE: u64 = 3;
const LEAVE: u64 = 4;
const REALLOC: u64 = 5;
const MARKER: u64 = 6;
const OVERRIDE_TIME: u64 = 7;

#[inline(always)]
fn first(tick: Tick, kind: u64) -> u64 {
    tick.0 << KIND_BITS | kind
}

/// The tick of a record, from its first word.
#[inline(always)]
pub(crate) fn tick(first: u64) -> Tick {
    Tick(first >> KIND_BITS)
}

#[inline(always)]
pub(crate) fn thread(tick: Tick, id: u32) -> [u64; 2] {
    [first(tick, THREAD), u64::from(id)]
}

#[inline(always)]
pub(crate) fn alloc(tick: Tick, birth: Birth) -> [u64; 4] {
    let [pointer, size, rest] = birth.pack();
    [first(tick, ALLOC), pointer, size, rest]
}

#[inline(always)]
pub(crate) fn free(tick: Tick, pointer: u64, stack: StackId) -> [u64; 3] {
    [first(tick, FREE), pointer, u64::from(stack.0)]
}

#[inline(always)]
pub(crate) fn leave(tick: Tick, pointer: u64) -> [u64; 2] {
    [first(tick, LEAVE), pointer]
}

#[inline(always)]
pub(crate) fn realloc(tick: Tick, old: u64, new: Birth) -> [u64; 5] {
    let [pointer, size, rest] = new.pack();
    [first(tick, REALLOC), pointer, size, rest, old]
}

#[inline(always)]
pub(crate) fn marker(tick: Tick, value: u32) -> [u64; 2] {
    [first(tick, MARKER), u64::from(value)]
}

#[inline(always)]
pub(crate) fn override_time(tick: Tick, microseconds: u64) -> [u64; 2] {
    [first(tick, OVERRIDE_TIME), microseconds]
}

impl Birth {
    #[inline(always)]
    fn pack(self) -> [u64; 3] {
        let extra = u64::from(self.extra).min(EXTRA_MAX);
        let rest = u64::from(self.stack.0) << 32 | extra << 5 | u64::from(self.flags.0);
        [self.pointer, self.size, rest]
    }

    #[inline(always)]
    fn unpack([pointer, size, rest]: [u64; 3]) -> Self {
        let stack = StackId((rest >> 32) as u32);
        Self { pointer, size, stack, extra: (rest as u32) >> 5, flags: Flags((rest & 31) as u8) }
    }
}

/// Reads the record whose words `word` gives, and how many they are.
#[inline(always)]
pub(crate) fn read(word: impl Fn(u64) -> u64) -> Option<(Record, u64)> {
    let birth = || Birth::unpack([word(1), word(2), word(3)]);
    Some(match word(0) & ((1 << KIND_BITS) - 1) {
        THREAD => (Record::Thread { id: word(1) as u32 }, 2),
        ALLOC => (Record::Alloc(birth()), 4),
        FREE => (Record::Free { pointer: word(1), stack: StackId(word(2) as u32) }, 3),
        LEAVE => (Record::Leave { pointer: word(1) }, 2),
        REALLOC => (Record::Realloc { old: word(4), new: birth() }, 5),
        MARKER => (Record::Marker { value: word(1) as u32 }, 2),
        OVERRIDE_TIME => (Record::OverrideTime { microseconds: word(1) }, 2),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[u64], expected: Record) {
        let (record, len) = read(|at| words[at as usize]).unwrap();
        assert_eq!(record, expected);
        assert_eq!(len as usize, words.len());
        assert_eq!(tick(words[0]), Tick(77));
    }

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let birth = Birth {
            pointer: 0x7fff_1234_5678,
            size: 1 << 40,
            stack: StackId(u32::MAX - 1),
            extra: EXTRA_MAX as u32,
            flags: Flags::of_program(true, true),
        };
        let at = Tick(77);
        check(&thread(at, 12), Record::Thread { id: 12 });
        check(&alloc(at, birth), Record::Alloc(birth));
        check(&free(at, 9, StackId(3)), Record::Free { pointer: 9, stack: StackId(3) });
        check(&leave(at, 9), Record::Leave { pointer: 9 });
        check(&realloc(at, 8, birth), Record::Realloc { old: 8, new: birth });
        check(&marker(at, 4), Record::Marker { value: 4 });
        check(&override_time(at, u64::MAX), Record::OverrideTime { microseconds: u64::MAX });
    }

    #[test]
    fn flags_become_those_of_the_format() {
        assert_eq!(Flags::new(3, true).for_event(), 0x8000_0003);
        assert_eq!(Flags::new(8 | 6, false).for_event(), 6);
        assert_eq!(Flags::of_program(true, true).for_event(), alloc_flags::JEMALLOC | alloc_flags::CALLOC);
        assert_eq!(Flags::of_program(false, false).for_event(), 0);
    }
}
