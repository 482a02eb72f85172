//! Where nodes are found by what their stacks are.
//!
//! A table is a sequence of levels, each four times the one before. A new node goes into the first level that has room
//! for it, so that two threads that add the same one meet. A search starts with the last level: nodes that it finds
//! further down are noted there too, so that the next one ends at once.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytehound_format::v2::batch::Node;

use crate::region::Region;

/// Zeroed memory is an empty one.
#[repr(C)]
pub(crate) struct NodeTable {
    /// Offsets of the levels. Entries are `tag << 32 | node`; 0 is empty.
    levels: [AtomicU64; LEVELS],
    /// The last level there is.
    last_level: AtomicU32,
    unused: AtomicU32,
}

/// Entries of a bucket: one cache line.
const BUCKET: usize = 8;
const LEVELS: usize = 8;
const LEVEL_0_LEN: usize = 1 << 15;

/// What a stack is found by: the same frames in the same generation have the same one in every thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u64);

const SEED: u64 = 0xd6e8_feb8_6659_fd93;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const TAG: u64 = 0xffff_ffff_0000_0000;

impl Fingerprint {
    /// Of the stack without frames, in a generation of modules.
    #[inline(always)]
    pub fn outside(generation: u32) -> Self {
        Self(u64::from(generation))
    }

    /// Of a stack with one frame more, at `address`.
    #[inline(always)]
    pub fn calling(self, address: u64) -> Self {
        let product = u128::from(self.0.rotate_left(32) ^ address ^ SEED) * u128::from(FACTOR);
        Self((product >> 64) as u64 ^ product as u64)
    }

    /// What an entry has beside the number.
    #[inline(always)]
    fn tag(self) -> u64 {
        self.0 & TAG
    }

    /// Where the bucket begins in a level of so many entries.
    #[inline(always)]
    fn bucket(self, len: usize) -> usize {
        self.0 as usize % len / BUCKET * BUCKET
    }
}

impl NodeTable {
    /// Fetches what a search will read first.
    #[inline(always)]
    pub(crate) fn prefetch(&self, region: &Region, fingerprint: Fingerprint) {
        if let Some(first) =
            self.places(region, self.last(), fingerprint).and_then(|mut places| places.next())
        {
            prefetch(first);
        }
    }

    /// The node with this fingerprint that `is_wanted`.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        region: &Region,
        fingerprint: Fingerprint,
        mut is_wanted: impl FnMut(Node) -> bool,
    ) -> Option<Node> {
        let last = self.last();
        for level in (0..=last).rev() {
            for entry in self.places(region, level, fingerprint)? {
                let found = entry.load(Ordering::Acquire);
                if found == 0 {
                    break;
                }
                if found & TAG == fingerprint.tag() && is_wanted(Node(found as u32)) {
                    if level < last {
                        self.note(region, last, fingerprint, found);
                    }
                    return Some(Node(found as u32));
                }
            }
        }
        None
    }

    /// Has the next search end in the level `last`, if there is room.
    #[cold]
    fn note(&self, region: &Region, last: usize, fingerprint: Fingerprint, word: u64) {
        let Some(mut places) = self.places(region, last, fingerprint) else { return };
        if let Some(free) = places.find(|entry| entry.load(Ordering::Relaxed) == 0) {
            // If another thread was faster, the next search tries again. Release: as in `find_or_add`.
            let _ = free.compare_exchange(0, word, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// The node with this fingerprint that `is_wanted`, or the one that `make` gives. None if there is no memory.
    pub(crate) fn find_or_add(
        &self,
        region: &Region,
        fingerprint: Fingerprint,
        is_wanted: impl Fn(Node) -> bool,
        make: impl Fn() -> Option<Node>,
    ) -> Option<Node> {
        let mut ours = None;
        for level in 0..LEVELS {
            let places = self.places(region, level, fingerprint)?;
            if self.last() < level {
                self.last_level.fetch_max(level as u32, Ordering::Release);
            }
            for entry in places {
                let mut found = entry.load(Ordering::Acquire);
                if found == 0 {
                    let Node(new) = match ours {
                        Some(node) => node,
                        None => *ours.insert(make()?),
                    };
                    // Release: whoever reads the number finds the node behind it.
                    let word = fingerprint.tag() | u64::from(new);
                    match entry.compare_exchange(0, word, Ordering::Release, Ordering::Acquire) {
                        Ok(_) => return ours,
                        Err(theirs) => found = theirs,
                    }
                }
                if found & TAG == fingerprint.tag() && is_wanted(Node(found as u32)) {
                    return Some(Node(found as u32));
                }
            }
        }
        None
    }

    #[inline(always)]
    fn last(&self) -> usize {
        self.last_level.load(Ordering::Acquire) as usize
    }

    /// The places in a level for a node with this fingerprint, in the order in which they are taken: its bucket, and
    /// the neighbour of that. None if there is no memory.
    #[inline(always)]
    fn places<'a>(
        &self,
        region: &'a Region,
        level: usize,
        fingerprint: Fingerprint,
    ) -> Option<impl Iterator<Item = &'a AtomicU64> + use<'a>> {
        let len = LEVEL_0_LEN << (2 * level);
        let table: &[AtomicU64] = region.slice_or_make(self.levels.get(level)?, len)?;
        let bucket = |start: usize| table.get(start..start + BUCKET);
        let start = fingerprint.bucket(len);
        Some(bucket(start)?.iter().chain(bucket(start ^ BUCKET)?))
    }
}

/// Has the processor fetch what a value's cache line holds, and does not wait for it.
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction")]
fn prefetch(value: &AtomicU64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: fetching faults nowhere and changes nothing.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
