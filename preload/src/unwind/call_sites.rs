//! Where hooks were called from lately: a call from the same place, in the same state, is only checked.
//!
//! A walk that starts in a known state goes the way that an earlier one went, as long as the slots that were read then
//! hold what they held. So it comes to the frame that the earlier walk had in common with the one before it. If the last
//! walk has that frame too, and still holds outside of it, the whole stack is known: no rule is looked up, no number.

use bytehound_format::v2::batch::Node;
use bytehound_rings::{Fingerprint, prefetch};

use super::slots::Slot;
use super::stack_cache::Machine;
use super::visited::{Visited, agree};
use crate::arch::Registers;

const SETS: usize = 128;
/// Calls that differ only further out lie in one set: what calls `malloc` is often one `operator new`.
const WAYS: usize = 4;
/// Longer ways are not kept.
const SLOTS: usize = 10;

/// Zeroed memory holds none.
pub(super) struct CallSites {
    sets: [Set; SETS],
    sites: [[Site; WAYS]; SETS],
}

/// What is to be known of a set before its sites are looked at: they take many cache lines.
#[repr(C, align(64))]
struct Set {
    /// Parts of the hashes of the calls.
    tags: [u32; WAYS],
    /// The numbers of the stacks.
    nodes: [Node; WAYS],
    /// Stacks that were met once. One that is met again becomes a site.
    candidates: [Node; WAYS],
    /// How many sites and candidates were overwritten.
    sites_next: u8,
    candidates_next: u8,
}

/// A place that a hook was called from, and the way from there to a frame further out.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Site {
    /// The caller's registers.
    caller: Registers,
    /// The hook.
    leaf: u64,
    /// The frame further out, with its callers.
    outer: Fingerprint,
    /// Which filling of the cache this belongs to.
    filling: u32,
    /// Its place in the last walk, counted from 1. 0 for no site.
    depth: u16,
    /// The caller's registers that count.
    needs: u8,
    /// How many of the slots there are.
    len: u8,
    /// The registers with which that frame was entered.
    entered: Registers,
    /// What was read on the way.
    slots: [Slot; SLOTS],
}

/// A call of a hook.
pub(super) struct Call<'a> {
    pub(super) caller: &'a Registers,
    /// The caller's registers that count.
    pub(super) needs: u8,
    pub(super) leaf: u64,
    /// Which filling of the cache it belongs to.
    pub(super) filling: u32,
}

impl CallSites {
    /// What is known of calls of the hook `leaf` in this state.
    #[inline(always)]
    pub(super) fn of(
        &self,
        caller: &Registers,
        leaf: u64,
        filling: u32,
    ) -> impl Iterator<Item = (Node, &Site)> {
        let (set, tag) = place(caller, leaf);
        let Set { tags, nodes, .. } = &self.sets[set];
        let sites = tags.iter().zip(nodes.iter().copied().zip(&self.sites[set]));
        let tagged = sites.filter(move |(site_tag, _)| **site_tag == tag).map(|(_, site)| site);
        tagged.filter(move |(_, site)| site.is(caller, leaf, filling))
    }

    /// Has the processor fetch what [`Self::of`] reads first.
    #[inline(always)]
    pub(super) fn prefetch(&self, caller: &Registers, leaf: u64) {
        let (set, _) = place(caller, leaf);
        prefetch(&self.sets[set]);
    }

    /// Remembers a walk: the number of its stack, a frame further out with its place, and the slots up to there.
    #[inline(always)]
    pub(super) fn set(
        &mut self,
        call: &Call<'_>,
        node: Node,
        (outer, depth): (&Visited, usize),
        way: &[Slot],
    ) {
        let Call { caller, needs, leaf, filling } = *call;
        let (set, tag) = place(caller, leaf);
        let Some(place) = self.sets[set].place_for(node, tag) else { return };
        let site = &mut self.sites[set][place];
        (site.caller, site.leaf, site.filling) = (*caller, leaf, filling);
        (site.outer, site.entered, site.needs) = (outer.fingerprint, outer.registers, needs);
        // A way that is too long is none.
        site.depth = if way.len() <= SLOTS { depth as u16 } else { 0 };
        site.len = way.len() as u8;
        site.slots.iter_mut().zip(way).for_each(|(place, slot)| place.set(slot));
    }
}

impl Set {
    /// Where a stack goes, if it is here or was met before. Most stacks of a program that has many don't come again soon:
    /// they overwrite none that do.
    #[inline(always)]
    fn place_for(&mut self, node: Node, tag: u32) -> Option<usize> {
        if let Some(known) = self.nodes.iter().position(|&known| known == node) {
            self.tags[known] = tag;
            return Some(known);
        }
        if !self.candidates.contains(&node) {
            self.candidates[usize::from(self.candidates_next) % WAYS] = node;
            self.candidates_next = self.candidates_next.wrapping_add(1);
            return None;
        }
        let place = usize::from(self.sites_next) % WAYS;
        self.sites_next = self.sites_next.wrapping_add(1);
        (self.tags[place], self.nodes[place]) = (tag, node);
        Some(place)
    }
}

/// The set that a call belongs to, and its tag there.
#[inline(always)]
fn place(caller: &Registers, leaf: u64) -> (usize, u32) {
    let mixed = (caller.ip ^ leaf << 20 ^ caller.sp << 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 56) as usize % SETS, (mixed >> 24) as u32)
}

impl Site {
    #[inline(always)]
    fn is(&self, caller: &Registers, leaf: u64, filling: u32) -> bool {
        agree(&self.caller, caller, self.needs) && self.leaf == leaf && self.filling == filling
    }

    /// How many frames of the last walk there are where the way ends.
    #[inline(always)]
    pub(super) fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Whether the way still leads to `outer`, as the last walk entered it.
    #[inline(always)]
    pub(super) fn leads_to(&self, outer: &Visited, machine: &impl Machine) -> bool {
        let way = self.slots.get(..usize::from(self.len)).unwrap_or_default();
        outer.fingerprint == self.outer
            && agree(&outer.registers, &self.entered, outer.needs)
            && Slot::all_hold(way, machine)
    }
}
