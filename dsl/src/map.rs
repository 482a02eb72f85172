//! `Map`: one piece of mapped memory.

use std::fmt;
use std::sync::Arc;

use bytehound_index::{MapId, Profile};

use crate::backtrace::{Backtrace, OptionalBacktrace};
use crate::library::Library;
use crate::span::{OptionalSpan, Span};

#[derive(Clone)]
pub(crate) struct Map {
    profile: Arc<Profile>,
    id: MapId,
}

impl Map {
    /// Map `id` of `profile`, if there is one.
    pub(crate) fn new(profile: &Arc<Profile>, id: MapId) -> Option<Self> {
        profile.map(id).map(|_| Self { profile: Arc::clone(profile), id })
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    pub(crate) fn id(&self) -> MapId {
        self.id
    }

    fn ask<T: Default>(&self, of: impl FnOnce(bytehound_index::Map<'_>) -> T) -> T {
        self.profile.map(self.id).map(of).unwrap_or_default()
    }

    fn since_start(&self, time_us: u64) -> Span {
        Span(time_us.saturating_sub(self.profile.manifest().start_us))
    }

    fn allocated_at(&self) -> Span {
        self.since_start(self.ask(|map| map.mapped_us))
    }

    fn deallocated_at(&self) -> OptionalSpan {
        OptionalSpan(self.ask(|map| map.unmapped_us).map(|time_us| self.since_start(time_us)))
    }

    fn backtrace(&self) -> OptionalBacktrace {
        let backtrace = self.ask(|map| map.call.and_then(|call| call.backtrace));
        OptionalBacktrace(backtrace.map(|id| Backtrace::new(&self.profile, id)))
    }

    fn name(&self) -> String {
        self.ask(|map| map.name.to_owned())
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, address) = self.ask(|map| (map.size, map.address));
        write!(f, "{size} bytes at 0x{address:x}")?;
        let name = self.name();
        if !name.is_empty() {
            write!(f, " of {name}")?;
        }
        write!(f, ", mapped at {}", self.allocated_at())?;
        match self.deallocated_at().0 {
            Some(span) => write!(f, ", unmapped at {span}"),
            None => f.write_str(", never unmapped"),
        }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Map>("Map");
    library.define(
        "allocated_at() -> Duration",
        "When it was mapped, or first seen, from the start of profiling.",
        "println(maps()[0].allocated_at())",
        |map: &mut Map| map.allocated_at(),
    );
    library.define(
        "deallocated_at() -> Option<Duration>",
        "When all of it was unmapped, from the start of profiling; `None` if it never was.",
        "println(maps()[0].deallocated_at())",
        |map: &mut Map| map.deallocated_at(),
    );
    library.define(
        "backtrace() -> Option<Backtrace>",
        "Where it was mapped; `None` if that was not seen.",
        "println(maps()[0].backtrace())",
        |map: &mut Map| map.backtrace(),
    );
    library.define(
        "size() -> Integer",
        "Bytes that were mapped.",
        "println(maps()[0].size())",
        |map: &mut Map| i64::try_from(map.ask(|map| map.size)).unwrap_or(i64::MAX),
    );
    library.define(
        "peak_rss() -> Integer",
        "Most bytes of it that were in memory at once.",
        "println(maps()[0].peak_rss())",
        |map: &mut Map| i64::try_from(map.ask(|map| map.peak_rss)).unwrap_or(i64::MAX),
    );
    library.define(
        "address() -> Integer",
        "Where it began.",
        "println(maps()[0].address())",
        |map: &mut Map| {
            // As for allocations.
            map.ask(|map| map.address).cast_signed()
        },
    );
    library.define(
        "name() -> String",
        "Path of the file, or what the kernel calls it; often empty.",
        "println(maps()[0].name())",
        |map: &mut Map| map.name(),
    );
}
