//! The validated stack cache: what the last walk of a thread found, reused as far as it still holds.
//!
//! A new walk goes outwards by the rules until it is in the very state in which the last walk entered some
//! frame: same address, stack pointer and registers. From there on the rules would read exactly the stack slots
//! that the last walk read. So these slots are compared, in order, outwards: while they hold what they held,
//! the next state is the next one of the last walk. If all hold, the rest of the stack is known without walking
//! it; else the walk goes on by the rules. Nothing beyond a difference is read. Of the registers only those are
//! compared on which frames further out depend: what a loop counts in a saved register changes no stack.
//!
//! Frames that were left by other ways than a packed rule are barriers: the slots they depend on are not known.
#![expect(unsafe_code, reason = "reads words one by one")]

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;

use super::FRAMES_MAX;
use super::call_sites::{CallSites, Site};
use crate::arch::Registers;

/// A frame, as a walk entered it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Visited {
    pub(super) registers: Registers,
    /// Where the frame pointer was read; 0 if the inner frame had left it alone.
    pub(super) bp_slot: u64,
    /// As `bp_slot`, of the third register.
    pub(super) bx_slot: u64,
    /// The number of this frame and its callers.
    pub(super) node: Node,
    /// The frame was interrupted at its address; it did not call from the instruction before it.
    pub(super) interrupted: bool,
    /// How this frame was left can't be verified: it has to be left anew.
    barrier: bool,
    /// Registers that this frame is left by.
    base: u8,
    /// Registers on which this frame's callers depend, here or further out. The others may be out of date.
    pub(super) needs: u8,
}

/// Bits of registers.
pub(super) const BP: u8 = 1;
pub(super) const BX: u8 = 2;

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
    /// Leaves a frame, and tells of its caller all but the number.
    fn leave(&mut self, frame: &Visited, caller: &mut Visited) -> Step;
}

