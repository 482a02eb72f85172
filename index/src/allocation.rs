//! One allocation, with all that is known of it.

use crate::columns::Columns;
use crate::layout::{NEVER, NONE, flags};
use crate::model::{BacktraceId, Row};

/// One row of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Where it stands.
    pub row: Row,
    /// Ordinal of the allocation in the capture.
    pub id: u32,
    /// When it was allocated, µs since 1970.
    pub birth_us: u64,
    /// When it was freed or reallocated.
    pub death_us: Option<u64>,
    /// Bytes asked for.
    pub size: u64,
    /// Bytes given on top of that.
    pub extra: u32,
    /// Where the block lies.
    pub address: u64,
    /// Where it was allocated.
    pub backtrace: BacktraceId,
    /// Kernel id of the thread that allocated it.
    pub thread: u32,
    /// Bits of [`crate::layout::flags`].
    pub flags: u8,
    /// Marker in force when it was allocated.
    pub marker: u32,
    /// Where it was freed, if that was recorded.
    pub death_backtrace: Option<BacktraceId>,
    /// Kernel id of the thread that freed it.
    pub death_thread: Option<u32>,
    /// Its place among its reallocations.
    pub chain: Chain,
}

/// Where an allocation stands among those that `realloc` made of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first of them.
    pub first: Row,
    /// The last.
    pub last: Row,
    /// How many came before this one.
    pub position: u32,
    /// How many there are; 1 when it was never reallocated.
    pub length: u32,
}

impl Allocation {
    /// Never freed.
    #[must_use]
    pub fn is_leaked(&self) -> bool {
        self.death_us.is_none()
    }

    /// Bytes that the program could have used.
    #[must_use]
    pub fn usable_size(&self) -> u64 {
        self.size.wrapping_add(u64::from(self.extra))
    }

    /// Whether one of [`crate::layout::flags`] is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// glibc: the chunk has a mapping of its own.
    #[must_use]
    pub fn is_mmaped(&self) -> bool {
        self.has(flags::MMAPED)
    }

    /// From jemalloc.
    #[must_use]
    pub fn is_jemalloc(&self) -> bool {
        self.has(flags::JEMALLOC)
    }

    /// Not known to be of another arena than the main one.
    #[must_use]
    pub fn in_main_arena(&self) -> bool {
        !self.has(flags::NON_MAIN_ARENA)
    }

    pub(crate) fn of(columns: &Columns<'_>, row: Row) -> Self {
        let at = row.0 as usize;
        let death = columns.death.at(at);
        let death_backtrace = columns.death_backtrace.at(at);
        let is_dead = death != NEVER;
        Self {
            row,
            id: columns.id.at(at),
            birth_us: columns.birth.at(at),
            death_us: is_dead.then_some(death),
            size: columns.size.at(at),
            extra: columns.extra.at(at),
            address: columns.address.at(at),
            backtrace: BacktraceId(columns.backtrace.at(at)),
            thread: columns.thread.at(at),
            flags: columns.flags.at(at),
            marker: columns.marker.at(at),
            death_backtrace: (death_backtrace != NONE).then_some(BacktraceId(death_backtrace)),
            death_thread: is_dead.then(|| columns.death_thread.at(at)),
            chain: Chain::of(columns, row),
        }
    }
}

impl Chain {
    fn of(columns: &Columns<'_>, row: Row) -> Self {
        match columns.chain_of(row.0) {
            Some(rows @ [first, .., last]) => Self {
                first: Row(*first),
                last: Row(*last),
                position: position(rows, row.0) as u32,
                length: rows.len() as u32,
            },
            _ => Self { first: row, last: row, position: 0, length: 1 },
        }
    }
}

/// Where `row` stands in its chain. Rows are in order of birth and so are chains, unless clocks of threads disagreed.
pub(crate) fn position(chain: &[u32], row: u32) -> usize {
    chain.binary_search(&row).ok().or_else(|| chain.iter().position(|other| *other == row)).unwrap_or(0)
}
