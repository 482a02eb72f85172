//! How far everything was written: of two notes the one that counts is chosen by a single number, so that a writer
//! that is killed at any moment leaves a whole one.
#![expect(unsafe_code, reason = "the writer's own memory in each record")]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytehound_format::v2::batch::{Node, State};

use crate::thread::{Mark, Thread};

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its length in bytes.
    pub len: u64,
    /// How many blocks it has.
    pub blocks: u64,
}

/// The last two commits, and which of them counts.
#[repr(C)]
pub(crate) struct Commits {
    epoch: AtomicU64,
    slots: [Slot; 2],
}

#[repr(C)]
struct Slot {
    len: AtomicU64,
    blocks: AtomicU64,
    /// Nodes with lower numbers are written.
    nodes: AtomicU32,
}

impl Commits {
    /// The number of the commit that counts; 0 before the first.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The commit that counts, and the first node that is not written.
    pub(crate) fn last(&self) -> (Commit, Node) {
        let slot = &self.slots[self.epoch() as usize % 2];
        let commit =
            Commit { len: slot.len.load(Ordering::Relaxed), blocks: slot.blocks.load(Ordering::Relaxed) };
        (commit, Node(slot.nodes.load(Ordering::Relaxed)).max(Node::FIRST))
    }

    /// Makes this the commit that counts; marks for `epoch() + 1` were set before.
    pub(crate) fn add(&self, commit: Commit, Node(nodes): Node) {
        let next = self.epoch() + 1;
        let slot = &self.slots[next as usize % 2];
        slot.len.store(commit.len, Ordering::Relaxed);
        slot.blocks.store(commit.blocks, Ordering::Relaxed);
        slot.nodes.store(nodes, Ordering::Relaxed);
        // Release: whoever sees the number sees the commit, and the marks of all records.
        self.epoch.store(next, Ordering::Release);
    }
}

impl Thread {
    /// Where the ring was written up to, and the state there, in the commit that counts.
    pub(crate) fn mark(&self, epoch: u64) -> (u64, State) {
        let counting =
            self.marks.iter().filter(|mark| (1..=epoch).contains(&mark.epoch.load(Ordering::Relaxed)));
        let newest = counting.max_by_key(|mark| mark.epoch.load(Ordering::Relaxed));
        newest.map_or((0, State::default()), |mark| {
            // SAFETY: only the writer sets marks, and it is the only one to ask for them.
            (mark.tail.load(Ordering::Relaxed), unsafe { *mark.state.get() })
        })
    }

    /// Notes for the commit `epoch`, which does not count yet, where the ring was written up to. The writer's part.
    pub(crate) fn set_mark(&self, epoch: u64, tail: u64, state: &State) {
        let [a, b] = &self.marks;
        let counts = |mark: &Mark| mark.epoch.load(Ordering::Relaxed);
        // What is overwritten is older, so it does not count; or belongs to a commit that never came to count.
        let stale = counts(a) >= epoch || counts(b) < epoch && counts(a) < counts(b);
        let mark = if stale { a } else { b };
        // No epoch while the mark is not whole.
        mark.epoch.store(0, Ordering::Relaxed);
        core::sync::atomic::fence(Ordering::Release);
        mark.tail.store(tail, Ordering::Relaxed);
        // SAFETY: only the writer sets marks, and this one does not count.
        unsafe { *mark.state.get() = *state };
        mark.epoch.store(epoch, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::region;

    #[test]
    fn a_mark_counts_from_its_commit_on() {
        let region = region(8 << 20);
        let thread = Thread::take(region).unwrap();
        let state = |thread| {
            let mut state = State::default();
            state.thread = thread;
            state
        };
        assert_eq!(thread.mark(0), (0, State::default()));
        for epoch in 1..6 {
            let before = thread.mark(epoch - 1);
            // A writer that was killed before its commit leaves a mark that does not count, and is set anew.
            thread.set_mark(epoch, 1, &state(0));
            assert_eq!(thread.mark(epoch - 1), before);
            thread.set_mark(epoch, epoch * 100, &state(epoch as u32));
            assert_eq!(thread.mark(epoch - 1), before);
            region.commits.add(Commit { len: epoch, blocks: 1 }, Node(epoch as u32 + 5));
            assert_eq!(thread.mark(region.commits.epoch()), (epoch * 100, state(epoch as u32)));
            assert_eq!(region.commits.last(), (Commit { len: epoch, blocks: 1 }, Node(epoch as u32 + 5)));
        }
        // Rounds in which the ring had nothing new.
        assert_eq!(thread.mark(9), (500, state(5)));
    }
}
