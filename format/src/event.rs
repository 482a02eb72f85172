//! The events of the stream: the 28 of 0.11, and those that only version 2 has. Integers are little endian whatever
//! machine was profiled.
//!
//! Events borrow their text and bytes from the buffer they were decoded from.

use std::borrow::Cow;

use crate::end_cause::EndCause;

/// Microseconds of the target's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Identifies one capture; printed as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataId {
    /// The first 16 digits.
    pub a: u64,
    /// The last 16 digits.
    pub b: u64,
}

/// Identifies one block of memory through its reallocations: the thread that made it, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId {
    /// Number of the thread, from 1.
    pub thread: u64,
    /// Number of the allocation in that thread, from 1.
    pub allocation: u64,
}

impl AllocationId {
    /// A block without an identity of its own: its pointer identifies it.
    pub const UNTRACKED: Self = Self { thread: 0, allocation: 0 };
    /// A block whose identity was lost: its pointer identifies it.
    pub const INVALID: Self = Self { thread: u64::MAX, allocation: u64::MAX };

    /// Whether the pointer, not this id, says which block is meant.
    pub fn is_by_pointer(self) -> bool {
        self == Self::UNTRACKED || self == Self::INVALID
    }
}

/// Bits of [`AllocBody::flags`].
pub mod alloc_flags {
    /// glibc: the chunk before this one is in use.
    pub const PREV_IN_USE: u32 = 1;
    /// glibc: the chunk has a mapping of its own.
    pub const MMAPED: u32 = 2;
    /// glibc: the chunk belongs to another arena than the main one.
    pub const NON_MAIN_ARENA: u32 = 4;
    /// The block came from jemalloc.
    pub const JEMALLOC: u32 = 0x4000_0000;
    /// The block was zeroed by its allocator.
    pub const CALLOC: u32 = 0x8000_0000;
}

/// Bits of the `flags` of [`Event::AddRegion`].
pub mod region_flags {
    /// `PROT_READ`
    pub const READABLE: u32 = 1;
    /// `PROT_WRITE`
    pub const WRITABLE: u32 = 2;
    /// `PROT_EXEC`
    pub const EXECUTABLE: u32 = 4;
    /// `MAP_SHARED`
    pub const SHARED: u32 = 8;
}

/// What every event that makes a block of memory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocBody {
    /// Address that the program got.
    pub pointer: u64,
    /// Bytes that the program asked for.
    pub size: u64,
    /// The stack, as the id of an earlier backtrace event.
    pub backtrace: u64,
    /// Kernel id of the calling thread.
    pub thread: u32,
    /// See [`alloc_flags`].
    pub flags: u32,
    /// Usable size minus `size`.
    pub extra_usable_space: u32,
    /// Always 0; kept for the format.
    pub preceding_free_space: u64,
}

/// Who asked for a mapping, or for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionSource {
    /// When.
    pub timestamp: Timestamp,
    /// The stack.
    pub backtrace: u64,
    /// Kernel id of the calling thread.
    pub thread: u32,
}

/// One call that removed a part of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionTargetedSource {
    /// Start of the removed part.
    pub address: u64,
    /// Bytes removed.
    pub length: u64,
    /// The call.
    pub source: RegionSource,
}

/// The first event of a stream: which process this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBody<'a> {
    /// Identity of the capture.
    pub id: DataId,
    /// Monotonic time at which the library came up.
    pub initial_timestamp: Timestamp,
    /// Monotonic half of the clock pair.
    pub timestamp: Timestamp,
    /// Wall clock half of the pair: seconds since 1970.
    pub wall_clock_secs: u64,
    /// Wall clock half of the pair: nanoseconds.
    pub wall_clock_nsecs: u64,
    /// Process id.
    pub pid: u32,
    /// `/proc/self/cmdline`: arguments, each ended by a NUL.
    pub cmdline: Cow<'a, [u8]>,
    /// Target of `/proc/self/exe`.
    pub executable: Cow<'a, [u8]>,
    /// `x86_64`, `aarch64`, `arm` or `mips64`.
    pub arch: Cow<'a, str>,
    /// Bit 0: the target is little endian.
    pub flags: u64,
    /// 4 or 8.
    pub pointer_size: u8,
}

