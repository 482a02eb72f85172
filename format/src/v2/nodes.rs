//! The tree of stacks as it is read: which nodes there are, and which were told to the caller already.

use super::batch::Node;
use super::stacks::{Caller, NodeDecoder};

/// No stack is deeper, whatever a damaged file says: what is above is left out.
const DEPTH_MAX: usize = 1 << 16;

/// Late nodes are rare: whatever a damaged file says, they are not put in order without end.
const RUNS_MAX: usize = 1 << 12;

/// In the place of a caller: there is none.
const OUTERMOST: u32 = 0;
/// In the place of a caller: it is lost.
const LOST: u32 = 1;

/// The nodes of a file.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// By their numbers. There is more than one only where something is lost.
    runs: Vec<Run>,
}

/// Nodes of consecutive numbers.
#[derive(Debug)]
struct Run {
    first: u32,
    nodes: Vec<Entry>,
    /// One bit a node.
    told: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    /// A node, or [`OUTERMOST`], or [`LOST`].
    caller: u32,
}

impl Nodes {
    /// Takes in the payload of a block; false if it is not one to its end. Nodes that are known stay as they are.
    pub(crate) fn add(&mut self, payload: &[u8]) -> bool {
        let Some(mut decoder) = NodeDecoder::new(payload) else { return false };
        loop {
            let Node(number) = decoder.number();
            let Some((caller, address)) = decoder.next() else { return decoder.is_at_end() };
            let end = self.runs.last().map_or(Node::FIRST.0, Run::end);
            let caller = match caller {
                Caller::None { .. } => OUTERMOST,
                Caller::Node(caller) if self.is_whole(caller) => caller.0,
                Caller::Node(_) => LOST,
            };
            if number < end {
                self.add_late(number, Entry { address, caller });
                continue;
            }
            if number > end || self.runs.is_empty() {
                self.runs.push(Run { first: number, nodes: Vec::new(), told: Vec::new() });
            }
            if let Some(run) = self.runs.last_mut() {
                run.nodes.push(Entry { address, caller });
            }
        }
    }

    /// Takes in a node that was still being added when those behind it were written.
    fn add_late(&mut self, number: u32, entry: Entry) {
        let index = self.runs.partition_point(|run| run.first <= number);
        let is_known = index.checked_sub(1).and_then(|before| self.runs.get(before));
        let is_known = is_known.is_some_and(|run| number < run.end());
        if !is_known && number >= Node::FIRST.0 && self.runs.len() < RUNS_MAX {
            self.runs.insert(index, Run { first: number, nodes: vec![entry], told: Vec::new() });
        }
    }

    /// Whether this stack was told.
    #[inline]
    pub(crate) fn is_told(&self, node: Node) -> bool {
        self.find(node)
            .is_some_and(|(run, at)| run.told.get(at / 64).is_some_and(|bits| bits & (1 << (at % 64)) != 0))
    }

    /// Whether this stack is known to its outermost frame.
    pub(crate) fn is_whole(&self, node: Node) -> bool {
        self.entry(node).is_some_and(|entry| entry.caller != LOST)
    }

    /// Puts the addresses of a stack into `addresses`, innermost first.
    pub(crate) fn addresses(&self, node: Node, addresses: &mut Vec<u64>) {
        addresses.clear();
        let mut next = node;
        while let Some(entry) = self.entry(next).filter(|_| addresses.len() < DEPTH_MAX) {
            addresses.push(entry.address);
            next = Node(entry.caller);
        }
    }

    /// Takes note that a stack was told.
    pub(crate) fn set_told(&mut self, node: Node) {
        let index = self.runs.partition_point(|run| run.first <= node.0);
        let run = index.checked_sub(1).and_then(|index| self.runs.get_mut(index));
        let Some(run) = run.filter(|run| node.0 < run.end()) else { return };
        let at = (node.0 - run.first) as usize;
        run.told.resize(run.nodes.len().div_ceil(64).max(run.told.len()), 0);
        if let Some(bits) = run.told.get_mut(at / 64) {
            *bits |= 1 << (at % 64);
        }
    }

