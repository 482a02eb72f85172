//! From the frames of a walk to the number of their stack.

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;
use bytehound_rings::{Fingerprint, Region};

use super::recent_stacks::RecentStacks;
use super::visited::Visited;

/// What a thread remembers of numbers. Zeroed memory is nothing.
pub(super) struct Numbering {
    /// Of stacks with the hook innermost.
    whole: RecentStacks<2048>,
    /// Of their callers.
    callers: RecentStacks<1024>,
}

impl Numbering {
    /// Has the processor fetch what is remembered of a stack with the hook innermost.
    #[inline(always)]
    pub(super) fn prefetch(&self, whole: Fingerprint) {
        self.whole.prefetch(whole);
    }

    /// The number of the stack that these frames make, the outermost first, the hook innermost.
    #[inline(always)]
    pub(super) fn number(&mut self, frames: &mut [Visited], generation: u32, region: &Region) -> Node {
        let Some(&Visited { fingerprint, .. }) = frames.last() else { return Node::UNKNOWN };
        let recent = self.whole.find(fingerprint);
        if recent != Node::NONE {
            return recent;
        }
        let known = region.stacks().find(region, fingerprint);
        let node = known.unwrap_or_else(|| self.number_new(frames, generation, region));
        self.whole.note(fingerprint, node);
        node
    }

    /// Only here the callers need numbers of their own.
    #[cold]
    fn number_new(&mut self, frames: &mut [Visited], generation: u32, region: &Region) -> Node {
        let Some((hook, callers)) = frames.split_last_mut() else { return Node::UNKNOWN };
        let known = self.known(callers);
        let (known, new) = callers.split_at_mut(known);
        let mut caller = known.last().map_or(Caller::None { generation }, |frame| Caller::Node(frame.node));
        for frame in new {
            frame.node = region.stacks().add_frame(region, caller, frame.registers.ip);
            self.callers.note(frame.fingerprint, frame.node);
            caller = Caller::Node(frame.node);
        }
        region.stacks().add(region, hook.fingerprint, caller, hook.registers.ip)
    }

    /// How many of these frames are outside of the innermost one whose number is known, that included.
    fn known(&self, callers: &mut [Visited]) -> usize {
        let known = callers.iter_mut().rposition(|frame| {
            if frame.node == Node::NONE {
                frame.node = self.callers.find(frame.fingerprint);
            }
            frame.node != Node::NONE
        });
        known.map_or(0, |at| at + 1)
    }
}
