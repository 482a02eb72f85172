//! The blocks that are allocated at this point of the capture.

use bytehound_format::AllocationId;
use bytehound_store::Scratch;

use super::block_table::{BlockTable, Life};
use crate::IndexError;

/// Memory of a live block: 48 bytes, and at most 16 for what finds it.
const BLOCK_BYTES: u64 = 64;

/// How much memory the live blocks of a capture may take while it is loaded. Those beyond lie in scratch files.
///
/// It is for blocks known by id, and as much again for those known by address: a capture has nearly all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveBudget {
    blocks: usize,
}

impl LiveBudget {
    /// Four million blocks, more than most programs have; a larger budget is for nobody.
    pub const BYTES_MAX: u64 = 256 << 20;

    /// So many bytes.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self { blocks: (bytes / BLOCK_BYTES) as usize }
    }
}

impl Default for LiveBudget {
    fn default() -> Self {
        Self::of_bytes(Self::BYTES_MAX)
    }
}

/// What a block is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The number it got when it was made, which a realloc keeps.
    Id(AllocationId),
    /// Its address.
    Pointer(u64),
}

impl Key {
    /// The key of a block with this id at this address.
    #[inline]
    pub(super) fn new(id: AllocationId, pointer: u64) -> Self {
        if id.is_by_pointer() { Self::Pointer(pointer) } else { Self::Id(id) }
    }
}

/// What became of a key that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It was free.
    Granted,
    /// A block at that address was still live, this one: it must have been freed unseen.
    Replaced(Life),
    /// A block with that id is still live, and stays.
    Refused,
}

/// From key to block. Two tables, so that a pointer costs no more than it must.
pub(super) struct Live {
    by_id: BlockTable<u128>,
    by_pointer: BlockTable<u64>,
}

impl Live {
    /// No blocks yet.
    pub(super) fn new(scratch: &Scratch, budget: LiveBudget) -> Self {
        Self {
            by_id: BlockTable::new(scratch, budget.blocks),
            by_pointer: BlockTable::new(scratch, budget.blocks),
        }
    }

    /// How many blocks live.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.by_id.len() + self.by_pointer.len()
    }

    /// Gives a key a block. An error when the disk has no room for it.
    // Inlined, so that a life goes from registers to its place: what is written in parts and read as a whole has to wait.
    #[inline(always)]
    pub(super) fn claim(&mut self, key: Key, life: Life) -> Result<Claim, IndexError> {
        match key {
            Key::Id(id) if self.by_id.contains(name(id)) => Ok(Claim::Refused),
            Key::Id(id) => {
                self.by_id.insert(name(id), life)?;
                Ok(Claim::Granted)
            }
            Key::Pointer(pointer) => {
                Ok(self.by_pointer.insert(pointer, life)?.map_or(Claim::Granted, Claim::Replaced))
            }
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<Life> {
        match key {
            Key::Id(id) => self.by_id.remove(name(id)),
            Key::Pointer(pointer) => self.by_pointer.remove(pointer),
        }
    }

    /// See [`BlockTable::prefetch`].
    #[inline]
    pub(super) fn prefetch(&self, key: Key) {
        match key {
            Key::Id(id) => self.by_id.prefetch(name(id)),
            Key::Pointer(pointer) => self.by_pointer.prefetch(pointer),
        }
    }

    /// See [`BlockTable::glance`].
    #[inline]
    pub(super) fn glance(&self, key: Key) -> u32 {
        match key {
            Key::Id(id) => self.by_id.glance(name(id)),
            Key::Pointer(pointer) => self.by_pointer.glance(pointer),
        }
    }

    /// See [`BlockTable::prefetch_at`].
    #[inline]
    pub(super) fn prefetch_at(&self, key: Key, place: u32) {
        match key {
            Key::Id(_) => self.by_id.prefetch_at(place),
            Key::Pointer(_) => self.by_pointer.prefetch_at(place),
        }
    }

    /// All blocks that live.
    pub(super) fn lives(&self) -> impl Iterator<Item = Life> {
        self.by_id.lives().chain(self.by_pointer.lives())
    }
}

/// What names a block that is known by its id.
#[inline]
fn name(id: AllocationId) -> u128 {
    u128::from(id.thread) << 64 | u128::from(id.allocation)
}
