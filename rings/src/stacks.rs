//! The tree of stacks: a stack is a node, its parent the stack of the caller. Nodes are kept for good. Looking up and
//! adding take no lock.
//!
//! Only whole stacks are looked up here, and so are numbered once. Of the frames outside of the hook each thread remembers
//! some nodes itself: a table of them all would be several times as large. So a frame may have several.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;

use crate::fingerprint::Fingerprint;
use crate::node_table::NodeTable;
use crate::region::{Plain, Region};

const SEGMENTS: usize = 20;
/// Nodes of the first segment; each further one is twice as long.
const SEGMENT_0_LEN: usize = 4096;

/// Nodes for whose memory is looked ahead: a mebibyte.
const AHEAD: u32 = 1 << 16;

/// Where the tree lies in its region.
#[repr(C)]
pub struct Stacks {
    /// How many nodes there are.
    count: AtomicU32,
    /// Offsets of the nodes.
    segments: [AtomicU64; SEGMENTS],
    /// Those that can be found.
    table: NodeTable,
}

#[repr(C)]
pub(crate) struct Entry {
    /// 0 until the node is whole.
    address: AtomicU64,
    caller: AtomicU32,
    unused: AtomicU32,
}

// SAFETY: numbers behind atomics.
#[expect(unsafe_code, reason = "lies in a region")]
unsafe impl Plain for Entry {}

impl Entry {
    /// Makes it whole, with its caller in one word.
    pub(crate) fn set(&self, caller: u32, address: u64) {
        self.caller.store(caller, Ordering::Relaxed);
        // Release: whoever sees the address sees the whole node.
        self.address.store(address, Ordering::Release);
    }
}

/// Marks a caller that is none, beside the number of a generation.
const NO_CALLER: u32 = 1 << 31;

