//! Stacks seen so far: each distinct one is kept once, for good, and gets a small number.
//!
//! Looking up and adding take no lock. The table is a sequence of levels, each four times the one before; a
//! stack belongs into one bucket of each and lies in the first that had room. Its addresses lie in a chunk of
//! memory that belongs to the thread that added it.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::published::PublishedWords;
use crate::unwind::Generation;

/// Number of a stack. 0 means that none was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StackId(pub(crate) u32);

impl StackId {
    pub(crate) const NONE: Self = Self(0);
    /// A stack that could not be kept, for want of memory.
    pub(crate) const UNKNOWN: Self = Self(1);
    const FIRST: u32 = 2;
}

/// Entries of a bucket: one cache line.
const BUCKET: usize = 8;
const LEVELS: usize = 8;
const LEVEL_0_LEN: usize = 1 << 15;
const SEGMENTS: usize = 20;
/// Entries of the directory's first segment; each further one is twice as long.
const SEGMENT_0_LEN: usize = 4096;
/// Words of a chunk.
const CHUNK_LEN: usize = 8 * 1024;
const CHUNKS: usize = 1 << 16;
/// Words before the addresses of a stack: their hash; their number, with the generation above it.
const PREFIX: usize = 2;

/// Entries are `tag << 32 | id`; 0 is empty.
static TABLE: [PublishedWords; LEVELS] = [const { PublishedWords::new() }; LEVELS];
/// From the number of a stack to the position of its words in all chunks.
static DIRECTORY: [PublishedWords; SEGMENTS] = [const { PublishedWords::new() }; SEGMENTS];
static CHUNK: [PublishedWords; CHUNKS] = [const { PublishedWords::new() }; CHUNKS];
static NEXT_ID: AtomicU32 = AtomicU32::new(StackId::FIRST);
static NEXT_CHUNK: AtomicU32 = AtomicU32::new(0);

/// The addresses of a stack, innermost first.
pub(crate) fn addresses(id: StackId) -> Option<impl ExactSizeIterator<Item = u64>> {
    let words = words(id)?;
    Some(words.get(PREFIX..)?.iter().map(|word| word.load(Ordering::Relaxed)))
}

/// The generation of modules that a stack's addresses are of.
pub(crate) fn generation(id: StackId) -> Option<Generation> {
    let (_, generation) = shape(words(id)?.get(1)?.load(Ordering::Relaxed));
    Some(generation)
}

/// How many stacks there are.
pub(crate) fn count() -> u32 {
    NEXT_ID.load(Ordering::Relaxed)
}

const CACHE_LEN: usize = 1024;

/// A thread's side of the table: the stacks it saw last, and room for new ones. Zeroed memory is a valid one.
#[derive(Debug)]
pub(crate) struct Interner {
    cache: [(u64, StackId); CACHE_LEN],
    /// Where the next stack goes, and how many words are left there.
    next: usize,
    left: usize,
}

impl Interner {
    #[cfg(test)]
    fn new() -> Self {
        Self { cache: [(0, StackId::NONE); CACHE_LEN], next: 0, left: 0 }
    }

    /// The number of the stack with this hash and these addresses.
    #[inline]
    pub(crate) fn intern(
        &mut self,
        hash: u64,
        generation: Generation,
        addresses: impl ExactSizeIterator<Item = u64>,
    ) -> StackId {
        let (cached, id) = self.cache[(hash >> 32) as usize % CACHE_LEN];
        if cached == hash && id != StackId::NONE {
            return id;
        }
        let id = self.find_or_add(hash, generation, addresses).unwrap_or(StackId::UNKNOWN);
        self.cache[(hash >> 32) as usize % CACHE_LEN] = (hash, id);
        id
    }

    /// None if there is no memory.
    #[cold]
    fn find_or_add(
        &mut self,
        hash: u64,
        generation: Generation,
        addresses: impl ExactSizeIterator<Item = u64>,
    ) -> Option<StackId> {
        let mut addresses = Some(addresses);
        let mut new = None;
        for (level, table) in TABLE.iter().enumerate() {
            let len = LEVEL_0_LEN << (2 * level);
            let start = hash as usize % len / BUCKET * BUCKET;
            for entry in table.get_or_map(len)?.get(start..start + BUCKET)? {
                let mut found = entry.load(Ordering::Acquire);
                if found == 0 {
                    if let Some(addresses) = addresses.take() {
                        new = Some(self.add(hash, generation, addresses)?);
                    }
                    let id = new?;
                    // Release: whoever reads the number finds the words behind it.
                    let ours = tag(hash) | u64::from(id.0);
                    match entry.compare_exchange(0, ours, Ordering::Release, Ordering::Acquire) {
                        Ok(_) => return new,
                        Err(theirs) => found = theirs,
                    }
                }
                let id = StackId(found as u32);
                if tag(found) == tag(hash) && hash_of(id) == Some(hash) {
                    return Some(id);
                }
            }
        }
        None
    }

