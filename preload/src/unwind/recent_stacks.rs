//! Stacks that a thread met lately. Most of those that it meets are among them, and few lines of memory hold them: the table
//! of all stacks is far larger than any cache of the processor.

use bytehound_format::v2::batch::Node;
use bytehound_rings::{Fingerprint, prefetch};

const LEN: usize = 4096;

/// Zeroed memory holds none.
pub(super) struct RecentStacks([Recent; LEN]);

struct Recent {
    fingerprint: Fingerprint,
    node: Node,
}

impl RecentStacks {
    /// The number of a stack with the hook innermost.
    #[inline(always)]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<Node> {
        let recent = &self.0[fingerprint.place(LEN)];
        (recent.fingerprint == fingerprint && recent.node != Node::NONE).then_some(recent.node)
    }

    /// Has the processor fetch what [`Self::find`] will read, and does not wait for it.
    #[inline(always)]
    pub(super) fn prefetch(&self, fingerprint: Fingerprint) {
        prefetch(&self.0[fingerprint.place(LEN)]);
    }

    /// Remembers it, in the place of another one.
    #[inline(always)]
    pub(super) fn note(&mut self, fingerprint: Fingerprint, node: Node) {
        self.0[fingerprint.place(LEN)] = Recent { fingerprint, node };
    }
}
