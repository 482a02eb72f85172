//! Where hooks were called from lately: a call from the same place, in the same state, is only checked.
//!
//! A walk that starts in a known state goes the way that an earlier one went, as long as the slots that were read then
//! hold what they held. So it comes to the frame where that way ends. If the last walk has that frame too, and still
//! holds outside of it, the whole stack is known: no rule is looked up, no number.

use bytehound_format::v2::batch::Node;
use bytehound_rings::Fingerprint;

use super::slots::Slot;
use super::stack_cache::Machine;
use super::visited::{BP, BX, Visited};
use crate::arch::Registers;

const SETS: usize = 512;
const RETURNS: usize = 256;
/// Hooks are told apart by a few bits of their addresses.
const LATEST: usize = 8;
/// Calls that differ only further out lie in one set.
const WAYS: usize = 4;
/// Slots of the longest way: then a site takes two cache lines.
pub(super) const SLOTS: usize = 8;

/// Zeroed memory holds none.
pub(super) struct CallSites {
    returns: [Return; RETURNS],
    sets: [Set; SETS],
    sites: [[Site; WAYS]; SETS],
    /// Of some hooks, the site that was met last: its set and its place there.
    latest: [(u16, u8); LATEST],
}

/// Where the return address of a frame lies: so many bytes above the stack pointer at a call from this address.
#[derive(Clone, Copy, Debug, Default)]
struct Return {
    ip: u64,
    distance: u64,
}

/// What is to be known of a set before its sites are looked at.
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
    /// The caller's instruction and stack pointers.
    ip: u64,
    sp: u64,
    /// The hook.
    leaf: u64,
    /// The frame where the way ends, with its callers.
    outer: Fingerprint,
    /// The caller's other registers, and with which that frame was entered.
    caller: Needed,
    entered: Needed,
    /// The lower half of the stack pointer with which it was entered: there is no stack of 4 GiB.
    entered_sp: u32,
    /// Which filling of the cache this belongs to.
    filling: u32,
    /// The place of that frame in the last walk, counted from 1. 0 for no site.
    depth: u16,
    /// The caller's registers that count.
    needs: u8,
    /// How many of the slots there are.
    len: u8,
    /// What was read on the way.
    slots: [NearSlot; SLOTS],
}

/// Registers that count because they point to a frame: the lower halves say where in the stack. Others are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Needed {
    bp: u32,
    bx: u32,
}

/// A word of the stack that holds an address: how many words it lies above the stack pointer, and 48 bits of address.
#[derive(Clone, Copy, Debug, Default)]
struct NearSlot(u64);

/// A call of a hook.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    caller: &'a Registers,
    /// Where the caller returns to, as it seems without a walk: what calls `malloc` is often one `operator new`.
    returns_to: u64,
    leaf: u64,
    /// Which filling of the cache it belongs to.
    filling: u32,
}

impl CallSites {
    /// A call of the hook `leaf`.
    #[inline(always)]
    pub(super) fn call<'a>(
        &self,
        caller: &'a Registers,
        leaf: u64,
        filling: u32,
        machine: &impl Machine,
    ) -> Call<'a> {
        let Return { ip, distance } = self.returns[Return::place(caller)];
        let found = if ip == caller.ip { machine.read(caller.sp.wrapping_add(distance)) } else { None };
        Call { caller, returns_to: found.unwrap_or(0), leaf, filling }
    }

    /// Learns from a walk where calls from this place return to.
    #[inline(always)]
    pub(super) fn learn(&mut self, caller: &Registers, outer: &Registers) {
        let distance = outer.sp.wrapping_sub(8).wrapping_sub(caller.sp);
        self.returns[Return::place(caller)] = Return { ip: caller.ip, distance };
    }

    /// What is known of such calls: the set, and in it the places and sites.
    #[inline(always)]
    pub(super) fn of(&self, call: Call<'_>) -> (usize, impl Iterator<Item = (usize, &Site)>) {
        let (set, tag) = call.place();
        let tags = self.sets[set].tags.iter().zip(self.sites[set].iter().enumerate());
        let tagged = tags.filter(move |(site_tag, _)| **site_tag == tag).map(|(_, site)| site);
        (set, tagged.filter(move |(_, site)| site.is(call.caller, call.leaf, call.filling)))
    }

    /// The site of the hook's call before, if this call may be the same: many come from one loop.
    #[inline(always)]
    pub(super) fn latest(&self, caller: &Registers, leaf: u64, filling: u32) -> Option<(Node, &Site)> {
        let (set, place) = self.latest[latest(leaf)];
        let (set, place) = (usize::from(set) % SETS, usize::from(place) % WAYS);
        let site = &self.sites[set][place];
        site.is(caller, leaf, filling).then(|| (self.sets[set].nodes[place], site))
    }

    /// A site was met: the number of its stack.
    #[inline(always)]
    pub(super) fn meet(&mut self, leaf: u64, set: usize, place: usize) -> Node {
        self.latest[latest(leaf)] = (set as u16, place as u8);
        self.sets[set].nodes[place]
    }

    /// Where a stack with this number is remembered, if it is here or was met before.
    #[inline(always)]
    pub(super) fn place_for(&mut self, call: Call<'_>, node: Node) -> Option<&mut Site> {
        let (set, tag) = call.place();
        let place = self.sets[set].place_for(node, tag)?;
        Some(&mut self.sites[set][place])
    }
}

