//! The blocks that are allocated at this point of the capture.

use std::collections::hash_map::Entry;

use bytehound_format::AllocationId;
use rustc_hash::FxHashMap;

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
    pub(super) fn new(id: AllocationId, pointer: u64) -> Self {
        if id.is_by_pointer() { Self::Pointer(pointer) } else { Self::Id(id) }
    }
}

/// What became of a key that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It was free.
    Granted,
    /// A block at that address was still live, this row: it must have been freed unseen.
    Replaced(u32),
    /// A block with that id is still live, and stays.
    Refused,
}

/// From key to row. Two maps, so that a pointer costs no more than it must.
#[derive(Default)]
pub(super) struct Live {
    by_id: FxHashMap<AllocationId, u32>,
    by_pointer: FxHashMap<u64, u32>,
}

impl Live {
    pub(super) fn claim(&mut self, key: Key, row: u32) -> Claim {
        match key {
            Key::Id(id) => match self.by_id.entry(id) {
                Entry::Vacant(entry) => {
                    entry.insert(row);
                    Claim::Granted
                }
                Entry::Occupied(_) => Claim::Refused,
            },
            Key::Pointer(pointer) => {
                self.by_pointer.insert(pointer, row).map_or(Claim::Granted, Claim::Replaced)
            }
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<u32> {
        match key {
            Key::Id(id) => self.by_id.remove(&id),
            Key::Pointer(pointer) => self.by_pointer.remove(&pointer),
        }
    }

    /// The rows of all blocks that live.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        self.by_id.values().chain(self.by_pointer.values()).copied()
    }
}