    fn entry(&self, node: Node) -> Option<Entry> {
        let (run, at) = self.find(node)?;
        run.nodes.get(at).copied()
    }

    #[inline]
    fn find(&self, Node(number): Node) -> Option<(&Run, usize)> {
        let run = match self.runs.as_slice() {
            [run] => run,
            runs => runs.get(runs.partition_point(|run| run.first <= number).checked_sub(1)?)?,
        };
        Some((run, number.checked_sub(run.first)? as usize))
    }
}

impl Run {
    fn end(&self) -> u32 {
        self.first.saturating_add(self.nodes.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stacks::NodeEncoder;
    use super::*;

    fn payload(first: u32, nodes: &[(u32, u64)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = NodeEncoder::new(Node(first), &mut bytes);
        for &(caller, address) in nodes {
            let caller =
                if caller == 0 { Caller::None { generation: 0 } } else { Caller::Node(Node(caller)) };
            encoder.put(caller, address, &mut bytes);
        }
        bytes
    }

    fn tell(nodes: &mut Nodes, node: u32) -> Vec<u64> {
        let mut addresses = Vec::new();
        nodes.addresses(Node(node), &mut addresses);
        nodes.set_told(Node(node));
        addresses
    }

    #[test]
    fn a_stack_is_its_node_and_those_above() {
        let mut nodes = Nodes::default();
        assert!(nodes.add(&payload(2, &[(0, 0x10), (2, 0x20)])));
        assert!(nodes.add(&payload(4, &[(3, 0x30), (2, 0x40)])));
        assert!(!nodes.is_told(Node(4)));
        assert_eq!(tell(&mut nodes, 4), [0x30, 0x20, 0x10]);
        assert!(nodes.is_told(Node(4)) && !nodes.is_told(Node(5)));
        assert_eq!(tell(&mut nodes, 5), [0x40, 0x10]);
    }

    #[test]
    fn what_a_lost_block_told_of_is_lost_with_all_that_builds_on_it() {
        let mut nodes = Nodes::default();
        assert!(nodes.add(&payload(2, &[(0, 0x10)])));
        assert!(nodes.add(&payload(5, &[(4, 0x50), (5, 0x60), (2, 0x70)])));
        let whole = [2, 3, 4, 5, 6, 7, u32::MAX].map(|node| nodes.is_whole(Node(node)));
        assert_eq!(whole, [true, false, false, false, false, true, false]);
        assert_eq!(tell(&mut nodes, 7), [0x70, 0x10]);
        assert!(nodes.is_told(Node(7)));
        tell(&mut nodes, 3);
        assert!(!nodes.is_told(Node(3)));
    }

    #[test]
    fn a_node_that_comes_late_is_a_caller_from_then_on() {
        let mut nodes = Nodes::default();
        assert!(nodes.add(&payload(2, &[(0, 0x10)])));
        assert!(nodes.add(&payload(4, &[(2, 0x40)])));
        assert!(nodes.add(&payload(3, &[(2, 0x30)])));
        assert!(nodes.add(&payload(3, &[(0, 0x99)])));
        assert!(nodes.add(&payload(5, &[(3, 0x50)])));
        assert_eq!(tell(&mut nodes, 5), [0x50, 0x30, 0x10]);
        assert_eq!(tell(&mut nodes, 4), [0x40, 0x10]);
        assert!([3, 4, 5].map(|node| nodes.is_told(Node(node))) == [false, true, true]);
    }

    #[test]
    fn a_number_out_of_reach_takes_no_memory() {
        let mut nodes = Nodes::default();
        assert!(nodes.add(&payload(u32::MAX - 1, &[(0, 1)])));
        assert_eq!(tell(&mut nodes, u32::MAX - 1), [1]);
        assert!(nodes.is_told(Node(u32::MAX - 1)));
    }
}
