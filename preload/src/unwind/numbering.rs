//! From the frames of a walk to the number of their stack.

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;
use bytehound_rings::{Innermost, Region};

use super::recent_stacks::RecentStacks;
use super::visited::Visited;

/// The number of the stack that these frames make, the outermost first, the hook innermost.
#[inline(always)]
pub(super) fn number(
    frames: &mut [Visited],
    recent: &mut RecentStacks,
    generation: u32,
    region: &Region,
) -> Node {
    let Some(&Visited { fingerprint, .. }) = frames.last() else { return Node::UNKNOWN };
    if let Some(node) = recent.find(fingerprint) {
        return node;
    }
    let known = region.stacks().find(region, Innermost::Hook, fingerprint);
    let node = known.unwrap_or_else(|| number_new(frames, generation, region));
    recent.note(fingerprint, node);
    node
}

/// Only here the frames outside of the hook need numbers of their own.
#[cold]
fn number_new(frames: &mut [Visited], generation: u32, region: &Region) -> Node {
    let Some((hook, frames)) = frames.split_last_mut() else { return Node::UNKNOWN };
    let is_known = |frame: &Visited| frame.node != Node::NONE;
    let unnumbered = frames.iter().rev().take_while(|frame| !is_known(frame));
    unnumbered.for_each(|frame| region.stacks().prefetch(region, Innermost::Frame, frame.fingerprint));
    let known = frames.iter_mut().rposition(|frame| {
        if !is_known(frame) {
            frame.node = find(frame, region);
        }
        is_known(frame)
    });
    let (known, new) = frames.split_at_mut(known.map_or(0, |at| at + 1));
    let mut caller = known.last().map_or(Caller::None { generation }, |frame| Caller::Node(frame.node));
    let mut add = |frame: &mut Visited, innermost| {
        frame.node = region.stacks().add(region, innermost, frame.fingerprint, caller, frame.registers.ip);
        caller = Caller::Node(frame.node);
    };
    new.iter_mut().for_each(|frame| add(frame, Innermost::Frame));
    add(hook, Innermost::Hook);
    hook.node
}

fn find(frame: &Visited, region: &Region) -> Node {
    region.stacks().find(region, Innermost::Frame, frame.fingerprint).unwrap_or(Node::NONE)
}
