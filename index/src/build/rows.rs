//! Births and deaths matched: every allocation becomes one row, in the order of the file.

use bytehound_format::{AllocBody, alloc_flags};
use bytehound_store::{MappedVec, Scratch};
use bytemuck::{Pod, Zeroable};

use super::defects::Defects;
use super::live::{Claim, Key, Live};
use crate::IndexError;
use crate::layout::{NEVER, NONE, flags};

/// Larger than any user address space: such a size is damage.
pub(super) const SIZE_MAX: u64 = 1 << 48;
/// Σ of all sizes stays below, so that later sums cannot overflow; beyond it, too, lies only damage.
const TOTAL_MAX: u64 = 1 << 63;

/// One allocation as it is built. The backtraces are numbers of [`super::stacks::Stacks`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct RawRow {
    pub(super) birth: u64,
    /// Or [`NEVER`].
    pub(super) death: u64,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) extra: u32,
    pub(super) backtrace: u32,
    pub(super) thread: u32,
    pub(super) marker: u32,
    /// Or [`NONE`].
    pub(super) death_backtrace: u32,
    pub(super) death_thread: u32,
    /// The row that this one was reallocated from, or [`NONE`]; see [`super::chains`] for what becomes of it.
    pub(super) link: u32,
    /// [`flags`].
    pub(super) flags: u32,
}

impl RawRow {
    pub(super) fn usable(&self) -> u64 {
        self.size + u64::from(self.extra)
    }
}

/// One step of the program's heap.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Operation {
    pub(super) time: u64,
    pub(super) row: u32,
    /// [`BIRTH`], [`DEATH`] or [`REALLOC`].
    pub(super) kind: u32,
}

/// The row begins.
pub(super) const BIRTH: u32 = 0;
/// The row ends.
pub(super) const DEATH: u32 = 1;
/// The row begins and the one that it links to ends.
pub(super) const REALLOC: u32 = 2;

/// Where and when something happened.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) time: u64,
    pub(super) thread: u32,
    /// [`NONE`] when it wasn't recorded.
    pub(super) backtrace: u32,
}

/// Rows and operations in the order of the file, on disk but for the live blocks.
pub(super) struct Rows {
    pub(super) rows: MappedVec<RawRow>,
    pub(super) operations: MappedVec<Operation>,
    /// Whether the operations came in order of time.
    pub(super) sorted: bool,
    latest: u64,
    total_usable: u64,
    live: Live,
}