/// Where the latest site of a hook stands.
#[inline(always)]
fn latest(leaf: u64) -> usize {
    (leaf >> 4) as usize % LATEST
}

impl Return {
    #[inline(always)]
    fn place(caller: &Registers) -> usize {
        (caller.ip.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % RETURNS
    }
}

impl Set {
    /// Most stacks of a program that has many don't come again soon: they overwrite none that do.
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

impl Call<'_> {
    /// The set that it belongs to, and its tag there.
    #[inline(always)]
    fn place(&self) -> (usize, u32) {
        let Registers { ip, sp, .. } = *self.caller;
        let state = (ip ^ self.leaf << 20 ^ sp << 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (state >> 20 ^ self.returns_to).wrapping_mul(0xd6e8_feb8_6659_fd93);
        ((mixed >> 48) as usize % SETS, (mixed >> 16) as u32)
    }
}

impl Site {
    /// Remembers the way of a call to the frame at `depth` of the walk. `needs` are the caller's registers that count.
    #[inline(always)]
    pub(super) fn set(&mut self, call: Call<'_>, needs: u8, (outer, depth): (&Visited, usize), way: &[Slot]) {
        let &Registers { ip, sp, .. } = call.caller;
        self.depth = 0;
        for (place, slot) in self.slots.iter_mut().zip(way) {
            let Some(near) = NearSlot::new(slot, sp) else { return };
            *place = near;
        }
        (self.ip, self.sp, self.leaf, self.filling) = (ip, sp, call.leaf, call.filling);
        (self.needs, self.caller) = (needs, Needed::of(call.caller, needs));
        (self.outer, self.entered_sp) = (outer.fingerprint, outer.registers.sp as u32);
        self.entered = Needed::of(&outer.registers, outer.needs);
        (self.depth, self.len) = (depth as u16, way.len() as u8);
    }

    /// How many frames of the last walk there are where the way ends.
    #[inline(always)]
    pub(super) fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Whether it is of a call of the hook `leaf`.
    #[inline(always)]
    fn is(&self, caller: &Registers, leaf: u64, filling: u32) -> bool {
        let &Registers { ip, sp, .. } = caller;
        (self.ip, self.sp, self.leaf, self.filling) == (ip, sp, leaf, filling)
            && self.caller == Needed::of(caller, self.needs)
    }

    /// Whether the way still leads to `outer`, as the last walk entered it.
    #[inline(always)]
    pub(super) fn leads_to(&self, outer: &Visited, machine: &impl Machine) -> bool {
        let way = self.slots.get(..usize::from(self.len)).unwrap_or_default();
        outer.fingerprint == self.outer
            && outer.registers.sp as u32 == self.entered_sp
            && Needed::of(&outer.registers, outer.needs) == self.entered
            && way.iter().fold(0, |any, slot| any | slot.difference(self.sp, machine)) == 0
    }
}

impl Needed {
    #[inline(always)]
    fn of(registers: &Registers, needs: u8) -> Self {
        let half = |bit, value| if needs & bit == 0 { 0 } else { value as u32 };
        Self { bp: half(BP, registers.bp), bx: half(BX, registers.bx) }
    }
}

impl NearSlot {
    const VALUE_BITS: u32 = 48;

    /// None if it is not near, or holds no address.
    #[inline(always)]
    fn new(slot: &Slot, sp: u64) -> Option<Self> {
        let distance = slot.address.wrapping_sub(sp);
        let words = u64::from(u16::try_from(distance / 8).ok()?);
        let fits = distance.is_multiple_of(8) && slot.value >> Self::VALUE_BITS == 0;
        fits.then_some(Self(words << Self::VALUE_BITS | slot.value))
    }

    /// Not 0 if it does not hold what it held.
    #[inline(always)]
    fn difference(self, sp: u64, machine: &impl Machine) -> u64 {
        let address = sp.wrapping_add(self.0 >> Self::VALUE_BITS << 3);
        machine.read_again(address) ^ (self.0 & ((1 << Self::VALUE_BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_are_far_away_or_hold_no_address_are_not_remembered() {
        let sp = 0x7ffc_0000_1000_u64;
        let near =
            |distance: u64, value| NearSlot::new(&Slot { address: sp.wrapping_add(distance), value }, sp);
        assert!(near(0, 0).is_some() && near(8 * 0xffff, (1 << 48) - 1).is_some());
        assert!(near(8 * 0x1_0000, 0).is_none() && near(0_u64.wrapping_sub(8), 0).is_none());
        assert!(near(4, 0).is_none() && near(8, 1 << 48).is_none());
    }
}
