//! The sections of a profile's segment: what [`crate::build`] writes and [`crate::Profile`] reads.
//!
//! Rows are allocations ordered by (birth, id). A realloc ends one row and begins another.
//!
//! | section | element | content |
//! |---|---|---|
//! | `birth` | u64 | µs since 1970, wall clock |
//! | `death` | u64 | the same, [`NEVER`] when leaked |
//! | `size` | u64 | bytes asked for |
//! | `extra` | u32 | usable size − size |
//! | `address` | u64 | |
//! | `backtrace` | u32 | [`crate::BacktraceId`] |
//! | `thread` | u32 | kernel id of the allocating thread |
//! | `flags` | u8 | [`flags`] |
//! | `marker` | u32 | marker in force at birth |
//! | `id` | u32 | ordinal of the allocation in the capture |
//! | `chain` | u32 | index of its realloc chain, or [`NONE`] |
//! | `death_backtrace` | u32 | or [`NONE`] |
//! | `death_thread` | u32 | or [`NONE`] |
//! | `chronicle` | u64 | a bit an operation, in order of time, lowest bits first: 1 a birth, 0 a death; see `docs/index.md` |
//! | `deaths` | u32 | of each death in the chronicle: rows born after the row that dies and before its death |
//! | `zones` | [`Zone`] | one for every [`BLOCK_ROWS`] rows |
//! | `chain_offsets` | u32 | chain `c` has the rows `chain_rows[offsets[c]..offsets[c + 1]]`, first to last |
//! | `chain_rows` | u32 | |
//! | `backtrace_offsets` | u32 | backtrace `b` has the frames `backtrace_frames[offsets[b]..offsets[b + 1]]` |
//! | `backtrace_frames` | u32 | indexes into `frames`, outermost first, inline frames expanded |
//! | `frames` | [`FrameRecord`] | |
//! | `stack_keys` | [`StackKeys`] | one a backtrace |
//! | `string_offsets` | u64 | string `s` is `string_bytes[offsets[s]..offsets[s + 1]]`, UTF-8 |
//! | `string_bytes` | u8 | |
//! | `maps` | [`MapRecord`] | in the order of the capture |
//! | `map_regions` | [`RegionRecord`] | |
//! | `map_removals` | [`RemovalRecord`] | |
//! | `map_usage` | [`UsageRecord`] | |
//! | `mallopts` | [`MalloptRecord`] | in the order of the capture |
//! | `thread_names` | [`ThreadNameRecord`] | by thread, then in order of time; since version 6 |

mod maps;

use bytemuck::{Pod, Zeroable};

pub use maps::{MalloptRecord, MapRecord, RegionRecord, RemovalRecord, UsageRecord, map_flags};

/// Version of everything described here; an earlier one means: build again.
pub const LAYOUT_VERSION: u32 = 6;
/// The earliest version that can be read: what has it answers until it is built again.
pub const LAYOUT_VERSION_MIN: u32 = 5;
/// `death` of a row that was never freed.
pub const NEVER: u64 = u64::MAX;
/// An absent index.
pub const NONE: u32 = u32::MAX;
/// Rows of one block: the unit of zone maps and of parallel scans.
pub const BLOCK_ROWS: usize = bytehound_store::BLOCK_LEN;

/// Bits of the `flags` column.
pub mod flags {
    /// glibc: the chunk has a mapping of its own.
    pub const MMAPED: u8 = 1;
    /// glibc: not of the main arena.
    pub const NON_MAIN_ARENA: u8 = 2;
    /// From jemalloc.
    pub const JEMALLOC: u8 = 4;
    /// Zeroed by the allocator.
    pub const CALLOC: u8 = 8;
    /// glibc: the chunk before is in use.
    pub const PREV_IN_USE: u8 = 16;
    /// Ended by a realloc that made the next row of its chain.
    pub const REALLOCATED: u8 = 32;
}

/// Names of the sections.
#[expect(missing_docs, reason = "the table above describes them")]
pub mod section {
    pub const BIRTH: &str = "birth";
    pub const DEATH: &str = "death";
    pub const SIZE: &str = "size";
    pub const EXTRA: &str = "extra";
    pub const ADDRESS: &str = "address";
    pub const BACKTRACE: &str = "backtrace";
    pub const THREAD: &str = "thread";
    pub const FLAGS: &str = "flags";
    pub const MARKER: &str = "marker";
    pub const ID: &str = "id";
    pub const CHAIN: &str = "chain";
    pub const DEATH_BACKTRACE: &str = "death_backtrace";
    pub const DEATH_THREAD: &str = "death_thread";
    pub const CHRONICLE: &str = "chronicle";
    pub const DEATHS: &str = "deaths";
    pub const ZONES: &str = "zones";
    pub const CHAIN_OFFSETS: &str = "chain_offsets";
    pub const CHAIN_ROWS: &str = "chain_rows";
    pub const BACKTRACE_OFFSETS: &str = "backtrace_offsets";
    pub const BACKTRACE_FRAMES: &str = "backtrace_frames";
    pub const FRAMES: &str = "frames";
    pub const STACK_KEYS: &str = "stack_keys";
    pub const STRING_OFFSETS: &str = "string_offsets";
    pub const STRING_BYTES: &str = "string_bytes";
    pub const MAPS: &str = "maps";
    pub const MAP_REGIONS: &str = "map_regions";
    pub const MAP_REMOVALS: &str = "map_removals";
    pub const MAP_USAGE: &str = "map_usage";
    pub const MALLOPTS: &str = "mallopts";
    pub const THREAD_NAMES: &str = "thread_names";
}

/// Extremes of one block of rows, so that a scan can skip it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Zone {
    /// Smallest and largest birth.
    pub birth: [u64; 2],
    /// Smallest and largest death; [`NEVER`] counts as the largest.
    pub death: [u64; 2],
    /// Smallest and largest size.
    pub size: [u64; 2],
    /// Smallest and largest address.
    pub address: [u64; 2],
    /// Rows that were never freed.
    pub leaked: u64,
}

/// One frame of a stack, inline frames being frames of their own. Strings are indexes, [`NONE`] when absent.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct FrameRecord {
    /// Return address − 1, as it was in the process.
    pub address: u64,
    /// How many allocations of the capture pass through this frame, culled ones included.
    pub count: u64,
    /// Base name of the module.
    pub library: u32,
    /// Linkage name.
    pub raw_function: u32,
    /// Demangled name.
    pub function: u32,
    /// Full path of the source file.
    pub source: u32,
    /// Line, or [`NONE`].
    pub line: u32,
    /// Column, or [`NONE`].
    pub column: u32,
    /// 1 for an inlined call.
    pub is_inline: u32,
    /// Always 0.
    pub reserved: u32,
}

/// A name that a thread had.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct ThreadNameRecord {
    /// When the capture tells it, µs since 1970.
    pub time: u64,
    /// Kernel id of the thread.
    pub thread: u32,
    /// A string.
    pub name: u32,
}

/// Content hashes of one stack, the same in every run that has this stack. See `docs/index.md`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct StackKeys {
    /// Build-id and module-relative address of every frame: the same binaries.
    pub exact: [u64; 2],
    /// Module, function, file and line: the same source.
    pub line: [u64; 2],
    /// Module, function and file.
    pub file: [u64; 2],
    /// Module and function: what comparisons match by.
    pub function: [u64; 2],
}