impl Rows {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            rows: MappedVec::new(scratch)?,
            operations: MappedVec::new(scratch)?,
            sorted: true,
            latest: 0,
            total_usable: 0,
            live: Live::default(),
        })
    }

    /// A block is allocated. At an address that is still taken, the block there must have been freed unseen;
    /// an id that is still taken is a mistake of the writer, and the event is dropped.
    pub(super) fn allocate(
        &mut self,
        key: Key,
        at: Moment,
        body: &AllocBody,
        marker: u32,
        defects: &mut Defects,
    ) -> Result<(), IndexError> {
        if !self.is_possible(body) {
            defects.impossible_sizes += 1;
            return Ok(());
        }
        let row = self.next_row()?;
        match self.live.claim(key, row) {
            Claim::Granted => {}
            Claim::Replaced(unseen) => self.end_unseen(unseen, at, defects)?,
            Claim::Refused => {
                defects.duplicate_ids += 1;
                return Ok(());
            }
        }
        self.rows.push(new_row(at, body, marker, NONE))?;
        self.push_operation(at.time, row, BIRTH)
    }

    /// A block is freed.
    pub(super) fn free(&mut self, key: Key, at: Moment, defects: &mut Defects) -> Result<(), IndexError> {
        let Some(row) = self.live.remove(key) else {
            defects.unknown_frees += 1;
            return Ok(());
        };
        let time = self.end_row(row, at, 0, defects);
        self.push_operation(time, row, DEATH)
    }

    /// A block ends and another one takes its place. Of a block known by pointer but never seen (it is older than
    /// the capture), the new block is known from here on.
    pub(super) fn reallocate(
        &mut self,
        (old, new): (Key, Key),
        at: Moment,
        body: &AllocBody,
        marker: u32,
        defects: &mut Defects,
    ) -> Result<(), IndexError> {
        let Some(old_row) = self.live.remove(old) else {
            if matches!(new, Key::Pointer(_)) {
                return self.allocate(new, at, body, marker, defects);
            }
            defects.unknown_reallocs += 1;
            return Ok(());
        };
        let possible = self.is_possible(body);
        let time = self.end_row(old_row, at, if possible { flags::REALLOCATED } else { 0 }, defects);
        if !possible {
            defects.impossible_sizes += 1;
            return self.push_operation(time, old_row, DEATH);
        }
        let at = Moment { time, ..at };
        let row = self.next_row()?;
        if let Claim::Replaced(unseen) = self.live.claim(new, row) {
            self.end_unseen(unseen, at, defects)?;
        }
        self.rows.push(new_row(at, body, marker, old_row))?;
        self.push_operation(time, row, REALLOC)
    }

    fn is_possible(&mut self, body: &AllocBody) -> bool {
        if body.size > SIZE_MAX {
            return false;
        }
        let total = self.total_usable + body.size + u64::from(body.extra_usable_space);
        let possible = total < TOTAL_MAX;
        if possible {
            self.total_usable = total;
        }
        possible
    }

    fn next_row(&self) -> Result<u32, IndexError> {
        u32::try_from(self.rows.len()).ok().filter(|&row| row != NONE).ok_or(IndexError::TooManyRows)
    }

    fn end_unseen(&mut self, row: u32, at: Moment, defects: &mut Defects) -> Result<(), IndexError> {
        defects.missed_frees += 1;
        let time = self.end_row(row, Moment { backtrace: NONE, ..at }, 0, defects);
        self.push_operation(time, row, DEATH)
    }

    /// Returns the time of death: no block dies before it is born, whatever the stamps say.
    fn end_row(&mut self, row: u32, at: Moment, reallocated: u8, defects: &mut Defects) -> u64 {
        let row = &mut self.rows.as_mut_slice()[row as usize];
        if at.time < row.birth {
            defects.early_deaths += 1;
        }
        row.death = at.time.max(row.birth);
        row.death_backtrace = at.backtrace;
        row.death_thread = at.thread;
        row.flags |= u32::from(reallocated);
        row.death
    }

    fn push_operation(&mut self, time: u64, row: u32, kind: u32) -> Result<(), IndexError> {
        self.sorted &= time >= self.latest;
        self.latest = self.latest.max(time);
        Ok(self.operations.push(Operation { time, row, kind })?)
    }
}

fn new_row(at: Moment, body: &AllocBody, marker: u32, link: u32) -> RawRow {
    RawRow {
        birth: at.time,
        death: NEVER,
        address: body.pointer,
        size: body.size,
        extra: body.extra_usable_space,
        backtrace: at.backtrace,
        thread: at.thread,
        marker,
        death_backtrace: NONE,
        death_thread: 0,
        link,
        flags: u32::from(column_flags(body.flags)),
    }
}

fn column_flags(recorded: u32) -> u8 {
    [
        (alloc_flags::PREV_IN_USE, flags::PREV_IN_USE),
        (alloc_flags::MMAPED, flags::MMAPED),
        (alloc_flags::NON_MAIN_ARENA, flags::NON_MAIN_ARENA),
        (alloc_flags::JEMALLOC, flags::JEMALLOC),
        (alloc_flags::CALLOC, flags::CALLOC),
    ]
    .iter()
    .filter(|(bit, _)| recorded & bit != 0)
    .fold(0, |all, (_, flag)| all | flag)
}
