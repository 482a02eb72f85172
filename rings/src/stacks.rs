//! The tree of stacks: a stack is a node, its parent the stack of the caller. Nodes are kept for good.
//!
//! Looking up and adding take no lock. The table is a sequence of levels, each four times the one before; a node
//! belongs into one bucket of each and lies in the first that had room.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;

use crate::region::{Plain, Region};

/// Entries of a bucket: one cache line.
const BUCKET: usize = 8;
const LEVELS: usize = 8;
const LEVEL_0_LEN: usize = 1 << 15;
const SEGMENTS: usize = 20;
/// Nodes of the first segment; each further one is twice as long.
const SEGMENT_0_LEN: usize = 4096;

/// Where the tree lies in its region.
#[repr(C)]
pub struct Stacks {
    /// How many nodes there are.
    count: AtomicU32,
    /// Offsets of the nodes.
    segments: [AtomicU64; SEGMENTS],
    /// Offsets of the table's levels. Entries are `tag << 32 | node`; 0 is empty.
    levels: [AtomicU64; LEVELS],
}

#[repr(C)]
struct Entry {
    /// 0 until the node is whole.
    address: AtomicU64,
    caller: AtomicU32,
    unused: AtomicU32,
}

// SAFETY: numbers behind atomics.
#[expect(unsafe_code, reason = "lies in a region")]
unsafe impl Plain for Entry {}

/// Marks a caller that is none, beside the number of a generation.
const NO_CALLER: u32 = 1 << 31;

/// A caller in one word. Nodes above 2³¹ do not exist: the memory for them would not fit.
#[inline(always)]
pub(crate) fn pack(caller: Caller) -> u32 {
    match caller {
        Caller::Node(Node(number)) => number,
        Caller::None { generation } => generation | NO_CALLER,
    }
}

fn unpack(word: u32) -> Caller {
    if word & NO_CALLER == 0 {
        Caller::Node(Node(word))
    } else {
        Caller::None { generation: word & !NO_CALLER }
    }
}

#[inline(always)]
pub(crate) fn hash(caller: u32, address: u64) -> u64 {
    let mixed = address ^ u64::from(caller).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let product = u128::from(mixed) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

impl Stacks {
    /// The stack of a frame at `address` that `caller` has called; added, if it was not there. Unknown, if there
    /// is no memory for it.
    #[cold]
    pub fn child(&self, region: &Region, caller: Caller, address: u64) -> Node {
        if caller == Caller::Node(Node::UNKNOWN) {
            return Node::UNKNOWN;
        }
        self.find_or_add(region, pack(caller), address).unwrap_or(Node::UNKNOWN)
    }

    /// None if there is no memory.
    fn find_or_add(&self, region: &Region, caller: u32, address: u64) -> Option<Node> {
        let hash = hash(caller, address);
        let mut ours = None;
        for (level, place) in self.levels.iter().enumerate() {
            let len = LEVEL_0_LEN << (2 * level);
            let start = hash as usize % len / BUCKET * BUCKET;
            let table: &[AtomicU64] = region.slice_or_make(place, len)?;
            for entry in table.get(start..start + BUCKET)? {
                let mut found = entry.load(Ordering::Acquire);
                if found == 0 {
                    let Node(new) = match ours {
                        Some(node) => node,
                        None => *ours.insert(self.add(region, caller, address)?),
                    };
                    // Release: whoever reads the number finds the node behind it.
                    let word = tag(hash) | u64::from(new);
                    match entry.compare_exchange(0, word, Ordering::Release, Ordering::Acquire) {
                        Ok(_) => return ours,
                        Err(theirs) => found = theirs,
                    }
                }
                let node = Node(found as u32);
                if tag(found) == tag(hash) && self.words(region, node) == Some((caller, address)) {
                    return Some(node);
                }
            }
        }
        None
    }

    /// Keeps a node under a new number. Nobody finds it before the table names it.
    fn add(&self, region: &Region, caller: u32, address: u64) -> Option<Node> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let node = Node(Node::FIRST.0.checked_add(count).filter(|&number| number < NO_CALLER)?);
        let (segment, index, len) = place(node);
        let entry: &Entry = region.slice_or_make(self.segments.get(segment)?, len)?.get(index)?;
        entry.caller.store(caller, Ordering::Relaxed);
        // Release: whoever sees the address sees the whole node.
        entry.address.store(address, Ordering::Release);
        Some(node)
    }

    /// The number that the next node will get.
    pub fn next(&self) -> Node {
        Node(Node::FIRST.0.saturating_add(self.count.load(Ordering::Acquire)))
    }

    /// The innermost frame of a stack, and its caller; none while the node is being added, or if there is none.
    pub fn get(&self, region: &Region, node: Node) -> Option<(Caller, u64)> {
        let (caller, address) = self.words(region, node)?;
        Some((unpack(caller), address))
    }

    /// The addresses of a stack, innermost first, and the generation of modules that they are of.
    pub fn addresses(&self, region: &Region, node: Node, mut visit: impl FnMut(u64)) -> Option<u32> {
        let mut node = node;
        loop {
            let (caller, address) = self.get(region, node)?;
            visit(address);
            node = match caller {
                Caller::None { generation } => return Some(generation),
                // Callers have lower numbers: damaged memory makes no circle.
                Caller::Node(caller) if caller < node => caller,
                Caller::Node(_) => return None,
            };
        }
    }

    fn words(&self, region: &Region, node: Node) -> Option<(u32, u64)> {
        if node < Node::FIRST {
            return None;
        }
        let (segment, index, len) = place(node);
        let offset = self.segments.get(segment)?.load(Ordering::Acquire);
        let entry: &Entry = region.slice(offset, len)?.get(index)?;
        // Acquire: pairs with the release in `add`.
        let address = entry.address.load(Ordering::Acquire);
        (address != 0).then(|| (entry.caller.load(Ordering::Relaxed), address))
    }
}

