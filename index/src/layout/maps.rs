//! Records of mapped memory.
//!
//! Maps are numbered in the order in which the capture first speaks of them; regions, removals and usage lie together
//! by map. Times are µs since 1970.

use bytemuck::{Pod, Zeroable};

/// Bits of the `flags` of maps and regions.
pub mod map_flags {
    /// `PROT_READ`
    pub const READABLE: u32 = 1;
    /// `PROT_WRITE`
    pub const WRITABLE: u32 = 2;
    /// `PROT_EXEC`
    pub const EXECUTABLE: u32 = 4;
    /// `MAP_SHARED`
    pub const SHARED: u32 = 8;
    /// The call that made the map was seen; only maps have it.
    pub const CALLED: u32 = 16;
}

/// One map: what a call of `mmap` made, or something that was mapped when somebody looked.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct MapRecord {
    /// Where it began at first.
    pub address: u64,
    /// Bytes at first.
    pub size: u64,
    /// When it was mapped, or first seen.
    pub mapped: u64,
    /// When the last of it was seen to be gone, or [`super::NEVER`].
    pub unmapped: u64,
    /// Largest resident memory.
    pub peak_rss: u64,
    /// Where it was mapped, or [`super::NONE`].
    pub backtrace: u32,
    /// Kernel id of the thread that mapped it.
    pub thread: u32,
    /// The removal that its end is put down to, or [`super::NONE`].
    pub unmapped_by: u32,
    /// A string.
    pub name: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// The first of its regions.
    pub first_region: u32,
    /// How many there are.
    pub region_count: u32,
    /// The first point of its usage.
    pub first_usage: u32,
    /// How many there are.
    pub usage_count: u32,
    /// Always 0.
    pub reserved: u32,
}

/// A part of a map as the kernel listed it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RegionRecord {
    /// Where it begins.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// When it was first listed; when its map was made, if it is all of that.
    pub added: u64,
    /// When it was listed no more, or [`super::NEVER`].
    pub removed: u64,
    /// Where in the file it begins.
    pub file_offset: u64,
    /// The file.
    pub inode: u64,
    /// Its device.
    pub major: u32,
    /// Its device.
    pub minor: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// A string.
    pub name: u32,
    /// The first of the calls that removed parts of it.
    pub first_removal: u32,
    /// How many there are.
    pub removal_count: u32,
}

/// A call that took away some of a region.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RemovalRecord {
    /// Where the removed part began.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// When it was called.
    pub time: u64,
    /// Where, or [`super::NONE`].
    pub backtrace: u32,
    /// Kernel id of the calling thread.
    pub thread: u32,
}

/// What a map needed from one moment on, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct UsageRecord {
    /// The moment.
    pub time: u64,
    /// Addresses taken.
    pub address_space: u64,
    /// Resident and of no file.
    pub anonymous: u64,
    /// Resident, shared with others, as in the file.
    pub shared_clean: u64,
    /// Resident, shared with others, written to.
    pub shared_dirty: u64,
    /// Resident, of this process alone, as in the file.
    pub private_clean: u64,
    /// Resident, of this process alone, written to.
    pub private_dirty: u64,
    /// Swapped out.
    pub swap: u64,
}

impl UsageRecord {
    /// Resident memory.
    #[must_use]
    pub fn rss(&self) -> u64 {
        self.clean().saturating_add(self.dirty())
    }

    /// Resident memory that is as in its file.
    #[must_use]
    pub fn clean(&self) -> u64 {
        self.shared_clean.saturating_add(self.private_clean)
    }

    /// Resident memory that was written to.
    #[must_use]
    pub fn dirty(&self) -> u64 {
        self.shared_dirty.saturating_add(self.private_dirty)
    }
}

/// One call of `mallopt`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct MalloptRecord {
    /// When.
    pub time: u64,
    /// Where, or [`super::NONE`].
    pub backtrace: u32,
    /// Kernel id of the calling thread.
    pub thread: u32,
    /// What was set.
    pub param: i32,
    /// To what.
    pub value: i32,
    /// What `mallopt` returned.
    pub result: i32,
    /// Always 0.
    pub reserved: u32,
}
