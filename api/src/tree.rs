//! Allocations along the paths of their backtraces: what two backtraces have in common from the outermost frame on is one
//! path.

use bytehound_index::{Frame, FrameId, Group, Profile};
use std::collections::HashMap;
use std::hash::Hash;

/// Nodes by their numbers; a node comes after its parent.
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

/// What some allocations have in common.
pub(crate) struct Node<'a> {
    /// The frame that all of them pass through here; the root has none.
    pub(crate) frame: Option<Frame<'a>>,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Of them those never freed.
    pub(crate) leaked_count: u64,
    pub(crate) leaked_bytes: u64,
    /// The first and the last of them, µs since 1970.
    pub(crate) first_us: u64,
    pub(crate) last_us: u64,
    pub(crate) parent: Option<usize>,
    children: Vec<usize>,
}

/// A step of a walk through a tree.
pub(crate) enum Step<'t, 'a> {
    /// Down to a node; how many nodes are above it, and whether a sibling comes after it.
    Down { node: &'t Node<'a>, depth: usize, is_last: bool },
    /// Up again from a node that all children of were passed.
    Up,
}

impl<'a> Tree<'a> {
    /// Frames with equal keys, called from the same path, are one node, which shows the frame that came first.
    pub(crate) fn of<K: Hash + Eq>(
        profile: &'a Profile,
        groups: &[Group],
        key: impl Fn(FrameId, &Frame<'a>) -> K,
    ) -> Self {
        let mut tree = Self { nodes: vec![Node::new(None, None)] };
        let mut known: HashMap<(usize, K), usize> = HashMap::new();
        // What is allocated first comes first.
        let mut ordered: Vec<&Group> = groups.iter().collect();
        ordered.sort_by_key(|group| group.first_us);
        for group in ordered {
            let backtrace = profile.backtrace(group.backtrace);
            let mut at = 0;
            tree.nodes[at].add(group);
            for (id, frame) in backtrace.frame_ids().zip(backtrace.frames()) {
                let next = tree.nodes.len();
                let child = *known.entry((at, key(id, &frame))).or_insert(next);
                if child == next {
                    tree.nodes[at].children.push(child);
                    tree.nodes.push(Node::new(Some(frame), Some(at)));
                }
                at = child;
                tree.nodes[at].add(group);
            }
        }
        tree
    }

    /// All nodes; a parent is before its children.
    pub(crate) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// Every node, the root first, its children in order after it. A stack can be deep: this does not recurse.
    pub(crate) fn walk(&self) -> impl Iterator<Item = Step<'_, 'a>> {
        let mut pending = vec![(0, 0, true)];
        let mut open = 0;
        std::iter::from_fn(move || {
            let wanted = pending.last().map_or(0, |(_, depth, _)| *depth);
            if open > wanted {
                open -= 1;
                return Some(Step::Up);
            }
            let (index, depth, is_last) = pending.pop()?;
            let node: &Node<'a> = &self.nodes[index];
            open = depth + 1;
            let children = node.children.iter().rev().enumerate();
            pending.extend(children.map(|(from_last, child)| (*child, depth + 1, from_last == 0)));
            Some(Step::Down { node, depth, is_last })
        })
    }
}

impl<'a> Node<'a> {
    fn new(frame: Option<Frame<'a>>, parent: Option<usize>) -> Self {
        Self {
            frame,
            count: 0,
            bytes: 0,
            leaked_count: 0,
            leaked_bytes: 0,
            first_us: u64::MAX,
            last_us: 0,
            parent,
            children: Vec::new(),
        }
    }

    /// Sums wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴.
    fn add(&mut self, group: &Group) {
        self.count += group.count;
        self.bytes = self.bytes.wrapping_add(group.bytes);
        self.leaked_count += group.leaked_count;
        self.leaked_bytes = self.leaked_bytes.wrapping_add(group.leaked_bytes);
        self.first_us = self.first_us.min(group.first_us);
        self.last_us = self.last_us.max(group.last_us);
    }
}
