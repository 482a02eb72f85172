//! One rare call, and its record.

use bytehound_format::v2::batch::Node;

use super::queue::WORDS;
use crate::clock::Tick;

/// A call that has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Stamped before the call was made: what it took away, others may have had from here on.
    pub(crate) before: Tick,
    /// Stamped after it has returned: what it gave was nobody else's before.
    pub(crate) after: Tick,
    /// Kernel id of the calling thread.
    pub(crate) thread: u32,
    pub(crate) stack: Node,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `mmap` gave `address` to the code at `caller`, or to [`JEMALLOC`].
    Map { address: u64, request: Request, caller: u64 },
    /// `munmap`, of a range with so many bytes in memory.
    Unmap { address: u64, len: u64, resident: u64 },
    /// `mremap` gave `new`.
    Remap { old: u64, old_len: u64, new: u64, new_len: u64, flags: u32, caller: u64 },
    /// `mallopt`.
    Mallopt { parameter: i32, value: i32, result: i32 },
    /// This library has mapped memory for itself.
    OwnMap { address: u64, len: u64 },
    /// This library has given such memory back.
    OwnUnmap { address: u64, len: u64 },
}

/// Stands for a caller that is known to be the program's own jemalloc.
pub(crate) const JEMALLOC: u64 = 1;

/// What `mmap` was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) address: u64,
    pub(crate) len: u64,
    pub(crate) protection: u32,
    pub(crate) flags: u32,
    pub(crate) descriptor: u32,
    pub(crate) offset: u64,
}

const MAP: u64 = 1;
const UNMAP: u64 = 2;
const REMAP: u64 = 3;
const OWN_MAP: u64 = 4;
const OWN_UNMAP: u64 = 5;
const MALLOPT: u64 = 6;

impl Call {
    /// Whether what it is about can be asked of the kernel only now: the name of a file that was mapped.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self.what, What::Map { request, .. } if request.flags & libc::MAP_ANONYMOUS as u32 == 0)
    }

    pub(super) fn to_words(self) -> [u64; WORDS] {
        let (kind, rest) = match self.what {
            What::Map { address, request, caller } => {
                let Request { address: hint, len, protection, flags, descriptor, offset } = request;
                let rest = [address, hint, len, two(protection, flags), descriptor.into(), offset, caller];
                (MAP, rest)
            }
            What::Unmap { address, len, resident } => (UNMAP, [address, len, resident, 0, 0, 0, 0]),
            What::Remap { old, old_len, new, new_len, flags, caller } => {
                (REMAP, [old, old_len, new, new_len, flags.into(), 0, caller])
            }
            What::Mallopt { parameter, value, result } => {
                (MALLOPT, [two(parameter as u32, value as u32), two(result as u32, 0), 0, 0, 0, 0, 0])
            }
            What::OwnMap { address, len } => (OWN_MAP, [address, len, 0, 0, 0, 0, 0]),
            What::OwnUnmap { address, len } => (OWN_UNMAP, [address, len, 0, 0, 0, 0, 0]),
        };
        let mut words = [0; WORDS];
        words[..4].copy_from_slice(&[kind, self.before.0, self.after.0, two(self.thread, self.stack.0)]);
        words[4..4 + rest.len()].copy_from_slice(&rest);
        words
    }

    /// None if the record is none of a call.
    pub(super) fn from_words(words: &[u64; WORDS]) -> Option<Self> {
        let [kind, before, after, who, one, two, three, four, five, six, seven, ..] = *words;
        let what = match kind {
            MAP => What::Map {
                address: one,
                request: Request {
                    address: two,
                    len: three,
                    protection: high(four),
                    flags: four as u32,
                    descriptor: five as u32,
                    offset: six,
                },
                caller: seven,
            },
            UNMAP => What::Unmap { address: one, len: two, resident: three },
            REMAP => What::Remap {
                old: one,
                old_len: two,
                new: three,
                new_len: four,
                flags: five as u32,
                caller: seven,
            },
            MALLOPT => {
                What::Mallopt { parameter: high(one) as i32, value: one as i32, result: high(two) as i32 }
            }
            OWN_MAP => What::OwnMap { address: one, len: two },
            OWN_UNMAP => What::OwnUnmap { address: one, len: two },
            _ => return None,
        };
        let (before, after) = (Tick(before), Tick(after));
        Some(Self { before, after, thread: high(who), stack: Node(who as u32), what })
    }
}

fn two(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_read_as_it_was_written() {
        let request = Request {
            address: 0x1000,
            len: u64::MAX,
            protection: 7,
            flags: 0x8000_0022,
            descriptor: u32::MAX,
            offset: 1 << 45,
        };
        for what in [
            What::Map { address: 1 << 46, request, caller: 99 },
            What::Unmap { address: 2, len: 3, resident: 4 },
            What::Remap { old: 1, old_len: 2, new: 3, new_len: 4, flags: 5, caller: 6 },
            What::Mallopt { parameter: -8, value: i32::MIN, result: 1 },
            What::OwnMap { address: 4, len: 5 },
            What::OwnUnmap { address: 6, len: 7 },
        ] {
            let call = Call { before: Tick(8), after: Tick(9), thread: 77, stack: Node(u32::MAX), what };
            assert_eq!(Call::from_words(&call.to_words()), Some(call));
        }
        assert_eq!(Call::from_words(&[0; WORDS]), None);
    }
}
