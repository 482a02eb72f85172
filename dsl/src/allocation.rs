//! `Allocation`: one row.

use std::fmt;
use std::sync::Arc;

use bytehound_index::{Profile, Row};

use crate::backtrace::Backtrace;
use crate::library::Library;
use crate::span::{OptionalSpan, Span};

#[derive(Clone)]
pub(crate) struct Allocation {
    profile: Arc<Profile>,
    row: bytehound_index::Allocation,
}

impl Allocation {
    pub(crate) fn new(profile: &Arc<Profile>, row: Row) -> Self {
        Self { profile: Arc::clone(profile), row: profile.allocation(row) }
    }

    fn since_start(&self, time_us: u64) -> Span {
        Span(time_us.saturating_sub(self.profile.manifest().start_us))
    }

    fn allocated_at(&self) -> Span {
        self.since_start(self.row.birth_us)
    }

    fn thread_name(&self) -> &str {
        self.profile.thread_name(self.row.thread, self.row.birth_us).unwrap_or_default()
    }

    fn deallocated_at(&self) -> OptionalSpan {
        OptionalSpan(self.row.death_us.map(|time_us| self.since_start(time_us)))
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes at 0x{:x}, allocated at {}",
            self.row.size,
            self.row.address,
            self.allocated_at()
        )?;
        match self.deallocated_at().0 {
            Some(span) => write!(f, ", deallocated at {span}"),
            None => f.write_str(", never deallocated"),
        }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Allocation>("Allocation");
    library.define(
        "allocated_at() -> Duration",
        "When it was allocated, from the start of profiling.",
        "println(allocations()[0].allocated_at())",
        |allocation: &mut Allocation| allocation.allocated_at(),
    );
    library.define(
        "deallocated_at() -> Option<Duration>",
        "When it was freed, from the start of profiling; `None` if it never was.",
        "println(allocations()[0].deallocated_at())",
        |allocation: &mut Allocation| allocation.deallocated_at(),
    );
    library.define(
        "backtrace() -> Backtrace",
        "Where it was allocated.",
        "println(allocations()[0].backtrace())",
        |allocation: &mut Allocation| Backtrace::new(&allocation.profile, allocation.row.backtrace),
    );
    library.define(
        "size() -> Integer",
        "Bytes that were asked for.",
        "println(allocations()[0].size())",
        |allocation: &mut Allocation| i64::try_from(allocation.row.size).unwrap_or(i64::MAX),
    );
    library.define(
        "address() -> Integer",
        "Where it lay.",
        "println(allocations()[0].address())",
        |allocation: &mut Allocation| {
            // Addresses of the upper half print negative: Rhai has no unsigned integers.
            allocation.row.address.cast_signed()
        },
    );
    library.define(
        "thread() -> Integer",
        "Id of the thread that allocated it.",
        "println(allocations()[0].thread())",
        |allocation: &mut Allocation| i64::from(allocation.row.thread),
    );
    library.define(
        "thread_name() -> String",
        "Name of that thread at the time; empty where the capture does not tell it, as those of 0.11.",
        "println(allocations()[0].thread_name())",
        |allocation: &mut Allocation| allocation.thread_name().to_owned(),
    );
}