impl HeaderBody<'_> {
    /// The header with texts of its own.
    pub fn into_owned(self) -> HeaderBody<'static> {
        HeaderBody {
            cmdline: Cow::Owned(self.cmdline.into_owned()),
            executable: Cow::Owned(self.executable.into_owned()),
            arch: Cow::Owned(self.arch.into_owned()),
            ..self
        }
    }
}

/// How many frames of the thread's last backtrace a partial one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramesInvalidated {
    /// Nothing of the last backtrace is kept.
    All,
    /// This many innermost frames are replaced.
    Some(u32),
}

/// A list of addresses as the stream holds it: little-endian words, not aligned. Equal if the addresses are.
#[derive(Clone, Copy)]
pub enum Addresses<'a> {
    /// 8 bytes an address.
    Wide(&'a [u8]),
    /// 4 bytes an address.
    Narrow(&'a [u8]),
    /// Words of the caller, for encoding.
    Words(&'a [u64]),
}

/// One event. Backtrace addresses are return addresses, innermost first.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields are named as the format's table names them; see docs/format.md")]
pub enum Event<'a> {
    Header(HeaderBody<'a>),
    Alloc {
        timestamp: Timestamp,
        allocation: AllocBody,
    },
    Realloc {
        timestamp: Timestamp,
        old_pointer: u64,
        allocation: AllocBody,
    },
    Free {
        timestamp: Timestamp,
        pointer: u64,
        backtrace: u64,
        thread: u32,
    },
    File {
        timestamp: Timestamp,
        path: Cow<'a, str>,
        contents: Cow<'a, [u8]>,
    },
    Backtrace {
        id: u64,
        addresses: Addresses<'a>,
    },
    MemoryDump {
        address: u64,
        length: u64,
        data: Cow<'a, [u8]>,
    },
    Marker {
        value: u32,
    },
    MemoryMap {
        timestamp: Timestamp,
        pointer: u64,
        length: u64,
        backtrace: u64,
        requested_address: u64,
        mmap_protection: u32,
        mmap_flags: u32,
        file_descriptor: u32,
        thread: u32,
        offset: u64,
    },
    MemoryUnmap {
        timestamp: Timestamp,
        pointer: u64,
        length: u64,
        backtrace: u64,
        thread: u32,
    },
    Mallopt {
        timestamp: Timestamp,
        backtrace: u64,
        thread: u32,
        param: i32,
        value: i32,
        result: i32,
    },
    Environ {
        entry: Cow<'a, [u8]>,
    },
    WallClock {
        timestamp: Timestamp,
        sec: u64,
        nsec: u64,
    },
    PartialBacktrace {
        id: u64,
        thread: u32,
        frames_invalidated: FramesInvalidated,
        addresses: Addresses<'a>,
    },
    String {
        id: u32,
        string: Cow<'a, str>,
    },
    DecodedFrame {
        address: u64,
        library: u32,
        raw_function: u32,
        function: u32,
        source: u32,
        line: u32,
        column: u32,
        is_inline: bool,
    },
    DecodedBacktrace {
        frames: U32List<'a>,
    },
    GroupStatistics {
        backtrace: u64,
        first_allocation: Timestamp,
        last_allocation: Timestamp,
        free_count: u64,
        free_size: u64,
        min_size: u64,
        max_size: u64,
    },
    PartialBacktrace32 {
        id: u64,
        thread: u32,
        frames_invalidated: FramesInvalidated,
        addresses: Addresses<'a>,
    },
    Backtrace32 {
        id: u64,
        addresses: Addresses<'a>,
    },
    AllocEx {
        id: AllocationId,
        timestamp: Timestamp,
        allocation: AllocBody,
    },
    ReallocEx {
        id: AllocationId,
        timestamp: Timestamp,
        old_pointer: u64,
        allocation: AllocBody,
    },
    FreeEx {
        id: AllocationId,
        timestamp: Timestamp,
        pointer: u64,
        backtrace: u64,
        thread: u32,
    },
    File64 {
        timestamp: Timestamp,
        path: Cow<'a, str>,
        contents: Cow<'a, [u8]>,
    },
    AddRegion {
        timestamp: Timestamp,
        map_id: u64,
        address: u64,
        length: u64,
        file_offset: u64,
        inode: u64,
        major: u32,
        minor: u32,
        flags: u32,
        name: Cow<'a, str>,
    },
    RemoveRegion {
        timestamp: Timestamp,
        map_id: u64,
        address: u64,
        length: u64,
        sources: Vec<RegionTargetedSource>,
    },
    UpdateRegionUsage {
        timestamp: Timestamp,
        map_id: u64,
        address: u64,
        length: u64,
        anonymous: u64,
        shared_clean: u64,
        shared_dirty: u64,
        private_clean: u64,
        private_dirty: u64,
        swap: u64,
    },
    MemoryMapEx {
        map_id: u64,
        address: u64,
        requested_address: u64,
        requested_length: u64,
        mmap_protection: u32,
        mmap_flags: u32,
        file_descriptor: u32,
        offset: u64,
        source: RegionSource,
    },
    /// A thread has this name from here on.
    ThreadName {
        timestamp: Timestamp,
        thread: u32,
        name: Cow<'a, str>,
    },
    /// A module was mapped.
    Module {
        timestamp: Timestamp,
        generation: u32,
        address: u64,
        length: u64,
        load_bias: u64,
        build_id: Cow<'a, [u8]>,
        path: Cow<'a, str>,
    },
    /// A setting of the capture.
    Setting {
        key: Cow<'a, str>,
        value: Cow<'a, str>,
    },
    /// A label of the capture.
    Label {
        key: Cow<'a, str>,
        value: Cow<'a, str>,
    },
    /// The capture library warned of something.
    Warning {
        message: Cow<'a, str>,
    },
    /// So many events could not be kept, from the start on.
    Dropped {
        events: u64,
    },
    /// The capture ends here.
    End {
        timestamp: Timestamp,
        cause: EndCause,
    },
}

/// A list of u32 as the stream holds it, or as the caller does. Equal if the numbers are.
#[derive(Clone, Copy)]
pub enum U32List<'a> {
    /// 4 little-endian bytes a number.
    Bytes(&'a [u8]),
    /// Numbers of the caller, for encoding.
    Words(&'a [u32]),
}

impl<'a> Addresses<'a> {
    /// How many addresses there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Wide(bytes) => bytes.len() / 8,
            Self::Narrow(bytes) => bytes.len() / 4,
            Self::Words(words) => words.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses, innermost first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        let this = *self;
        (0..this.len()).map(move |index| match this {
            Self::Wide(bytes) => le_u64(bytes, index * 8),
            Self::Narrow(bytes) => u64::from(le_u32(bytes, index * 4)),
            Self::Words(words) => words[index],
        })
    }
}

impl PartialEq for Addresses<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Addresses<'_> {}

impl std::fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> U32List<'a> {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len() / 4,
            Self::Words(words) => words.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let this = *self;
        (0..this.len()).map(move |index| match this {
            Self::Bytes(bytes) => le_u32(bytes, index * 4),
            Self::Words(words) => words[index],
        })
    }
}

impl PartialEq for U32List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for U32List<'_> {}

impl std::fmt::Debug for U32List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl std::fmt::Display for DataId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{:016x}", self.a, self.b)
    }
}

fn le_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}