/// The last walk of a thread, and room for the frames that a new one adds. Zeroed memory is an empty one.
pub(super) struct StackCache {
    len: usize,
    /// Counts how often the last walk was forgotten.
    filling: u32,
    sites: CallSites,
    /// The outermost frame first.
    frames: [Visited; FRAMES_MAX],
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
        outside: Caller,
        intern: &mut impl FnMut(Caller, u64) -> Node,
    ) -> Node {
        let site = self.sites.get(&caller, leaf);
        if site.is(&caller, leaf, self.filling) && self.still_leads_on(site, &caller, machine) {
            return site.node();
        }
        let (mut kept, mut fresh) = self.find(caller, machine);
        if kept + fresh > FRAMES_MAX {
            // Too deep to keep the outermost frames: those that fit are found without the last walk.
            self.clear();
            (kept, fresh) = self.find(caller, machine);
        }
        let innermost = self.keep(kept, fresh, outside, intern);
        let node = intern(innermost, leaf);
        self.remember(leaf, node);
        node
    }

    /// Whether all frames outside the site's caller are as they were.
    #[inline(always)]
    fn still_leads_on(&self, site: &Site, caller: &Registers, machine: &impl Machine) -> bool {
        let Some((outer, outside)) = self.frames.get(..site.depth()).and_then(<[_]>::split_last) else {
            return false;
        };
        // What is beyond `len` is of an earlier walk.
        site.depth() <= self.len
            && site.leads_to(outer, caller, machine)
            && !outer.barrier
            && outside.iter().rev().all(|frame| !frame.barrier && frame.holds(machine))
    }

    fn remember(&mut self, leaf: u64, node: Node) {
        if let Some([.., outer, caller]) = self.frames.get(..self.len)
            && !caller.barrier
            && !caller.interrupted
        {
            self.sites.set(leaf, caller, (outer, self.len - 1), node, self.filling);
        }
    }

    /// Finds how many of the last walk's frames are still there, and how many fresh ones are inside them.
    #[inline(always)]
    fn find(&mut self, start: Registers, machine: &mut impl Machine) -> (usize, usize) {
        self.fresh[0] = Visited::first(start);
        let mut fresh = 0;
        // Frames of the last walk that are not inside the current one.
        let mut candidates = self.len;
        while let Some(frame) = self.fresh.get(fresh) {
            while self.innermost(candidates).is_some_and(|inner| inner.registers.sp < frame.registers.sp) {
                candidates -= 1;
            }
            if self.innermost(candidates).is_some_and(|candidate| candidate.is_entered_as(frame)) {
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

    /// Verifies from the innermost candidate, which is the last fresh frame, outwards; returns what ends it, and the
    /// place of the outermost frame that holds.
    #[inline(always)]
    fn verify(&mut self, candidates: usize, fresh: usize, machine: &impl Machine) -> (usize, Found) {
        let mut at = candidates.saturating_sub(1);
        if let (Some(candidate), Some(frame)) = (self.frames.get_mut(at), self.fresh.get(fresh)) {
            // Other inner frames may have saved its registers in other slots.
            candidate.bp_slot = word(&frame.bp_slot);
            candidate.bx_slot = word(&frame.bx_slot);
        }
        loop {
            if self.frames.get(at).is_none_or(|frame| frame.barrier) {
                return (at, Found::Barrier);
            }
            let Some(outer) = at.checked_sub(1).and_then(|outer| self.frames.get(outer)) else {
                return (at, Found::All);
            };
            if !outer.holds(machine) {
                return (at, Found::Difference);
            }
            at -= 1;
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

    /// Makes the stack of the `kept` outermost frames of the last walk and the fresh ones.
    #[inline(always)]
    fn keep(
        &mut self,
        kept: usize,
        fresh: usize,
        outside: Caller,
        intern: &mut impl FnMut(Caller, u64) -> Node,
    ) -> Caller {
        let mut caller = self.innermost(kept).map_or(outside, |frame| Caller::Node(frame.node));
        let mut needed = self.innermost(kept).map_or(0, |frame| frame.needs_inside());
        let places = self.frames.get_mut(kept..).unwrap_or_default();
        let new = self.fresh.get(..fresh).unwrap_or_default();
        for (place, frame) in places.iter_mut().zip(new.iter().rev()) {
            let node = intern(caller, frame.registers.ip);
            place.set(frame, node);
            place.needs = if frame.barrier { BP | BX } else { frame.base | needed };
            needed = place.needs_inside();
            caller = Caller::Node(node);
        }
        self.len = kept + fresh;
        caller
    }
}

impl Visited {
    /// The frame that a walk starts with.
    pub(super) fn first(registers: Registers) -> Self {
        Self { registers, ..Self::default() }
    }

    /// Tells of a frame that was entered by calls, with registers that were read from these slots.
    #[inline(always)]
    pub(super) fn enter(&mut self, registers: Registers, bp_slot: u64, bx_slot: u64) {
        self.registers = registers;
        (self.bp_slot, self.bx_slot) = (bp_slot, bx_slot);
        self.interrupted = false;
    }

    /// Whether this frame of the last walk was entered in the state in which `frame` is entered now.
    #[inline(always)]
    fn is_entered_as(&self, frame: &Self) -> bool {
        let Registers { ip, sp, bp, bx } = self.registers;
        ip == frame.registers.ip
            && sp == frame.registers.sp
            && (self.needs & BP == 0 || bp == frame.registers.bp)
            && (self.needs & BX == 0 || bx == frame.registers.bx)
            && !self.interrupted
            && !frame.interrupted
    }

    /// Registers that a frame inside needs because this one does, and has them from there.
    #[inline(always)]
    fn needs_inside(&self) -> u8 {
        let unsaved = if self.bp_slot == 0 { BP } else { 0 } | if self.bx_slot == 0 { BX } else { 0 };
        self.needs & unsaved
    }

    /// Whether the frame would be entered now, from the same inner frame, as it was in the last walk.
    #[inline(always)]
    fn holds(&self, machine: &impl Machine) -> bool {
        let is_as_needed = |register, slot, value| {
            self.needs & register == 0 || slot == 0 || machine.read_again(slot) == value
        };
        let Registers { ip, sp, bp, bx } = self.registers;
        machine.read_again(sp.wrapping_sub(8)) == ip
            && is_as_needed(BP, self.bp_slot, bp)
            && is_as_needed(BX, self.bx_slot, bx)
    }

    /// Copies a frame.
    #[inline(always)]
    fn set(&mut self, frame: &Self, node: Node) {
        let Registers { ip, sp, bp, bx } = &frame.registers;
        self.registers = Registers { ip: word(ip), sp: word(sp), bp: word(bp), bx: word(bx) };
        (self.bp_slot, self.bx_slot) = (word(&frame.bp_slot), word(&frame.bx_slot));
        (self.node, self.interrupted) = (node, frame.interrupted);
        (self.barrier, self.base) = (frame.barrier, frame.base);
    }
}

/// Reads a word on its own. It was stored so just before: a load of several would have to wait until all of them
/// have reached the cache.
#[inline(always)]
fn word(word: &u64) -> u64 {
    // SAFETY: reads a reference.
    unsafe { core::ptr::from_ref(word).read_volatile() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: u64 = 1 << 20;

    /// A stack that grows down from [`TOP`]. The code at address `a` has a frame of `a % 7 + 3` words. It keeps a
    /// frame pointer, by which it is left, or uses the third register, as `a` says; some needs to be left in another
    /// way, by the third register.
    #[derive(Clone)]
    struct Simulation {
        words: Vec<u64>,
        frames: Vec<Registers>,
    }

    fn frame_words(ip: u64) -> u64 {
        ip % 7 + 3
    }

    fn keeps_frame_pointer(ip: u64) -> bool {
        ip & 8 != 0
    }

    fn is_odd(ip: u64) -> bool {
        ip.is_multiple_of(11)
    }

    fn uses_bx(ip: u64) -> bool {
        ip & 16 != 0 || is_odd(ip)
    }

    impl Simulation {
        fn new() -> Self {
            let outermost = Registers { ip: 7, sp: TOP, bp: 1, bx: 2 };
            Self { words: vec![0; 4096], frames: vec![outermost] }
        }

        fn word(&mut self, address: u64) -> &mut u64 {
            &mut self.words[((TOP - address) / 8) as usize]
        }

        fn call(&mut self, ip: u64) {
            let caller = *self.frames.last().unwrap();
            let mut registers = caller;
            *self.word(caller.sp - 8) = caller.ip;
            registers.ip = ip;
            registers.sp = caller.sp - 8 * frame_words(ip);
            if keeps_frame_pointer(ip) {
                *self.word(caller.sp - 16) = caller.bp;
                registers.bp = caller.sp - 16;
            }
            if uses_bx(ip) {
                *self.word(caller.sp - 24) = caller.bx;
                registers.bx = caller.sp;
            }
            self.frames.push(registers);
        }

        /// The innermost code counts in a register that it has saved.
        fn count(&mut self, number: u64) {
            let innermost = self.frames.last_mut().unwrap();
            if uses_bx(innermost.ip) && !is_odd(innermost.ip) {
                innermost.bx = number;
            }
        }

        fn expected(&self) -> Vec<u64> {
            self.frames.iter().map(|frame| frame.ip).collect()
        }
    }

    impl Machine for Simulation {
        fn read_again(&self, address: u64) -> u64 {
            let sp = self.frames.last().unwrap().sp;
            assert!((sp..TOP).contains(&address), "only the live stack is read");
            self.words[((TOP - address) / 8) as usize]
        }

        fn leave(&mut self, frame: &Visited, caller: &mut Visited) -> Step {
            let Registers { ip, sp, bp, bx } = frame.registers;
            if ip == 7 {
                return Step::Outermost;
            }
            let (cfa, base) = match (is_odd(ip), keeps_frame_pointer(ip)) {
                (true, _) => (bx, 0),
                (false, true) => (bp + 16, BP),
                (false, false) => (sp + 8 * frame_words(ip), 0),
            };
            let slot = |is_saved, distance| if is_saved { cfa - distance } else { 0 };
            let (bp_slot, bx_slot) = (slot(keeps_frame_pointer(ip), 16), slot(uses_bx(ip), 24));
            let saved = |slot, value| if slot == 0 { value } else { self.read_again(slot) };
            let registers = Registers {
                ip: self.read_again(cfa - 8),
                sp: cfa,
                bp: saved(bp_slot, bp),
                bx: saved(bx_slot, bx),
            };
            caller.enter(registers, bp_slot, bx_slot);
            if is_odd(ip) { Step::Other } else { Step::Packed(base) }
        }
    }

    fn cache() -> Box<StackCache> {
        // SAFETY: zeroed memory is an empty one.
        unsafe { Box::new_zeroed().assume_init() }
    }

    const OUTSIDE: Caller = Caller::None { generation: 0 };
    const LEAF: u64 = 3;

    /// A number that depends on the whole stack.
    fn number(caller: Caller, address: u64) -> Node {
        let Caller::Node(Node(above)) = caller else { return Node(address as u32) };
        Node(above.wrapping_mul(31).wrapping_add(address as u32))
    }

    fn walk(cache: &mut StackCache, start: Registers, machine: &mut impl Machine) -> Node {
        cache.walk(start, LEAF, machine, OUTSIDE, &mut number)
    }

    fn number_of(addresses: &[u64]) -> Node {
        let innermost =
            addresses.iter().fold(OUTSIDE, |caller, address| Caller::Node(number(caller, *address)));
        number(innermost, LEAF)
    }

    #[test]
    fn a_walk_with_the_cache_finds_what_a_walk_without_it_finds() {
        let (mut cached, mut plain) = (cache(), cache());
        let mut simulation = Simulation::new();
        let mut random = 88_172_645_463_325_252_u64;
        for round in 0..20_000 {
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            for _ in 0..next() % 6 {
                if simulation.frames.len() > 1 {
                    simulation.frames.pop();
                }
            }
            simulation.count(next());
            for _ in 0..next() % 6 {
                if simulation.frames.len() < 60 {
                    simulation.call([9, 12, 17, 33, 44][next() as usize % 5] + 56 * (next() % 2));
                    simulation.count(next());
                }
            }
            let start = *simulation.frames.last().unwrap();
            plain.clear();
            let expected = walk(&mut plain, start, &mut simulation.clone());
            assert_eq!(walk(&mut cached, start, &mut simulation), expected, "round {round}");
            assert_eq!(expected, number_of(&simulation.expected()), "round {round}");
        }
    }

    /// Counts the frames that are left by the rules.
    struct Counting(Simulation, usize);

    impl Machine for Counting {
        fn read_again(&self, address: u64) -> u64 {
            self.0.read_again(address)
        }

        fn leave(&mut self, frame: &Visited, caller: &mut Visited) -> Step {
            self.1 += 1;
            self.0.leave(frame, caller)
        }
    }

    #[test]
    fn an_unchanged_stack_is_not_walked_again() {
        let mut simulation = Simulation::new();
        (0..50).for_each(|n| simulation.call([9, 17, 25, 10][n % 4]));
        let start = *simulation.frames.last().unwrap();
        let mut machine = Counting(simulation, 0);
        let mut cache = cache();
        walk(&mut cache, start, &mut machine);
        assert_eq!(machine.1, 51);
        walk(&mut cache, start, &mut machine);
        assert_eq!(machine.1, 51);
        machine.0.call(12);
        let start = *machine.0.frames.last().unwrap();
        assert_eq!(walk(&mut cache, start, &mut machine), number_of(&machine.0.expected()));
        assert_eq!(machine.1, 52);
    }

    #[test]
    fn a_stack_that_is_too_deep_keeps_its_innermost_frames() {
        let mut simulation = Simulation::new();
        (0..FRAMES_MAX as u64 + 100).for_each(|n| simulation.call(21 + 7 * 40 * (n % 3)));
        let start = *simulation.frames.last().unwrap();
        let mut cache = cache();
        for _ in 0..2 {
            let found = walk(&mut cache, start, &mut simulation);
            let addresses = simulation.expected();
            assert_eq!(found, number_of(&addresses[addresses.len() - FRAMES_MAX..]));
        }
    }
}
