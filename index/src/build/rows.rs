//! Births and deaths matched: every allocation becomes one row, in the order of the file.

use std::hint::black_box;

use bytehound_format::{AllocBody, alloc_flags};
use bytehound_store::{MappedVec, Scratch};
use bytemuck::{Pod, Zeroable};

use super::defects::Defects;
use super::feed::Fed;
use super::live::{Claim, Key, Live};
use super::log::{Birth, Births, Death, Deaths, FinishedBirths, FinishedDeaths, FinishedLog, Log, Step};
use super::table::Table;
use crate::IndexError;
use crate::layout::{NEVER, NONE, flags};

/// Larger than any user address space: such a size is damage.
pub(super) const SIZE_MAX: u64 = 1 << 48;
/// Σ of all sizes stays below, so that later sums cannot overflow; beyond it, too, lies only damage.
const TOTAL_MAX: u64 = 1 << 63;

/// Where and when something happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) time: u64,
    pub(super) thread: u32,
    /// A number of [`super::stacks::Stacks`], or [`NONE`] when it wasn't recorded.
    pub(super) backtrace: u32,
}

/// A block as it is allocated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) extra: u32,
    /// [`flags`].
    pub(super) flags: u8,
    /// The marker in force.
    pub(super) marker: u32,
}

impl Block {
    pub(super) fn new(body: &AllocBody, marker: u32) -> Self {
        Self {
            address: body.pointer,
            size: body.size,
            extra: body.extra_usable_space,
            flags: column_flags(body.flags),
            marker,
        }
    }
}

/// What the program did to a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Allocate(Block),
    /// The block at this address.
    Free(u64),
    /// The block at this address became another one.
    Reallocate(u64, Block),
}

impl Deed {
    /// Where the block is that it is done to.
    #[inline]
    fn address(&self) -> u64 {
        match self {
            Self::Allocate(block) => block.address,
            Self::Free(address) | Self::Reallocate(address, _) => *address,
        }
    }
}

/// How a row ends. While that is awaited, what its end has to know of its birth.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct End {
    /// Of death, or [`NEVER`]; of birth, while it lives.
    pub(super) time: u64,
    /// Means something only while it lives.
    size: u64,
    /// [`flags`] that its end adds; the extra bytes, while it lives.
    flags: u32,
    /// Of death, or [`NONE`]; of birth, while it lives.
    pub(super) backtrace: u32,
    /// Of death, or [`NONE`].
    pub(super) thread: u32,
    /// The number of its chain, or [`NONE`] for a row that is alone.
    pub(super) chain: u32,
}

impl End {
    pub(super) fn flags(&self) -> u8 {
        self.flags as u8
    }
}

/// Rows and steps in the order of the file, on disk but for the live blocks.
pub(super) struct Rows {
    births: Table<Births>,
    deaths: Table<Deaths>,
    log: Log,
    ends: MappedVec<End>,
    live: Live,
    /// The rows that were probably meant by the deeds that are taken next.
    glanced: Vec<u32>,
    chains: u32,
    total_usable: u64,
    pub(super) defects: Defects,
}

/// All rows of a capture.
pub(super) struct FinishedRows {
    pub(super) births: FinishedBirths,
    pub(super) deaths: FinishedDeaths,
    pub(super) log: FinishedLog,
    pub(super) ends: MappedVec<End>,
    /// How many chains there are.
    pub(super) chains: u32,
}

