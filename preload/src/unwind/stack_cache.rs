//! The validated stack cache: what the last walk of a thread found, reused as far as it still holds.
//!
//! A new walk goes outwards by the rules until it is in the very state in which the last walk entered some
//! frame: same address, stack pointer and registers. From there on the rules would read exactly the stack slots
//! that the last walk read. So these slots are compared, in order, outwards: while they hold what they held,
//! the next state is the next one of the last walk. If all hold, the rest of the stack is known without walking
//! it; else the walk goes on by the rules. Of the registers only those are compared on which frames further out
//! depend: what a loop counts in a saved register changes no stack.
//!
//! Frames that were left by other ways than a packed rule are barriers: the slots they depend on are not known.

use bytehound_format::v2::batch::Node;
use bytehound_rings::{Fingerprint, Region};

use super::FRAMES_MAX;
use super::call_sites::{self, Call, CallSites, Site};
use super::numbering::Numbering;
use super::slots::{SLOTS_MAX, Slot, Slots};
use super::visited::{BP, BX, Visited};
use crate::arch::Registers;

/// How a frame was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// By a packed rule: the caller's registers depend on the recorded slots, the stack pointer, and these registers
    /// alone.
    Packed(u8),
    /// In another way.
    Other,
    /// Not at all, whatever the stack holds.
    Outermost,
    /// Not at all, this time.
    Lost,
}

/// What a walk goes through: the stack and the rules.
pub(super) trait Machine {
    /// The word at an address of the stack that was read in the last walk.
    fn read_again(&self, address: u64) -> u64;
    /// The word at an address, if it is on the stack.
    fn read(&self, address: u64) -> Option<u64>;
    /// Leaves a frame, and tells of its caller all but the number.
    fn leave(&mut self, frame: &Visited, caller: &mut Visited) -> Step;
}

/// The last walk of a thread, and room for the frames that a new one adds. Zeroed memory is an empty one.
pub(super) struct StackCache {
    len: usize,
    /// Counts how often the last walk was forgotten.
    filling: u32,
    sites: CallSites,
    numbering: Numbering,
    slots: Slots<{ SLOTS_MAX * FRAMES_MAX }>,
    /// The outermost frame first; behind `len` of them the hook.
    frames: [Visited; FRAMES_MAX + 1],
    /// The innermost frame first; one more than is kept, to step into.
    fresh: [Visited; FRAMES_MAX + 1],
}

/// What ends a verification.
enum Found {
    /// All frames hold.
    All,
    /// The frame was left in another way than by a packed rule.
    Barrier,
    /// The next frame outwards does not hold.
    Difference,
}

