//! The tree of stacks as it is written: backtraces become nodes.

use std::collections::HashMap;

use super::batch::Node;
use super::stacks::{Caller, NodeEncoder};
use crate::event::{Addresses, Event, FramesInvalidated};

/// The nodes that there are, and what the backtraces of the source have become.
#[derive(Debug)]
pub(super) struct Tree {
    numbers: HashMap<(Node, u64), Node>,
    next: Node,
    by_id: HashMap<u64, Node>,
    /// The last partial backtrace of each thread: what the next one builds on.
    previous: HashMap<u32, Vec<u64>>,
    /// New nodes: the last payload goes on.
    payloads: Vec<(NodeEncoder, Vec<u8>)>,
}

/// Bytes of a payload after which another one is begun.
const PAYLOAD_LEN: usize = 1 << 20;

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            next: Node::FIRST,
            by_id: HashMap::new(),
            previous: HashMap::new(),
            payloads: Vec::new(),
        }
    }

    /// Takes in a backtrace; false if the event is none.
    pub(super) fn define(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Backtrace { id, addresses } | Event::Backtrace32 { id, addresses } => {
                let frames: Vec<u64> = addresses.iter().collect();
                self.set(*id, &frames);
            }
            Event::PartialBacktrace { id, thread, frames_invalidated, addresses }
            | Event::PartialBacktrace32 { id, thread, frames_invalidated, addresses } => {
                let full = self.complete(*thread, *frames_invalidated, addresses);
                self.set(*id, &full);
                self.previous.insert(*thread, full);
            }
            _ => return false,
        }
        true
    }

    /// What the source calls by this id.
    pub(super) fn node(&self, id: u64) -> Node {
        self.by_id.get(&id).copied().unwrap_or(Node::UNKNOWN)
    }

    /// Bytes of new nodes.
    pub(super) fn staged(&self) -> usize {
        self.payloads.iter().map(|(_, payload)| payload.len()).sum()
    }

    /// The payloads of the new nodes.
    pub(super) fn take_payloads(&mut self) -> Vec<Vec<u8>> {
        self.payloads.drain(..).map(|(_, payload)| payload).collect()
    }

    fn complete(&self, thread: u32, invalidated: FramesInvalidated, addresses: &Addresses<'_>) -> Vec<u64> {
        let mut full: Vec<u64> = addresses.iter().collect();
        if let FramesInvalidated::Some(count) = invalidated {
            let previous = self.previous.get(&thread).map_or(&[][..], Vec::as_slice);
            full.extend(previous.get(count as usize..).unwrap_or_default());
        }
        full
    }

    fn set(&mut self, id: u64, frames: &[u64]) {
        let node = frames.iter().rev().fold(None, |caller, &address| Some(self.intern(caller, address)));
        self.by_id.insert(id, node.unwrap_or(Node::UNKNOWN));
    }

    fn intern(&mut self, caller: Option<Node>, address: u64) -> Node {
        let key = (caller.unwrap_or(Node::NONE), address);
        if let Some(&node) = self.numbers.get(&key) {
            return node;
        }
        let node = self.next;
        // The last number is never given: counting stops there.
        if node == Node(u32::MAX) || caller == Some(Node::UNKNOWN) {
            return Node::UNKNOWN;
        }
        self.next = Node(node.0 + 1);
        self.numbers.insert(key, node);
        if self.payloads.last().is_none_or(|(_, payload)| payload.len() > PAYLOAD_LEN) {
            let mut payload = Vec::new();
            self.payloads.push((NodeEncoder::new(node, &mut payload), payload));
        }
        if let Some((encoder, payload)) = self.payloads.last_mut() {
            let caller = caller.map_or(Caller::None { generation: 0 }, Caller::Node);
            encoder.put(caller, address, payload);
        }
        node
    }
}
