//! Stacks that a thread met lately. Nearly all that it meets are among them, and few lines of memory hold them: the table
//! of all stacks is far larger than any cache of the processor.

use bytehound_format::v2::batch::Node;
use bytehound_rings::{Fingerprint, prefetch};

/// Stacks of one cache line.
const WAYS: usize = 5;

/// Zeroed memory holds none.
pub(super) struct RecentStacks<const LINES: usize>([Line; LINES]);

/// Stacks whose fingerprints choose the same place.
#[repr(C, align(64))]
struct Line {
    fingerprints: [Fingerprint; WAYS],
    /// [`Node::NONE`] where there is none yet.
    nodes: [Node; WAYS],
    /// How many were noted here: the oldest makes room.
    noted: u32,
}

impl<const LINES: usize> RecentStacks<LINES> {
    /// The number of a stack; [`Node::NONE`] if it is not here. Without a jump for each: which it is nobody can foresee.
    #[inline(always)]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Node {
        let Line { fingerprints, nodes, .. } = &self.0[fingerprint.place(LINES)];
        let here = |(known, Node(node)): (&Fingerprint, &Node)| if *known == fingerprint { *node } else { 0 };
        Node(fingerprints.iter().zip(nodes).map(here).fold(Node::NONE.0, |any, node| any | node))
    }

    /// Has the processor fetch what [`Self::find`] will read, and does not wait for it.
    #[inline(always)]
    pub(super) fn prefetch(&self, fingerprint: Fingerprint) {
        prefetch(&self.0[fingerprint.place(LINES)]);
    }

    /// Remembers one that is not here.
    #[inline(always)]
    pub(super) fn note(&mut self, fingerprint: Fingerprint, node: Node) {
        let line = &mut self.0[fingerprint.place(LINES)];
        let oldest = line.noted as usize % WAYS;
        (line.fingerprints[oldest], line.nodes[oldest]) = (fingerprint, node);
        line.noted = line.noted.wrapping_add(1);
    }
}
