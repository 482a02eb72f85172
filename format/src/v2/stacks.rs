//! The tree of stacks: every stack is a node, its parent the stack of the caller.
//!
//! ```text
//! Stacks   first:u32  node*                     the nodes have consecutive numbers, from `first` on
//! node     up:varint  [generation:varint]  distance:varint
//! ```
//!
//! `up` is the node's number minus that of its parent. 0 means that it has none: it is an outermost frame, and the
//! generation of the program's modules follows, in which the frames from here on mean something. `distance` is the
//! address minus that of the node before it in the block (of 0 for the first), its sign folded into bit 0.

use super::batch::Node;
use crate::cursor::Cursor;
use crate::field::{Field, varint};
use crate::output::Output;

/// What called the frame of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The innermost frame of this node.
    Node(Node),
    /// Nothing; and the generation of the modules that the stack lies in.
    None {
        /// It counts up whenever an address may mean something else than before.
        generation: u32,
    },
}

/// Writes the payload of a `Stacks` block, and allocates nothing.
#[derive(Debug)]
pub struct NodeEncoder {
    number: u32,
    address: u64,
}

impl NodeEncoder {
    /// Bytes of the longest node.
    pub const NODE_LEN_MAX: usize = 3 * 9;
    /// Bytes before the nodes.
    pub const START_LEN: usize = 4;

    /// Starts a payload whose first node is `first`.
    pub fn new(first: Node, out: &mut impl Output) -> Self {
        first.0.put(out);
        Self { number: first.0, address: 0 }
    }

    /// Appends the next node. Its caller must have a lower number.
    pub fn put(&mut self, caller: Caller, address: u64, out: &mut impl Output) {
        match caller {
            Caller::Node(Node(caller)) => varint::put(&self.number.wrapping_sub(caller).into(), out),
            Caller::None { generation } => {
                varint::put(&0, out);
                varint::put(&generation.into(), out);
            }
        }
        let distance = address.wrapping_sub(self.address) as i64;
        varint::put(&(((distance << 1) ^ (distance >> 63)) as u64), out);
        self.address = address;
        self.number = self.number.wrapping_add(1);
    }
}

/// Reads the payload of a `Stacks` block, up to its end or to a node that cannot be.
#[derive(Debug)]
pub struct NodeDecoder<'a> {
    cursor: Cursor<'a>,
    number: u32,
    address: u64,
}

impl<'a> NodeDecoder<'a> {
    /// Starts with the first node; none if the payload is too short.
    pub fn new(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload, 0);
        let number = u32::take(&mut cursor).ok()?;
        Some(Self { cursor, number, address: 0 })
    }

    /// The number of the next node.
    pub fn number(&self) -> Node {
        Node(self.number)
    }

    /// Whether all of the payload was read.
    pub fn is_at_end(&self) -> bool {
        self.cursor.is_at_end()
    }
}

impl Iterator for NodeDecoder<'_> {
    type Item = (Caller, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let up = self.cursor.varint().ok()?;
        let caller = match u32::try_from(up).ok()? {
            0 => Caller::None { generation: u32::try_from(self.cursor.varint().ok()?).ok()? },
            up => Caller::Node(Node(self.number.checked_sub(up)?)),
        };
        let folded = self.cursor.varint().ok()?;
        self.address = self.address.wrapping_add(folded >> 1 ^ (folded & 1).wrapping_neg());
        self.number = self.number.checked_add(1)?;
        Some((caller, self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_back_from_their_bytes() {
        let nodes = [
            (Caller::None { generation: u32::MAX }, u64::MAX),
            (Caller::Node(Node(1)), 0),
            (Caller::Node(Node(9)), 1 << 63),
            (Caller::Node(Node(10)), 0x7fff_1234_5678),
        ];
        let mut bytes = Vec::new();
        let mut encoder = NodeEncoder::new(Node(9), &mut bytes);
        for (caller, address) in nodes {
            let before = bytes.len();
            encoder.put(caller, address, &mut bytes);
            assert!(bytes.len() - before <= NodeEncoder::NODE_LEN_MAX);
        }
        let decoder = NodeDecoder::new(&bytes).expect("a first number");
        assert_eq!(decoder.number(), Node(9));
        assert_eq!(decoder.collect::<Vec<_>>(), nodes);
    }

    #[test]
    fn a_caller_before_the_first_node_ends_the_block() {
        let mut bytes = Vec::new();
        Node(2).0.put(&mut bytes);
        bytes.extend([3, 0]);
        assert_eq!(NodeDecoder::new(&bytes).expect("a first number").next(), None);
    }
}
