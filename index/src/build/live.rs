//! The blocks that are allocated at this point of the capture.

use bytehound_format::AllocationId;

use super::block_table::{BlockTable, Life};

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
#[derive(Default)]
pub(super) struct Live {
    by_id: BlockTable<AllocationId>,
    by_pointer: BlockTable<u64>,
}

impl Live {
    #[inline]
    pub(super) fn claim(&mut self, key: Key, life: Life) -> Claim {
        match key {
            Key::Id(id) if self.by_id.contains(id) => Claim::Refused,
            Key::Id(id) => {
                self.by_id.insert(id, life);
                Claim::Granted
            }
            Key::Pointer(pointer) => {
                self.by_pointer.insert(pointer, life).map_or(Claim::Granted, Claim::Replaced)
            }
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<Life> {
        match key {
            Key::Id(id) => self.by_id.remove(id),
            Key::Pointer(pointer) => self.by_pointer.remove(pointer),
        }
    }

    /// See [`BlockTable::glance`].
    #[inline]
    pub(super) fn glance(&self, key: Key) -> u32 {
        match key {
            Key::Id(id) => self.by_id.glance(id),
            Key::Pointer(pointer) => self.by_pointer.glance(pointer),
        }
    }

    /// See [`BlockTable::glance_at`].
    #[inline]
    pub(super) fn glance_at(&self, key: Key, place: u32) -> u32 {
        match key {
            Key::Id(_) => self.by_id.glance_at(place),
            Key::Pointer(_) => self.by_pointer.glance_at(place),
        }
    }

    /// All blocks that live.
    pub(super) fn lives(&self) -> impl Iterator<Item = &Life> {
        self.by_id.lives().chain(self.by_pointer.lives())
    }
}
