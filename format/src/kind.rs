//! The tags of the events.

/// Which of the events one is. Its number is the tag that starts the event in the stream.
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
    ThreadName,
    Module,
    Setting,
    Label,
    Warning,
    Dropped,
    End,
}

impl EventKind {
    /// All kinds, each at the index of its tag.
    pub const ALL: [Self; 35] = [
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
        Self::ThreadName,
        Self::Module,
        Self::Setting,
        Self::Label,
        Self::Warning,
        Self::Dropped,
        Self::End,
    ];

    /// The number that starts an event of this kind.
    pub const fn tag(self) -> u32 {
        self as u32
    }

    /// Whether 0.11 knows events of this kind. Others stand in a stream of 0.11 only inside a file of the name
    /// [`crate::CARRIER_PATH`].
    pub const fn is_in_0_11(self) -> bool {
        self as u32 <= Self::MemoryMapEx as u32
    }

    /// The kind with this tag.
    pub fn from_tag(tag: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(tag).ok()?).copied()
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