impl Rows {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            births: Table::new(scratch)?,
            deaths: Table::new(scratch)?,
            log: Log::new(scratch)?,
            ends: MappedVec::new(scratch)?,
            live: Live::default(),
            glanced: Vec::new(),
            chains: 0,
            total_usable: 0,
            defects: Defects::default(),
        })
    }

    /// Looks for the blocks of deeds that are taken next. Nothing comes of it but time: the looks wait for memory together,
    /// where the deeds would wait one after the other.
    pub(super) fn look_ahead(&mut self, deeds: &[Fed]) {
        self.glanced.clear();
        let key = |fed: &Fed| Key::new(fed.id, fed.deed.address());
        self.glanced.extend(deeds.iter().map(|fed| self.live.glance(key(fed))));
        let ends = self.ends.as_slice();
        let seen = |seen: u32, &row: &u32| seen ^ ends.get(row as usize).map_or(0, |end| end.thread);
        black_box(self.glanced.iter().fold(0, seen));
    }

    /// Takes what was done to a block; the id is that of both blocks of a realloc.
    #[inline]
    pub(super) fn take(&mut self, fed: &Fed) -> Result<(), IndexError> {
        let &Fed { id, at, .. } = fed;
        match &fed.deed {
            Deed::Allocate(block) => self.allocate(Key::new(id, block.address), at, block),
            Deed::Free(address) => self.free(Key::new(id, *address), at),
            Deed::Reallocate(old, block) => {
                self.reallocate(Key::new(id, *old), Key::new(id, block.address), at, block)
            }
        }
    }

    /// Ends the rows that nothing ended.
    pub(super) fn finish(mut self) -> Result<(FinishedRows, Defects), IndexError> {
        let ends = self.ends.as_mut_slice();
        self.live.rows().for_each(|row| {
            let end = &mut ends[row as usize];
            // A thread like no other: in the column it is as cheap as none.
            *end = End { time: NEVER, size: 0, flags: 0, backtrace: NONE, thread: NONE, chain: end.chain };
        });
        let rows = FinishedRows {
            births: self.births.finish()?,
            deaths: self.deaths.finish()?,
            log: self.log.finish()?,
            ends: self.ends,
            chains: self.chains,
        };
        Ok((rows, self.defects))
    }

    /// A block is allocated. At an address that is still taken, the block there must have been freed unseen;
    /// an id that is still taken is a mistake of the writer, and the event is dropped.
    fn allocate(&mut self, key: Key, at: Moment, block: &Block) -> Result<(), IndexError> {
        if !self.is_possible(block) {
            self.defects.impossible_sizes += 1;
            return Ok(());
        }
        match self.live.claim(key, self.next_row()?) {
            Claim::Granted => {}
            Claim::Replaced(unseen) => self.end_unseen(unseen, at)?,
            Claim::Refused => {
                self.defects.duplicate_ids += 1;
                return Ok(());
            }
        }
        self.begin_row(at, block, NONE)?;
        self.log.push(Step::Birth, at.time)
    }

    /// A block is freed.
    fn free(&mut self, key: Key, at: Moment) -> Result<(), IndexError> {
        let Some(row) = self.live.remove(key) else {
            self.defects.unknown_frees += 1;
            return Ok(());
        };
        let time = self.end_row(row, at, 0)?;
        self.log.push(Step::Death, time)
    }

    /// A block ends and another one takes its place. Of a block known by pointer but never seen (it is older than
    /// the capture), the new block is known from here on.
    fn reallocate(&mut self, old: Key, new: Key, at: Moment, block: &Block) -> Result<(), IndexError> {
        let Some(old_row) = self.live.remove(old) else {
            if matches!(new, Key::Pointer(_)) {
                self.defects.older_blocks += 1;
                return self.allocate(new, at, block);
            }
            self.defects.unknown_reallocs += 1;
            return Ok(());
        };
        if !self.is_possible(block) {
            self.defects.impossible_sizes += 1;
            let time = self.end_row(old_row, at, 0)?;
            return self.log.push(Step::Death, time);
        }
        if let Claim::Replaced(unseen) = self.live.claim(new, self.next_row()?) {
            let birth = self.ends.as_slice()[old_row as usize].time;
            self.end_unseen(unseen, Moment { time: at.time.max(birth), ..at })?;
        }
        let time = self.end_row(old_row, at, flags::REALLOCATED)?;
        let chain = self.chain_of(old_row);
        self.begin_row(Moment { time, ..at }, block, chain)?;
        self.log.push(Step::Realloc, time)
    }

    fn is_possible(&mut self, block: &Block) -> bool {
        if block.size > SIZE_MAX {
            return false;
        }
        let total = self.total_usable + block.size + u64::from(block.extra);
        let possible = total < TOTAL_MAX;
        if possible {
            self.total_usable = total;
        }
        possible
    }

    fn next_row(&self) -> Result<u32, IndexError> {
        u32::try_from(self.ends.len()).ok().filter(|&row| row != NONE).ok_or(IndexError::TooManyRows)
    }

    /// The chain of a row that is reallocated. Chains are numbered in the order of their second rows.
    fn chain_of(&mut self, row: u32) -> u32 {
        let chain = &mut self.ends.as_mut_slice()[row as usize].chain;
        if *chain == NONE {
            *chain = self.chains;
            self.chains += 1;
        }
        *chain
    }

    fn begin_row(&mut self, at: Moment, block: &Block, chain: u32) -> Result<(), IndexError> {
        self.births.push(Birth {
            time: at.time,
            address: block.address,
            size: block.size,
            extra: block.extra,
            backtrace: at.backtrace,
            thread: at.thread,
            marker: block.marker,
            flags: block.flags,
        })?;
        Ok(self.ends.push(End {
            time: at.time,
            size: block.size,
            flags: block.extra,
            backtrace: at.backtrace,
            thread: 0,
            chain,
        })?)
    }

    fn end_unseen(&mut self, row: u32, at: Moment) -> Result<(), IndexError> {
        self.defects.missed_frees += 1;
        let time = self.end_row(row, Moment { backtrace: NONE, ..at }, 0)?;
        self.log.push(Step::Death, time)
    }

    /// Returns the time of death: no block dies before it is born, whatever the stamps say.
    #[inline]
    fn end_row(&mut self, row: u32, at: Moment, flags: u8) -> Result<u64, IndexError> {
        let end = &mut self.ends.as_mut_slice()[row as usize];
        if at.time < end.time {
            self.defects.early_deaths += 1;
        }
        let time = at.time.max(end.time);
        // But for the time, as it was born.
        self.deaths.push(Death {
            time,
            row,
            size: end.size,
            extra: end.flags,
            backtrace: end.backtrace,
            is_new: u8::from(time == end.time),
        })?;
        *end = End {
            time,
            size: 0,
            flags: u32::from(flags),
            backtrace: at.backtrace,
            thread: at.thread,
            chain: end.chain,
        };
        Ok(time)
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