impl StackCache {
    /// Forgets the last walk.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.filling = self.filling.wrapping_add(1);
    }

    /// Walks from the caller of the hook `leaf` outwards, and gives the number of the stack with the hook innermost.
    #[inline(always)]
    pub(super) fn walk(
        &mut self,
        caller: Registers,
        leaf: u64,
        machine: &mut impl Machine,
        generation: u32,
        region: &Region,
    ) -> Node {
        let latest = self.sites.latest(&caller, leaf, self.filling);
        if let Some((node, _)) = latest.filter(|(_, site)| self.still_leads_on(site, machine)) {
            return node;
        }
        let call = self.sites.call(&caller, leaf, self.filling, machine);
        if let Some((set, place)) = self.met(call, machine) {
            return self.sites.meet(leaf, set, place);
        }
        let (mut kept, mut fresh) = self.find(caller, leaf, machine);
        if kept + fresh > FRAMES_MAX {
            // Too deep to keep the outermost frames: those that fit are found without the last walk.
            self.clear();
            (kept, fresh) = self.find(caller, leaf, machine);
        }
        self.keep(kept, fresh, generation, leaf);
        let walked = self.frames.get_mut(..=self.len).unwrap_or_default();
        let node = self.numbering.number(walked, generation, region);
        self.remember(&caller, leaf, node, machine);
        node
    }

    /// The site of a call that was met lately, if all is as it was then.
    #[inline(always)]
    fn met(&self, call: Call<'_>, machine: &impl Machine) -> Option<(usize, usize)> {
        let (set, mut sites) = self.sites.of(call);
        sites.find(|(_, site)| self.still_leads_on(site, machine)).map(|(place, _)| (set, place))
    }

    /// Whether the way from a site leads to a frame of the last walk, and all outside of that are as they were.
    #[inline(always)]
    fn still_leads_on(&self, site: &Site, machine: &impl Machine) -> bool {
        // What is beyond `len` is of an earlier walk.
        let Some(outer) = self.innermost(site.depth()).filter(|_| site.depth() <= self.len) else {
            return false;
        };
        site.leads_to(outer, machine)
            && !self.barrier_of(outer).1
            && Slot::all_hold(self.slots.between(0, outer.slots), machine)
    }

    /// Remembers a call that has met this stack before: the longest way that a site has room for.
    #[inline(always)]
    fn remember(&mut self, caller: &Registers, leaf: u64, node: Node, machine: &impl Machine) {
        let Self { len, filling, sites, slots, frames, .. } = self;
        let walked = frames.get(..*len).unwrap_or_default();
        let [.., outer, innermost] = walked else { return };
        sites.learn(caller, &outer.registers);
        if walked.get(usize::from(innermost.barrier_at)).is_none_or(|frame| frame.barrier) {
            return;
        }
        let call = sites.call(caller, leaf, *filling, machine);
        let Some(site) = sites.place_for(call, node) else { return };
        let from = innermost.slots.saturating_sub(call_sites::SLOTS as u16);
        let at = walked.partition_point(|frame| frame.slots < from);
        if let Some(outer) = walked.get(at) {
            let way = slots.between(outer.slots, innermost.slots);
            site.set(call, innermost.needs, (outer, at + 1), way);
        }
    }

    /// Finds how many of the last walk's frames are still there, and how many fresh ones are inside them.
    #[inline(always)]
    fn find(&mut self, start: Registers, leaf: u64, machine: &mut impl Machine) -> (usize, usize) {
        self.fresh[0] = Visited::first(start);
        let mut fresh = 0;
        // Frames of the last walk that are not inside the current one.
        let mut candidates = self.len;
        while let Some(frame) = self.fresh.get(fresh) {
            while self.innermost(candidates).is_some_and(|inner| inner.registers.sp < frame.registers.sp) {
                candidates -= 1;
            }
            if self.innermost(candidates).is_some_and(|candidate| candidate.is_entered_as(frame)) {
                self.prefetch(candidates, fresh, leaf);
                let (at, found) = self.verify(candidates, fresh, machine);
                match found {
                    Found::All => return (candidates, fresh),
                    Found::Barrier => fresh = self.take_over(at, candidates, fresh),
                    // The registers of those that hold may be out of date: they are left by the rules.
                    Found::Difference => fresh += 1,
                }
                candidates = at;
            } else {
                fresh += 1;
            }
            if !self.step(fresh, machine) {
                break;
            }
        }
        (0, fresh.min(FRAMES_MAX))
    }

    /// Has the number fetched that the stack will have if so many frames hold.
    #[inline(always)]
    fn prefetch(&self, kept: usize, fresh: usize, leaf: u64) {
        let Some(outer) = self.innermost(kept) else { return };
        let inside = self.fresh.get(..fresh).unwrap_or_default().iter().rev();
        let whole = inside.fold(outer.fingerprint, |outside, frame| outside.calling(frame.registers.ip));
        self.numbering.prefetch(whole.calling(leaf));
    }

    /// Leaves the last of the fresh frames; says whether there is a caller, and room for it.
    #[inline(always)]
    fn step(&mut self, fresh: usize, machine: &mut impl Machine) -> bool {
        let Some((inner, [caller, ..])) = self.fresh.split_at_mut_checked(fresh) else { return false };
        let Some(last) = inner.last_mut() else { return false };
        let step = machine.leave(last, caller);
        last.barrier = matches!(step, Step::Other | Step::Lost) || fresh == FRAMES_MAX;
        last.base = if let Step::Packed(base) = step { base } else { 0 };
        matches!(step, Step::Packed(_) | Step::Other) && fresh < FRAMES_MAX
    }

    /// The innermost of so many frames of the last walk.
    #[inline(always)]
    fn innermost(&self, frames: usize) -> Option<&Visited> {
        self.frames.get(frames.checked_sub(1)?)
    }

    /// The place of the barrier nearest to a frame of the last walk, and whether there is one.
    #[inline(always)]
    fn barrier_of(&self, frame: &Visited) -> (usize, bool) {
        let at = usize::from(frame.barrier_at);
        (at, self.frames.get(at).is_none_or(|frame| frame.barrier))
    }

    /// Verifies from the innermost candidate, which is the last fresh frame, outwards; returns what ends it, and the
    /// place of the outermost frame that holds.
    #[inline(always)]
    fn verify(&mut self, candidates: usize, fresh: usize, machine: &impl Machine) -> (usize, Found) {
        let at = candidates.saturating_sub(1);
        let (Some(candidate), Some(frame)) = (self.frames.get_mut(at), self.fresh.get(fresh)) else {
            return (at, Found::Barrier);
        };
        candidate.take_slots_of(frame);
        let candidate = *candidate;
        let (from, is_barrier) = self.barrier_of(&candidate);
        let first = self.frames.get(from).map_or(0, |frame| frame.slots);
        match self.slots.difference(first, candidate.slots, machine) {
            None if is_barrier => (from, Found::Barrier),
            None => (from, Found::All),
            Some(slot) => {
                let outside = self.frames.get(..at).unwrap_or_default();
                (outside.partition_point(|frame| frame.slots <= slot), Found::Difference)
            }
        }
    }

    /// Makes fresh frames of those of the last walk that hold, up to one that has to be left anew.
    #[cold]
    fn take_over(&mut self, proven: usize, candidates: usize, mut fresh: usize) -> usize {
        let holding = self.frames.get(proven..candidates).unwrap_or_default();
        for (place, frame) in self.fresh.iter_mut().skip(fresh).zip(holding.iter().rev()) {
            *place = *frame;
            fresh += 1;
        }
        fresh.min(FRAMES_MAX)
    }

    /// Makes the last walk of its `kept` outermost frames, the fresh ones, and the hook.
    #[inline(always)]
    fn keep(&mut self, kept: usize, fresh: usize, generation: u32, leaf: u64) {
        let (mut needed, mut barrier_at, mut slots) = (0, 0, 0);
        let mut fingerprint = Fingerprint::outside(generation);
        if let Some(&frame) = self.innermost(kept) {
            (needed, barrier_at, fingerprint) = (frame.needs_inside(), frame.barrier_at, frame.fingerprint);
            slots = self.slots.put(&frame, frame.slots);
        }
        let places = self.frames.get_mut(kept..).unwrap_or_default();
        let new = self.fresh.get(..fresh).unwrap_or_default();
        for (index, (place, frame)) in places.iter_mut().zip(new.iter().rev()).enumerate() {
            place.set(frame);
            fingerprint = fingerprint.calling(frame.registers.ip);
            barrier_at = if frame.barrier { (kept + index) as u16 } else { barrier_at };
            place.needs = if frame.barrier { BP | BX } else { frame.base | needed };
            (place.fingerprint, place.barrier_at, place.slots) = (fingerprint, barrier_at, slots);
            slots = self.slots.put(place, slots);
            needed = place.needs_inside();
        }
        self.len = kept + fresh;
        if let Some(hook) = self.frames.get_mut(self.len) {
            hook.registers.ip = leaf;
            hook.fingerprint = fingerprint.calling(leaf);
        }
    }
}

#[cfg(test)]
mod tests;
