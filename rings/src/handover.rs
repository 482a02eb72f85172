//! How a region gets to the program that fills it, and back to whoever started that: memory without a name, which both
//! map. Its first pages say who has it, and which file is written from it; the region lies behind them.
#![expect(unsafe_code, reason = "memory shared with another process")]

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Bytes before the region.
pub const HANDOVER_LEN: usize = 8192;

/// Longer paths are not handed over.
const PATH_LEN_MAX: usize = 4096;
/// Tells a handover from other memory. Another layout needs another number.
const MAGIC: u64 = u64::from_le_bytes(*b"bhover01");

/// The pages before the region.
#[repr(C)]
pub struct Handover {
    magic: AtomicU64,
    /// Bytes of the region.
    region_len: AtomicU64,
    /// The process that fills the region; 0 if none has taken it.
    process: AtomicU32,
    phase: AtomicU32,
    clock: AtomicU32,
    /// 1 while the process executes another program: if that works, nobody sets it back.
    executing: AtomicU32,
    path_len: AtomicU32,
    path: [AtomicU8; PATH_LEN_MAX],
}

const _: () = assert!(size_of::<Handover>() <= HANDOVER_LEN);

/// The clock whose ticks the events have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Clock {
    /// The monotonic clock, in nanoseconds.
    Monotonic = 0,
    /// The processor's counter.
    Counter = 1,
}

/// No file is written, or it has its end.
const CLOSED: u32 = 0;
/// A file is written, and its end is missing.
const OPEN: u32 = 1;

/// What a process has left that could not end its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The file.
    pub path: Vec<u8>,
    /// The clock of its events.
    pub clock: Clock,
    /// Bytes of the region.
    pub region_len: usize,
    /// Whether it was another program that ended there.
    pub executing: bool,
}

impl Handover {
    /// Offers zeroed memory.
    ///
    /// # Safety
    /// As [`Handover::at`].
    pub unsafe fn offer(start: usize) {
        // SAFETY: as the caller vouches.
        unsafe { Self::place(start) }.magic.store(MAGIC, Ordering::Release);
    }

    /// The handover in memory that another process has offered; none if there is none.
    ///
    /// # Safety
    /// [`HANDOVER_LEN`] bytes at `start`, aligned to a page, are readable and writable for good, and used by nobody but
    /// through handovers. The provenance of `start` was exposed.
    pub unsafe fn at(start: usize) -> Option<&'static Self> {
        // SAFETY: as the caller vouches.
        let handover = unsafe { Self::place(start) };
        (handover.magic.load(Ordering::Acquire) == MAGIC).then_some(handover)
    }

    unsafe fn place(start: usize) -> &'static Self {
        // SAFETY: enough bytes, as the caller vouches; any numbers are valid.
        unsafe { &*core::ptr::with_exposed_provenance::<Self>(start) }
    }

    /// Takes the region for a process; whether it was free.
    pub fn take(&self, process: u32, region_len: usize) -> bool {
        let taken = self.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if taken {
            self.region_len.store(region_len as u64, Ordering::Relaxed);
        }
        taken
    }

    /// The process that has taken the region.
    pub fn process(&self) -> Option<u32> {
        Some(self.process.load(Ordering::Acquire)).filter(|&process| process != 0)
    }

    /// Says that a file is written from the region: from now on it is missing its end.
    pub fn open(&self, path: &[u8], clock: Clock) {
        if path.len() > PATH_LEN_MAX {
            return;
        }
        self.path.iter().zip(path).for_each(|(to, &byte)| to.store(byte, Ordering::Relaxed));
        self.path_len.store(path.len() as u32, Ordering::Relaxed);
        self.clock.store(clock as u32, Ordering::Relaxed);
        self.phase.store(OPEN, Ordering::Release);
    }

    /// Says whether the process is executing another program.
    pub fn set_executing(&self, executing: bool) {
        self.executing.store(executing.into(), Ordering::Release);
    }

    /// Says that the file has its end.
    pub fn close(&self) {
        self.phase.store(CLOSED, Ordering::Release);
    }

    /// What was left, once the process is gone; none if nothing is missing.
    pub fn left(&self) -> Option<Left> {
        if self.phase.load(Ordering::Acquire) != OPEN {
            return None;
        }
        let path = self.path.get(..self.path_len.load(Ordering::Relaxed) as usize)?;
        Some(Left {
            path: path.iter().map(|byte| byte.load(Ordering::Relaxed)).collect(),
            clock: match self.clock.load(Ordering::Relaxed) {
                0 => Clock::Monotonic,
                _ => Clock::Counter,
            },
            region_len: self.region_len.load(Ordering::Relaxed) as usize,
            executing: self.executing.load(Ordering::Relaxed) != 0,
        })
    }
}

/// Where a program finds what is handed over to it: the value of the variable that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// A descriptor that the program inherits.
    pub descriptor: i32,
    /// What the descriptor has to lead to: numbers are used again.
    pub device: u64,
    /// See `device`.
    pub inode: u64,
}

impl Ticket {
    /// Reads what [`Display`](fmt::Display) has written.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = core::str::from_utf8(text).ok()?.split(':');
        let ticket = Self {
            descriptor: parts.next()?.parse().ok()?,
            device: parts.next()?.parse().ok()?,
            inode: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(ticket)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}:{}", self.descriptor, self.device, self.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> usize {
        let layout = core::alloc::Layout::from_size_align(HANDOVER_LEN, 4096).unwrap();
        // SAFETY: the layout is not empty; the memory is never freed.
        unsafe { std::alloc::alloc_zeroed(layout) }.expose_provenance()
    }

    #[test]
    fn what_is_left_is_the_file_without_an_end() {
        let start = memory();
        // SAFETY: the memory is as it has to be.
        unsafe {
            assert!(Handover::at(start).is_none());
            Handover::offer(start);
        }
        // SAFETY: as above.
        let handover = unsafe { Handover::at(start) }.unwrap();
        assert_eq!((handover.process(), handover.left()), (None, None));
        assert!(handover.take(42, 1 << 20));
        assert!(!handover.take(43, 1 << 21));
        assert_eq!((handover.process(), handover.left()), (Some(42), None));
        handover.open(b"/tmp/a.dat", Clock::Counter);
        let left = Left {
            path: b"/tmp/a.dat".to_vec(),
            clock: Clock::Counter,
            region_len: 1 << 20,
            executing: false,
        };
        assert_eq!(handover.left(), Some(left.clone()));
        handover.set_executing(true);
        assert_eq!(handover.left(), Some(Left { executing: true, ..left }));
        handover.close();
        assert_eq!(handover.left(), None);
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        let ticket = Ticket { descriptor: 7, device: 1 << 40, inode: 99 };
        assert_eq!(Ticket::parse(ticket.to_string().as_bytes()), Some(ticket));
        for other in [&b""[..], b"7", b"7:1", b"7:1:2:3", b"x:1:2"] {
            assert_eq!(Ticket::parse(other), None);
        }
    }
}
