//! The tags of the 28 events.

/// Which of the 28 events one is. Its number is the tag that starts the event in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
#[expect(missing_docs, reason = "named as the variants of `Event`; see docs/format.md")]
pub enum EventKind {
    Header = 0,
    Alloc,
    Realloc,
    Free,
    File,
    Backtrace,
    MemoryDump,
    Marker,
    MemoryMap,
    MemoryUnmap,
    Mallopt,
    Environ,
    WallClock,
    PartialBacktrace,
    String,
    DecodedFrame,
    DecodedBacktrace,
    GroupStatistics,
    PartialBacktrace32,
    Backtrace32,
    AllocEx,
    ReallocEx,
    FreeEx,
    File64,
    AddRegion,
    RemoveRegion,
    UpdateRegionUsage,
    MemoryMapEx,
}

impl EventKind {
    /// All kinds, each at the index of its tag.
    pub const ALL: [Self; 28] = [
        Self::Header,
        Self::Alloc,
        Self::Realloc,
        Self::Free,
        Self::File,
        Self::Backtrace,
        Self::MemoryDump,
        Self::Marker,
        Self::MemoryMap,
        Self::MemoryUnmap,
        Self::Mallopt,
        Self::Environ,
        Self::WallClock,
        Self::PartialBacktrace,
        Self::String,
        Self::DecodedFrame,
        Self::DecodedBacktrace,
        Self::GroupStatistics,
        Self::PartialBacktrace32,
        Self::Backtrace32,
        Self::AllocEx,
        Self::ReallocEx,
        Self::FreeEx,
        Self::File64,
        Self::AddRegion,
        Self::RemoveRegion,
        Self::UpdateRegionUsage,
        Self::MemoryMapEx,
    ];

    /// The number that starts an event of this kind.
    pub const fn tag(self) -> u32 {
        self as u32
    }

    /// The kind with this tag; none for a tag that 0.11 does not know.
    pub fn from_tag(tag: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(tag).ok()?).copied()
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