    /// Keeps a stack under a new number. Nobody finds it before the table names it.
    fn add(
        &mut self,
        hash: u64,
        generation: Generation,
        addresses: impl ExactSizeIterator<Item = u64>,
    ) -> Option<StackId> {
        let len = PREFIX + addresses.len();
        if self.left < len {
            let chunk = NEXT_CHUNK.fetch_add(1, Ordering::Relaxed) as usize;
            CHUNK.get(chunk)?.get_or_map(CHUNK_LEN)?;
            (self.next, self.left) = (chunk * CHUNK_LEN, CHUNK_LEN);
        }
        let contents =
            [hash, u64::from(generation.0) << 32 | addresses.len() as u64].into_iter().chain(addresses);
        let room = chunk_words(self.next)?.get(..len)?;
        room.iter().zip(contents).for_each(|(word, content)| word.store(content, Ordering::Relaxed));

        let id = StackId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let (segment, index, segment_len) = place(id);
        let entry = DIRECTORY.get(segment)?.get_or_map(segment_len)?.get(index)?;
        // Release: whoever reads the position finds the words there.
        entry.store(self.next as u64, Ordering::Release);
        self.next += len;
        self.left -= len;
        Some(id)
    }
}

fn tag(word: u64) -> u64 {
    word & 0xffff_ffff_0000_0000
}

/// Where the directory has a stack: the segment, the index there, and the segment's length.
fn place(id: StackId) -> (usize, usize, usize) {
    let place = id.0 as usize + SEGMENT_0_LEN;
    let segment = (place / SEGMENT_0_LEN).ilog2() as usize;
    let len = SEGMENT_0_LEN << segment;
    (segment, place - len, len)
}

/// The words of a chunk from a position on.
fn chunk_words(position: usize) -> Option<&'static [AtomicU64]> {
    CHUNK.get(position / CHUNK_LEN)?.get()?.get(position % CHUNK_LEN..)
}

/// Splits the second word of a stack into the number of its addresses and their generation.
fn shape(word: u64) -> (usize, Generation) {
    (word as u32 as usize, Generation((word >> 32) as u32))
}

/// Hash, shape and addresses of a stack.
fn words(id: StackId) -> Option<&'static [AtomicU64]> {
    if id.0 < StackId::FIRST || id.0 >= NEXT_ID.load(Ordering::Relaxed) {
        return None;
    }
    let (segment, index, _) = place(id);
    // Acquire: pairs with the release in `add`.
    let position = DIRECTORY.get(segment)?.get()?.get(index)?.load(Ordering::Acquire);
    let words = chunk_words(position as usize)?;
    let (len, _) = shape(words.get(1)?.load(Ordering::Relaxed));
    words.get(..PREFIX + len)
}

fn hash_of(id: StackId) -> Option<u64> {
    Some(words(id)?.first()?.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(seed: u64) -> (u64, Vec<u64>) {
        let addresses: Vec<u64> = (0..seed % 30).map(|n| seed << 8 | n).collect();
        (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, addresses)
    }

    #[test]
    fn a_stack_keeps_its_number_in_every_thread_and_its_addresses_for_ever() {
        let seeds = 1_000_000..1_060_000_u64;
        let number_all = || -> Vec<StackId> {
            let mut interner = Box::new(Interner::new());
            seeds
                .clone()
                .map(stack)
                .map(|(hash, stack)| interner.intern(hash, Generation(7), stack.into_iter()))
                .collect()
        };
        let (one, two) = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(number_all), scope.spawn(number_all));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert!(one == two, "two threads number the same stacks alike");
        for (seed, id) in seeds.zip(one) {
            assert!(addresses(id).unwrap().eq(stack(seed).1), "stack {seed}");
            assert_eq!(generation(id), Some(Generation(7)));
        }
    }

    #[test]
    fn numbers_that_were_never_given_have_no_addresses() {
        assert!(addresses(StackId::NONE).is_none());
        assert!(addresses(StackId::UNKNOWN).is_none());
        assert!(addresses(StackId(u32::MAX)).is_none());
    }

    #[test]
    fn the_directory_has_a_place_of_its_own_for_every_number() {
        assert_eq!(place(StackId(0)), (0, 0, 4096));
        assert_eq!(place(StackId(4095)), (0, 4095, 4096));
        assert_eq!(place(StackId(4096)), (1, 0, 8192));
        assert_eq!(place(StackId(u32::MAX)).0, 20);
    }
}
