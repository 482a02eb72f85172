//! What is said about a profile as a whole, and about one of its backtraces or time buckets.

use bytehound_symbols::normalize::NORM_VERSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layout::{LAYOUT_VERSION, LAYOUT_VERSION_MIN};

/// A backtrace of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct BacktraceId(pub u32);

/// A frame of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// A map of one profile, in the order of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct MapId(pub u32);

/// A row of one profile: an allocation, in order of (birth, id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub u32);

/// What a profile says of itself: kept in the catalogue and in the summary index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// [`crate::layout::LAYOUT_VERSION`] it was built with.
    pub layout_version: u32,
    /// Version of the name normalisation behind the stack keys.
    pub norm_version: u32,
    /// 32 hexadecimal digits; several profiles may share it.
    pub data_id: String,
    /// Path of the program.
    pub executable: String,
    /// Its arguments.
    pub cmdline: Vec<String>,
    /// `x86_64`, …
    pub architecture: String,
    /// 4 or 8.
    pub pointer_size: u8,
    /// Process id.
    pub pid: u32,
    /// T0: µs since 1970.
    pub start_us: u64,
    /// T1: the latest time stamp of the capture.
    pub end_us: u64,
    /// Labels written into the capture itself.
    pub labels: Vec<(String, String)>,
    /// Events decoded.
    pub events: u64,
    /// Rows: blocks allocated, a realloc counting as a new one.
    pub allocations: u64,
    /// Σ size of all rows.
    pub allocated_bytes: u64,
    /// Σ size of rows that were freed, reallocated ones included.
    pub freed_bytes: u64,
    /// Rows never freed.
    pub leaked_count: u64,
    /// Σ size of rows never freed.
    pub leaked_bytes: u64,
    /// Largest Σ size of live rows.
    pub peak_bytes: u64,
    /// When it was first reached.
    pub peak_at_us: u64,
    /// Distinct backtraces.
    pub backtraces: u32,
    /// Frames of the deepest backtrace, inline frames included.
    pub max_depth: u32,
    /// How many frames of a backtrace were captured at most, if the capture says so.
    pub frames_max: Option<u32>,
    /// Width of a [`TimeBucket`], in µs.
    pub bucket_width_us: u64,
    /// What was wrong with the capture, one sentence each: truncation, duplicate ids, unknown frees, ….
    pub defects: Vec<String>,
}

impl Manifest {
    /// Whether this version can read what belongs to it.
    pub fn is_readable(&self) -> bool {
        (LAYOUT_VERSION_MIN..=LAYOUT_VERSION).contains(&self.layout_version)
    }

    /// Whether this version would build the same; else the profile is to be indexed again. What is readable answers meanwhile.
    pub fn is_current(&self) -> bool {
        (self.layout_version, self.norm_version) == (LAYOUT_VERSION, NORM_VERSION)
    }

    /// T1 − T0.
    pub fn runtime_us(&self) -> u64 {
        self.end_us.saturating_sub(self.start_us)
    }
}

/// Everything that is known of one backtrace without looking at its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktraceSummary {
    /// Rows of this backtrace in the capture.
    pub rows: u64,
    /// Rows plus allocations that were culled or stripped (group statistics).
    pub allocated_count: u64,
    /// Σ requested size of the rows.
    pub allocated_bytes: u64,
    /// Rows freed, plus culled ones.
    pub freed_count: u64,
    /// Σ requested size of rows freed.
    pub freed_bytes: u64,
    /// Rows never freed.
    pub leaked_count: u64,
    /// Σ requested size of rows never freed.
    pub leaked_bytes: u64,
    /// Σ usable size of rows and culled allocations.
    pub usable_bytes: u64,
    /// Smallest usable size, culled allocations included.
    pub min_usable: u64,
    /// Largest usable size, culled allocations included.
    pub max_usable: u64,
    /// Smallest requested size among the rows alone.
    pub min_size: u64,
    /// Largest requested size among the rows alone.
    pub max_size: u64,
    /// First birth, µs since 1970.
    pub first_us: u64,
    /// Last birth.
    pub last_us: u64,
    /// First and last birth among the rows alone.
    pub first_row_us: u64,
    /// See `first_row_us`.
    pub last_row_us: u64,
    /// Largest Σ usable size of live rows of this backtrace.
    pub own_peak_usable: u64,
    /// When that was first reached.
    pub own_peak_at_us: u64,
    /// Σ requested size of its rows alive at the profile's peak: these add up to the profile's `peak_bytes`.
    pub peak_bytes: u64,
}

/// What happened in one bucket of time. Bucket `b` covers `[b·w, (b + 1)·w)` µs since 1970, `w` the manifest's width;
/// only buckets in which something happened are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBucket {
    /// `b`.
    pub index: u64,
    /// Births, reallocs included.
    pub allocated_count: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Deaths, reallocs included.
    pub freed_count: u64,
    /// Their bytes.
    pub freed_bytes: u64,
    /// Births and deaths that were one realloc: these are in both counts.
    pub reallocated_count: u64,
    /// Live bytes when the bucket ends.
    pub live_bytes_end: u64,
    /// Largest live bytes after any operation of the bucket.
    pub live_bytes_max: u64,
    /// Live rows when the bucket ends.
    pub live_count_end: u64,
    /// Largest number of live rows after any operation of the bucket.
    pub live_count_max: u64,
}

/// One cell of the table keyed by backtrace and time: what one backtrace did in one span of buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The backtrace.
    pub backtrace: u32,
    /// Births.
    pub allocated_count: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Deaths of rows of this backtrace.
    pub freed_count: u64,
    /// Their bytes.
    pub freed_bytes: u64,
}
