//! Mapped memory: what a profile knows of each map.

mod compatible;
mod filter;
mod predicate;
mod timeline;

pub use compatible::CompatibleMapTimeline;
pub use predicate::MapPredicate;
pub use timeline::{MapBucket, MapLevels, MapTimeline};

use crate::columns::Columns;
use crate::layout::{
    MalloptRecord, MapRecord, NEVER, NONE, RegionRecord, RemovalRecord, UsageRecord, map_flags,
};
use crate::model::{BacktraceId, MapId};
use crate::{MapSet, Profile};

/// What the capture library calls its own memory.
const BYTEHOUND: &str = "[anon:bytehound]";
/// What it calls that of jemalloc.
const JEMALLOC: &str = "[anon:jemalloc]";

/// One map: what a call of `mmap` made, or something that was mapped when somebody looked. Times are µs since 1970.
#[derive(Clone, Copy)]
pub struct Map<'a> {
    /// Its number.
    pub id: MapId,
    /// Where it began at first.
    pub address: u64,
    /// Bytes at first.
    pub size: u64,
    /// When it was mapped, or first seen.
    pub mapped_us: u64,
    /// When the last of it was seen to be gone.
    pub unmapped_us: Option<u64>,
    /// The call that made it, if that was seen.
    pub call: Option<MapCall>,
    /// The call that its end is put down to, if that was seen.
    pub unmapped_by: Option<MapCall>,
    /// How it may be used.
    pub access: Access,
    /// Path of a file, or what the kernel calls it; often empty.
    pub name: &'a str,
    /// Largest resident memory.
    pub peak_rss: u64,
    columns: &'a Columns<'a>,
    record: &'a MapRecord,
}

/// A part of a map as the kernel listed it.
#[derive(Clone, Copy)]
pub struct Region<'a> {
    /// Where it begins.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// When it was first listed; when its map was made, if it is all of that.
    pub added_us: u64,
    /// When it was listed no more.
    pub removed_us: Option<u64>,
    /// How it may be used.
    pub access: Access,
    /// Where in its file it begins.
    pub file_offset: u64,
    /// Its file.
    pub inode: u64,
    /// Major number of the file's device.
    pub major: u32,
    /// Minor number of the file's device.
    pub minor: u32,
    /// As that of its map.
    pub name: &'a str,
    removals: &'a [RemovalRecord],
}

/// A call that took away a part of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Where that part began.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// The call.
    pub call: MapCall,
}

/// A call of `mmap`, `munmap` or `mallopt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapCall {
    /// When, µs since 1970.
    pub time_us: u64,
    /// Kernel id of the thread.
    pub thread: u32,
    /// Where, if that is known.
    pub backtrace: Option<BacktraceId>,
}

/// How mapped memory may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the kernel has these four")]
pub struct Access {
    /// `PROT_READ`
    pub readable: bool,
    /// `PROT_WRITE`
    pub writable: bool,
    /// `PROT_EXEC`
    pub executable: bool,
    /// `MAP_SHARED`
    pub shared: bool,
}

/// One call of `mallopt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mallopt {
    /// The call.
    pub call: MapCall,
    /// What was set.
    pub param: i32,
    /// To what.
    pub value: i32,
    /// What `mallopt` returned.
    pub result: i32,
}

impl Profile {
    /// Every map, in the order of the capture.
    pub fn maps(&self) -> impl ExactSizeIterator<Item = Map<'_>> {
        let columns = self.columns();
        columns.maps.iter().enumerate().map(|(id, record)| Map::of(columns, MapId(id as u32), record))
    }

    /// One map.
    #[must_use]
    pub fn map(&self, id: MapId) -> Option<Map<'_>> {
        let columns = self.columns();
        columns.maps.get(id.0 as usize).map(|record| Map::of(columns, id, record))
    }

    /// The numbers of all maps.
    #[must_use]
    pub fn all_maps(&self) -> MapSet {
        (0..self.columns().maps.len() as u32).map(MapId).collect()
    }

    /// Every call of `mallopt`, in the order of the capture.
    pub fn mallopts(&self) -> impl ExactSizeIterator<Item = Mallopt> {
        self.columns().mallopts.iter().map(Mallopt::of)
    }
}

impl<'a> Map<'a> {
    /// Its regions, in the order of the capture.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = Region<'a>> {
        let columns = self.columns;
        columns.regions_of(self.record).iter().map(|record| Region::of(columns, record))
    }

    /// What it needed, from each moment on at which that changed.
    #[must_use]
    pub fn usage(&self) -> &'a [UsageRecord] {
        self.columns.usage_of(self.record)
    }

    /// Whether it is the capture library's own.
    #[must_use]
    pub fn is_bytehound(&self) -> bool {
        self.name == BYTEHOUND
    }

    /// Whether jemalloc made it.
    #[must_use]
    pub fn is_jemalloc(&self) -> bool {
        self.name == JEMALLOC
    }

    fn of(columns: &'a Columns<'a>, id: MapId, record: &'a MapRecord) -> Self {
        let call = MapCall::new(record.mapped, record.thread, record.backtrace);
        let unmapped_by = columns.removals.get(record.unmapped_by as usize);
        Self {
            id,
            address: record.address,
            size: record.size,
            mapped_us: record.mapped,
            unmapped_us: (record.unmapped != NEVER).then_some(record.unmapped),
            call: (record.flags & map_flags::CALLED != 0).then_some(call),
            unmapped_by: unmapped_by.map(|removal| Removal::of(removal).call),
            access: Access::of(record.flags),
            name: columns.string(record.name).unwrap_or_default(),
            peak_rss: record.peak_rss,
            columns,
            record,
        }
    }
}

impl<'a> Region<'a> {
    /// The calls that removed parts of it.
    pub fn removals(&self) -> impl ExactSizeIterator<Item = Removal> + 'a {
        self.removals.iter().map(Removal::of)
    }

    fn of(columns: &'a Columns<'a>, record: &'a RegionRecord) -> Self {
        Self {
            address: record.address,
            size: record.size,
            added_us: record.added,
            removed_us: (record.removed != NEVER).then_some(record.removed),
            access: Access::of(record.flags),
            file_offset: record.file_offset,
            inode: record.inode,
            major: record.major,
            minor: record.minor,
            name: columns.string(record.name).unwrap_or_default(),
            removals: columns.removals_of(record),
        }
    }
}

impl Removal {
    fn of(record: &RemovalRecord) -> Self {
        let call = MapCall::new(record.time, record.thread, record.backtrace);
        Self { address: record.address, size: record.size, call }
    }
}

impl MapCall {
    fn new(time_us: u64, thread: u32, backtrace: u32) -> Self {
        Self { time_us, thread, backtrace: (backtrace != NONE).then_some(BacktraceId(backtrace)) }
    }
}

impl Mallopt {
    fn of(record: &MalloptRecord) -> Self {
        let call = MapCall::new(record.time, record.thread, record.backtrace);
        Self { call, param: record.param, value: record.value, result: record.result }
    }
}

impl Access {
    fn of(flags: u32) -> Self {
        let has = |flag| flags & flag != 0;
        Self {
            readable: has(map_flags::READABLE),
            writable: has(map_flags::WRITABLE),
            executable: has(map_flags::EXECUTABLE),
            shared: has(map_flags::SHARED),
        }
    }
}
