//! From the frames of a walk to the number of their stack.

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;
use bytehound_rings::{Innermost, Region};

use super::visited::Visited;

/// Numbers frames, the outermost first, that `caller` has called; the innermost is the hook. A stack that was met
/// before is found by its innermost frame: the other numbers are read from there outwards, and prove that it is the one.
#[inline(always)]
pub(super) fn number(frames: &mut [Visited], caller: Caller, region: &Region) {
    if !find(frames, Innermost::Hook, caller, region) {
        number_new(frames, caller, region);
    }
}

#[cold]
fn number_new(frames: &mut [Visited], mut caller: Caller, region: &Region) {
    let mut known = frames.len().saturating_sub(1);
    while !find(frames.get_mut(..known).unwrap_or_default(), Innermost::Frame, caller, region) && known > 0 {
        known -= 1;
    }
    let (known, new) = frames.split_at_mut(known);
    caller = known.last().map_or(caller, |frame| Caller::Node(frame.node));
    let mut add = |frame: &mut Visited, innermost| {
        frame.node = region.stacks().add(region, innermost, frame.fingerprint, caller, frame.registers.ip);
        caller = Caller::Node(frame.node);
    };
    if let Some((hook, frames)) = new.split_last_mut() {
        frames.iter_mut().for_each(|frame| add(frame, Innermost::Frame));
        add(hook, Innermost::Hook);
    }
}

#[inline(always)]
fn find(frames: &mut [Visited], innermost: Innermost, caller: Caller, region: &Region) -> bool {
    let Some(fingerprint) = frames.last().map(|innermost| innermost.fingerprint) else { return false };
    let is_wanted = |node| leads_to(frames, node, caller, region);
    region.stacks().find(region, innermost, fingerprint, is_wanted).is_some()
}

/// Whether the stack `node` is that of the frames; numbers them.
#[inline(always)]
fn leads_to(frames: &mut [Visited], node: Node, caller: Caller, region: &Region) -> bool {
    let mut stack = Caller::Node(node);
    for frame in frames.iter_mut().rev() {
        let Caller::Node(node) = stack else { return false };
        match region.stacks().get(region, node) {
            Some((outer, address)) if address == frame.registers.ip => stack = outer,
            _ => return false,
        }
        frame.node = node;
    }
    stack == caller
}
