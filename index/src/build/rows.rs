//! Births and deaths matched: every allocation becomes one row, in the order of the file.

use bytehound_format::{AllocBody, alloc_flags};
use bytehound_store::Scratch;

use super::block_table::Life;
use super::defects::Defects;
use super::ends::{End, Fate, FinishedEnds, Link};
use super::feed::Fed;
use super::live::{Claim, Key, Live, LiveBudget};
use super::log::{Birth, Births, Dead, Death, Ended, FinishedBirths, FinishedDeaths, FinishedLog, Log, Step};
use super::table::Table;
use crate::IndexError;
use crate::layout::{NONE, flags};

/// Larger than any user address space: such a size is damage.
pub(super) const SIZE_MAX: u64 = 1 << 48;
/// Σ of all sizes stays below, so that later sums cannot overflow; beyond it, too, lies only damage.
const TOTAL_MAX: u64 = 1 << 63;

/// So few blocks that live are near at hand anyway.
const FEW: usize = 1 << 14;

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
}

impl Block {
    pub(super) fn new(body: &AllocBody) -> Self {
        Self {
            address: body.pointer,
            size: body.size,
            extra: body.extra_usable_space,
            flags: column_flags(body.flags),
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
    /// To none: from here on this marker is in force.
    Mark(u32),
}

impl Deed {
    /// Where the block is that it is done to.
    #[inline]
    fn address(&self) -> u64 {
        match self {
            Self::Allocate(block) => block.address,
            Self::Free(address) | Self::Reallocate(address, _) => *address,
            Self::Mark(_) => 0,
        }
    }
}

/// Rows and steps in the order of the file, on disk but for the live blocks, as far as there is memory for them.
pub(super) struct Rows {
    births: Table<Births>,
    dead: Table<Dead>,
    log: Log,
    live: Live,
    /// The places of the blocks that are probably meant by the deeds that are taken next.
    glanced: Vec<u32>,
    marker: u32,
    rows: u32,
    chains: u32,
    total_usable: u64,
    pub(super) defects: Defects,
}

/// All rows of a capture.
pub(super) struct FinishedRows {
    pub(super) births: FinishedBirths,
    pub(super) deaths: FinishedDeaths,
    pub(super) log: FinishedLog,
    pub(super) ends: FinishedEnds,
    /// How many rows there are.
    pub(super) rows: u32,
    /// How many chains there are.
    pub(super) chains: u32,
}

impl Rows {
    pub(super) fn new(scratch: &Scratch, budget: LiveBudget) -> Result<Self, IndexError> {
        Ok(Self {
            births: Table::new(scratch)?,
            dead: Table::new(scratch)?,
            log: Log::new(scratch)?,
            live: Live::new(scratch, budget),
            glanced: Vec::new(),
            marker: 0,
            rows: 0,
            chains: 0,
            total_usable: 0,
            defects: Defects::default(),
        })
    }

    /// Looks for the blocks of deeds that are taken next. Nothing comes of it but time: their memory comes together, where
    /// the deeds would wait for it one after the other.
    pub(super) fn look_ahead(&mut self, deeds: &[Fed]) {
        if self.live.len() < FEW {
            return;
        }
        let keys = || deeds.iter().map(|fed| Key::new(fed.id, fed.deed.address()));
        keys().for_each(|key| self.live.prefetch(key));
        self.glanced.clear();
        self.glanced.extend(keys().map(|key| self.live.glance(key)));
        keys().zip(&self.glanced).for_each(|(key, place)| self.live.prefetch_at(key, *place));
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
            Deed::Mark(marker) => {
                self.marker = *marker;
                Ok(())
            }
        }
    }

    /// Ends the rows that nothing ended.
    pub(super) fn finish(self) -> Result<(FinishedRows, Defects), IndexError> {
        let (deaths, mut ends) = self.dead.finish()?;
        for life in self.live.lives().filter(|life| life.chain != NONE) {
            let Link(link) = Link::new(life.chain, false);
            ends.push(End { row: life.row, fate: Fate { link, ..Fate::OPEN } })?;
        }
        let rows = FinishedRows {
            births: self.births.finish()?,
            deaths,
            log: self.log.finish()?,
            ends: ends.finish(self.rows as usize)?,
            rows: self.rows,
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
        self.check_room()?;
        let life = self.begin(at, block, NONE);
        match self.live.claim(key, life)? {
            Claim::Granted => {}
            Claim::Replaced(unseen) => self.end_unseen(&unseen, at)?,
            Claim::Refused => {
                self.defects.duplicate_ids += 1;
                return Ok(());
            }
        }
        self.add(&life, at, block)?;
        self.log.push(Step::Birth, at.time)
    }

    /// A block is freed.
    fn free(&mut self, key: Key, at: Moment) -> Result<(), IndexError> {
        let Some(life) = self.live.remove(key) else {
            self.defects.unknown_frees += 1;
            return Ok(());
        };
        let time = self.end(&life, at, Link::new(life.chain, false))?;
        self.log.push(Step::Death, time)
    }

    /// A block ends and another one takes its place. Of a block known by pointer but never seen (it is older than
    /// the capture), the new block is known from here on.
    fn reallocate(&mut self, old: Key, new: Key, at: Moment, block: &Block) -> Result<(), IndexError> {
        let Some(old_life) = self.live.remove(old) else {
            if matches!(new, Key::Pointer(_)) {
                self.defects.older_blocks += 1;
                return self.allocate(new, at, block);
            }
            self.defects.unknown_reallocs += 1;
            return Ok(());
        };
        if !self.is_possible(block) {
            self.defects.impossible_sizes += 1;
            let time = self.end(&old_life, at, Link::new(old_life.chain, false))?;
            return self.log.push(Step::Death, time);
        }
        // Chains are numbered in the order of their second rows.
        let chain = if old_life.chain == NONE { self.chains } else { old_life.chain };
        self.chains = self.chains.max(chain + 1);
        let now = Moment { time: at.time.max(old_life.time), ..at };
        self.check_room()?;
        let life = self.begin(now, block, chain);
        if let Claim::Replaced(unseen) = self.live.claim(new, life)? {
            self.end_unseen(&unseen, now)?;
        }
        self.end(&old_life, at, Link::new(chain, true))?;
        self.add(&life, now, block)?;
        self.log.push(Step::Realloc, now.time)
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

    fn check_room(&self) -> Result<(), IndexError> {
        if self.rows == NONE { Err(IndexError::TooManyRows) } else { Ok(()) }
    }

    /// The next row, which is not yet added.
    #[inline(always)]
    fn begin(&self, at: Moment, block: &Block, chain: u32) -> Life {
        Life {
            time: at.time,
            size: block.size,
            extra: block.extra,
            backtrace: at.backtrace,
            row: self.rows,
            chain,
        }
    }

    #[inline(always)]
    fn add(&mut self, life: &Life, at: Moment, block: &Block) -> Result<(), IndexError> {
        self.rows += 1;
        self.births.push(Birth {
            time: life.time,
            address: block.address,
            size: life.size,
            extra: life.extra,
            backtrace: life.backtrace,
            thread: at.thread,
            marker: self.marker,
            flags: block.flags,
        })
    }

    fn end_unseen(&mut self, life: &Life, at: Moment) -> Result<(), IndexError> {
        self.defects.missed_frees += 1;
        let time = self.end(life, Moment { backtrace: NONE, ..at }, Link::new(life.chain, false))?;
        self.log.push(Step::Death, time)
    }

    /// Returns the time of death: no block dies before it is born, whatever the stamps say.
    #[inline]
    fn end(&mut self, life: &Life, at: Moment, link: Link) -> Result<u64, IndexError> {
        if at.time < life.time {
            self.defects.early_deaths += 1;
        }
        let time = at.time.max(life.time);
        let &Life { size, extra, backtrace, row, .. } = life;
        // But for the time, as it was born.
        let death = Death { time, row, size, extra, backtrace, is_new: u8::from(time == life.time) };
        self.dead.push(Ended { death, backtrace: at.backtrace, thread: at.thread, link: link.0 })?;
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