/// A caller in one word. Nodes above 2³¹ do not exist: the memory for them would not fit.
#[inline(always)]
fn pack(caller: Caller) -> u32 {
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

impl Stacks {
    /// The stack with this fingerprint.
    #[inline(always)]
    pub fn find(&self, region: &Region, fingerprint: Fingerprint) -> Option<Node> {
        self.table.find(region, fingerprint)
    }

    /// As [`Self::add_frame`], and can be found from now on, unless another thread has added it meanwhile.
    #[cold]
    pub fn add(&self, region: &Region, fingerprint: Fingerprint, caller: Caller, address: u64) -> Node {
        let make = || Some(self.add_frame(region, caller, address)).filter(|&node| node != Node::UNKNOWN);
        self.table.find_or_add(region, fingerprint, make).unwrap_or(Node::UNKNOWN)
    }

    /// The stack of a frame at `address` that `caller` has called, under a new number. Unknown, if there is no memory
    /// for it.
    pub fn add_frame(&self, region: &Region, caller: Caller, address: u64) -> Node {
        if caller == Caller::Node(Node::UNKNOWN) {
            return Node::UNKNOWN;
        }
        let Some((node, entry)) = self.reserve(region) else { return Node::UNKNOWN };
        entry.set(pack(caller), address);
        node
    }

    /// A new number, and where its node goes.
    pub(crate) fn reserve<'a>(&self, region: &'a Region) -> Option<(Node, &'a Entry)> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let node = Node(Node::FIRST.0.checked_add(count).filter(|&number| number < NO_CALLER)?);
        let (segment, index, len) = place(node);
        Some((node, region.slice_or_make(self.segments.get(segment)?, len)?.get(index)?))
    }

    /// Addresses of memory that new stacks will soon need. Where pages are large it takes long until one is there: whoever
    /// has time can see to it before a thread of the program waits for it.
    pub fn needed_soon(&self, region: &Region) -> impl Iterator<Item = Range<usize>> {
        let node = Some(self.next()).filter(|&Node(next)| next > 4 * AHEAD).and_then(|Node(next)| {
            let (segment, index, len) = place(Node(next + AHEAD));
            region.slice_or_make(self.segments.get(segment)?, len)?.get(index..=index)
        });
        let nodes = node.map(|node: &[Entry]| addresses_of(node));
        nodes.into_iter().chain(self.table.next_level(region).map(addresses_of))
    }

    /// The number that the next node will get.
    pub fn next(&self) -> Node {
        Node(Node::FIRST.0.saturating_add(self.count.load(Ordering::Acquire)))
    }

    /// The innermost frame of a stack, and its caller; none while the node is being added, or if there is none.
    pub fn get(&self, region: &Region, node: Node) -> Option<(Caller, u64)> {
        if node < Node::FIRST {
            return None;
        }
        let (segment, index, len) = place(node);
        let offset = self.segments.get(segment)?.load(Ordering::Acquire);
        let entry: &Entry = region.slice(offset, len)?.get(index)?;
        // Acquire: pairs with the release in `Entry::set`.
        let address = entry.address.load(Ordering::Acquire);
        (address != 0).then(|| (unpack(entry.caller.load(Ordering::Relaxed)), address))
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
}

fn addresses_of<T>(values: &[T]) -> Range<usize> {
    let Range { start, end } = values.as_ptr_range();
    start.addr()..end.addr()
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

    fn fingerprint(frames: &[u64]) -> Fingerprint {
        frames.iter().fold(Fingerprint::outside(7), |outside, &address| outside.calling(address))
    }

    /// The number of a stack of frames, outermost first; it is added, unless it is there.
    fn number(region: &Region, frames: &[u64]) -> Node {
        let Some((&address, outside)) = frames.split_last() else { unreachable!("a stack has a frame") };
        let stacks = region.stacks();
        let add_frame = |caller, &address: &u64| Caller::Node(stacks.add_frame(region, caller, address));
        let add =
            || stacks.add(region, fingerprint(frames), outside.iter().fold(OUTERMOST, add_frame), address);
        stacks.find(region, fingerprint(frames)).unwrap_or_else(add)
    }

    #[test]
    fn a_stack_keeps_its_number_in_every_thread_and_its_addresses_for_ever() {
        let region = region(64 << 20);
        let stack = |seed: u64| (0..seed % 10 + 1).map(move |depth| 0x1000 + (seed % (1 << (2 * depth + 3))));
        let frames = |seed| stack(seed).collect::<Vec<u64>>();
        let number_all = || -> Vec<Node> { (0..60_000).map(|seed| number(region, &frames(seed))).collect() };
        std::thread::scope(|scope| {
            scope.spawn(number_all);
            scope.spawn(number_all);
        });
        let first = number_all();
        let in_another = std::thread::scope(|scope| scope.spawn(number_all).join().unwrap());
        assert!(in_another == first);
        for (seed, node) in (0..60_000).zip(first) {
            let mut addresses = Vec::new();
            let generation = region.stacks().addresses(region, node, |address| addresses.push(address));
            assert_eq!(generation, Some(7));
            addresses.reverse();
            assert_eq!(addresses, frames(seed), "stack {seed}");
        }
    }

    #[test]
    fn memory_for_nodes_is_looked_for_ahead_of_them() {
        let region = region(64 << 20);
        let stacks = region.stacks();
        let mut ahead = Vec::new();
        for number in 2..10 * AHEAD {
            if number.is_multiple_of(AHEAD) {
                ahead.push(stacks.needed_soon(region).collect::<Vec<_>>());
            }
            assert_eq!(stacks.add_frame(region, OUTERMOST, 0x1000), Node(number));
        }
        assert!(ahead[..4].iter().all(Vec::is_empty), "a small tree asks for nothing");
        let soon = ahead[5][0].clone();
        let (segment, index, len) = place(Node(7 * AHEAD));
        let nodes: &[Entry] = region.slice(stacks.segments[segment].load(Ordering::Acquire), len).unwrap();
        assert!(soon.contains(&core::ptr::from_ref(&nodes[index]).addr()), "{soon:?}");
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
        assert_eq!(number(region, &[0x1000]), Node::UNKNOWN);
        assert_eq!(number(region, &[0x1000, 0x2000]), Node::UNKNOWN);
    }

    #[test]
    fn every_number_has_a_place_of_its_own() {
        assert_eq!(place(Node(0)), (0, 0, 4096));
        assert_eq!(place(Node(4095)), (0, 4095, 4096));
        assert_eq!(place(Node(4096)), (1, 0, 8192));
        assert_eq!(place(Node(NO_CALLER)).0, 19);
    }
}
