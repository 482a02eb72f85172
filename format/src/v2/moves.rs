//! Reallocs that are moving a block, and what other threads do meanwhile.

use super::merge::LaneIndex;

/// The moves that have begun but not ended, of all threads.
#[derive(Debug, Default)]
pub(crate) struct Moves(Vec<Move>);

#[derive(Debug)]
struct Move {
    lane: LaneIndex,
    pointer: u64,
    thread: u32,
    /// Another thread got the old address meanwhile.
    is_split: bool,
}

impl Moves {
    /// Whether no block is moving.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A block begins to move away from `pointer`.
    pub(crate) fn begin(&mut self, lane: LaneIndex, thread: u32, pointer: u64) {
        self.end(lane);
        self.0.push(Move { lane, pointer, thread, is_split: false });
    }

    /// The move of this lane ends, if there is one. Says whether it was split: its two halves are then events of
    /// their own.
    pub(crate) fn end(&mut self, lane: LaneIndex) -> bool {
        let ours = self.0.iter().position(|begun| begun.lane == lane);
        ours.is_some_and(|at| self.0.swap_remove(at).is_split)
    }

    /// `pointer` is about to be used again: a move away from there is split. Gives the thread whose move it is.
    pub(crate) fn split(&mut self, pointer: u64) -> Option<u32> {
        let found = self.0.iter_mut().find(|begun| begun.pointer == pointer && !begun.is_split)?;
        found.is_split = true;
        Some(found.thread)
    }
}