fn tag(word: u64) -> u64 {
    word & 0xffff_ffff_0000_0000
}

/// Where a node is: the segment, the index there, and the segment's length.
fn place(Node(number): Node) -> (usize, usize, usize) {
    let place = number as usize + SEGMENT_0_LEN;
    let segment = (place / SEGMENT_0_LEN).ilog2() as usize;
    let len = SEGMENT_0_LEN << segment;
    (segment, place - len, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::region;

    const OUTERMOST: Caller = Caller::None { generation: 7 };

    #[test]
    fn a_stack_keeps_its_number_in_every_thread_and_its_addresses_for_ever() {
        let region = region(64 << 20);
        let stack = |seed: u64| (0..seed % 10 + 1).map(move |depth| 0x1000 + (seed % (1 << (2 * depth + 3))));
        let number_all = || -> Vec<Node> {
            (0..60_000_u64)
                .map(|seed| {
                    let found = stack(seed).fold(OUTERMOST, |caller, address| {
                        Caller::Node(region.stacks().child(region, caller, address))
                    });
                    let Caller::Node(node) = found else { unreachable!("a stack has a frame") };
                    node
                })
                .collect()
        };
        let (one, two) = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(number_all), scope.spawn(number_all));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert!(one == two, "two threads number the same stacks alike");
        for (seed, node) in (0..60_000).zip(one) {
            let mut addresses = Vec::new();
            let generation = region.stacks().addresses(region, node, |address| addresses.push(address));
            assert_eq!(generation, Some(7));
            addresses.reverse();
            assert!(addresses.into_iter().eq(stack(seed)), "stack {seed}");
        }
    }

    #[test]
    fn numbers_that_were_never_given_have_no_frame() {
        let region = region(1 << 20);
        for node in [Node::NONE, Node::UNKNOWN, Node::FIRST, Node(u32::MAX)] {
            assert_eq!(region.stacks().get(region, node), None);
        }
    }

    #[test]
    fn without_memory_stacks_are_unknown() {
        let region = region(1 << 14);
        let node = region.stacks().child(region, OUTERMOST, 0x1000);
        assert_eq!(node, Node::UNKNOWN);
        assert_eq!(region.stacks().child(region, Caller::Node(node), 0x2000), Node::UNKNOWN);
    }

    #[test]
    fn every_number_has_a_place_of_its_own() {
        assert_eq!(place(Node(0)), (0, 0, 4096));
        assert_eq!(place(Node(4095)), (0, 4095, 4096));
        assert_eq!(place(Node(4096)), (1, 0, 8192));
        assert_eq!(place(Node(NO_CALLER)).0, 19);
    }
}
