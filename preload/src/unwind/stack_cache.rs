//! The validated stack cache: what the last walk of a thread found, reused as far as it still holds.
//!
//! A new walk goes outwards by the rules until it is in the very state in which the last walk entered some
//! frame: same address, stack pointer and registers. From there on the rules would read exactly the stack slots
//! that the last walk read. So these slots are compared, in order, outwards: while they hold what they held,
//! the next state is the next one of the last walk. If all hold, the rest of the stack is known without walking
//! it; at the first difference the walk goes on by the rules from there. Nothing beyond a difference is read.
//!
//! Frames that were left by other ways than a packed rule are barriers: the slots they depend on are not known.

use super::FRAMES_MAX;
use crate::arch::Registers;

/// A frame, as a walk entered it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Visited {
    pub(super) registers: Registers,
    /// Where the frame pointer was read; 0 if the inner frame had left it alone.
    pub(super) bp_slot: u64,
    /// As `bp_slot`, of the third register.
    pub(super) bx_slot: u64,
    /// Of the addresses from the outermost frame to this one.
    hash: u64,
    /// The frame was interrupted at its address; it did not call from the instruction before it.
    pub(super) interrupted: bool,
    /// How this frame was left can't be verified: it has to be left anew.
    barrier: bool,
}

/// How a frame is left.
pub(super) enum Step {
    /// By a packed rule: the caller's registers depend on the recorded slots alone.
    Packed(Visited),
    /// In another way.
    Other(Visited),
    /// Not at all, whatever the stack holds.
    Outermost,
    /// Not at all, this time.
    Lost,
}

/// What a walk goes through: the stack and the rules.
pub(super) trait Machine {
    /// The word at an address of the stack.
    fn read(&self, address: u64) -> Option<u64>;
    /// Leaves a frame.
    fn leave(&mut self, frame: &Visited) -> Step;
}

/// The last walk of a thread, and room for the frames that a new one adds. Zeroed memory is an empty one.
pub(super) struct StackCache {
    /// The outermost frame first.
    frames: [Visited; FRAMES_MAX],
    len: usize,
    /// The innermost frame first.
    fresh: [Visited; FRAMES_MAX],
}

/// A stack: its frames, the outermost first, and their hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) hash: u64,
    pub(super) frames: &'a [Visited],
}

const SEED: u64 = 0x243f_6a88_85a3_08d3;

#[inline(always)]
pub(super) fn mix(hash: u64, address: u64) -> u64 {
    let product = u128::from(hash ^ address) * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ (product >> 64) as u64
}

impl StackCache {
    /// Forgets the last walk.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Walks from `start` outwards.
    #[inline]
    pub(super) fn walk(&mut self, start: Registers, machine: &mut impl Machine) -> Found<'_> {
        let (kept, fresh) = self.find(start, machine);
        if kept + fresh <= FRAMES_MAX {
            return self.keep(kept, fresh);
        }
        // Too deep to keep the outermost frames: those that fit are found without the last walk.
        self.clear();
        let (kept, fresh) = self.find(start, machine);
        self.keep(kept, fresh)
    }

    /// Finds how many of the last walk's frames are still there, and how many fresh ones are inside them.
    #[inline(always)]
    fn find(&mut self, start: Registers, machine: &mut impl Machine) -> (usize, usize) {
        let mut frame = Visited::new(start, false);
        let mut fresh = 0;
        // Frames of the last walk that are not inside the current one.
        let mut candidates = self.len;
        loop {
            while self.innermost(candidates).is_some_and(|inner| inner.registers.sp < frame.registers.sp) {
                candidates -= 1;
            }
            if self.innermost(candidates).is_some_and(|candidate| candidate.is_entered_as(&frame)) {
                let proven = self.verify(candidates, &frame, machine);
                if proven == 0 && self.frames.first().is_some_and(|outermost| !outermost.barrier) {
                    return (candidates, fresh);
                }
                // What is beyond the proven frames is not known: walk on from the outermost of them.
                for at in (proven..candidates).rev() {
                    self.add_fresh(&mut fresh, self.frames.get(at).copied());
                }
                candidates = proven;
            } else {
                self.add_fresh(&mut fresh, Some(frame));
            }
            let Some(last) = fresh.checked_sub(1).and_then(|at| self.fresh.get_mut(at)) else { break };
            let step = machine.leave(last);
            last.barrier = !matches!(step, Step::Packed(_) | Step::Outermost) || fresh == FRAMES_MAX;
            match step {
                Step::Packed(caller) | Step::Other(caller) if fresh < FRAMES_MAX => frame = caller,
                _ => break,
            }
        }
        (0, fresh)
    }

    /// The innermost of so many frames of the last walk.
    #[inline(always)]
    fn innermost(&self, frames: usize) -> Option<&Visited> {
        self.frames.get(frames.checked_sub(1)?)
    }

    /// Verifies from the innermost candidate, which is `frame`, outwards; returns the place of the outermost
    /// frame that holds.
    #[inline(always)]
    fn verify(&mut self, candidates: usize, frame: &Visited, machine: &impl Machine) -> usize {
        let mut at = candidates.saturating_sub(1);
        if let Some(candidate) = self.frames.get_mut(at) {
            // Other inner frames may have saved its registers in other slots.
            (candidate.bp_slot, candidate.bx_slot) = (frame.bp_slot, frame.bx_slot);
        }
        while let Some([outer, inner]) = at.checked_sub(1).and_then(|outer| self.frames.get(outer..=at))
            && !inner.barrier
            && outer.holds(machine)
        {
            at -= 1;
        }
        at
    }

    #[inline(always)]
    fn add_fresh(&mut self, fresh: &mut usize, frame: Option<Visited>) {
        if let (Some(slot), Some(frame)) = (self.fresh.get_mut(*fresh), frame) {
            *slot = frame;
            *fresh += 1;
        }
    }

    /// Makes the stack of the `kept` outermost frames of the last walk and the fresh ones.
    #[inline(always)]
    fn keep(&mut self, kept: usize, fresh: usize) -> Found<'_> {
        let mut hash = self.innermost(kept).map_or(SEED, |frame| frame.hash);
        let places = self.frames.get_mut(kept..).unwrap_or_default();
        let new = self.fresh.get(..fresh).unwrap_or_default();
        for (place, frame) in places.iter_mut().zip(new.iter().rev()) {
            hash = mix(hash, frame.registers.ip);
            *place = Visited { hash, ..*frame };
        }
        self.len = kept + fresh;
        Found { hash, frames: self.frames.get(..self.len).unwrap_or_default() }
    }
}

impl Visited {
    /// A frame whose registers are as its inner frame left them.
    #[inline(always)]
    pub(super) fn new(registers: Registers, interrupted: bool) -> Self {
        Self { registers, interrupted, ..Self::default() }
    }

    /// A frame whose registers were read from these slots; 0 for one that its inner frame had left alone.
    #[inline(always)]
    pub(super) fn restored(registers: Registers, bp_slot: u64, bx_slot: u64) -> Self {
        Self { registers, bp_slot, bx_slot, ..Self::default() }
    }

    /// Whether this frame of the last walk was entered in the state in which `frame` is entered now.
    #[inline(always)]
    fn is_entered_as(&self, frame: &Self) -> bool {
        self.registers == frame.registers && !self.interrupted && !frame.interrupted
    }

    /// Whether the frame would be entered now, from the same inner frame, as it was in the last walk.
    #[inline(always)]
    fn holds(&self, machine: &impl Machine) -> bool {
        let unchanged = |slot, value| slot == 0 || machine.read(slot) == Some(value);
        let Registers { ip, sp, bp, bx } = self.registers;
        machine.read(sp.wrapping_sub(8)) == Some(ip)
            && unchanged(self.bp_slot, bp)
            && unchanged(self.bx_slot, bx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: u64 = 1 << 20;

    /// A stack that grows down from [`TOP`]. The code at address `a` has a frame of `a % 7 + 3` words; it saves
    /// the registers as `a` says, or needs to be left in another way.
    #[derive(Clone)]
    struct Simulation {
        words: Vec<u64>,
        frames: Vec<Registers>,
    }

    fn frame_words(ip: u64) -> u64 {
        ip % 7 + 3
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
            if ip & 8 != 0 {
                *self.word(caller.sp - 16) = caller.bp;
                registers.bp = registers.sp ^ ip;
            }
            if ip & 16 != 0 {
                *self.word(caller.sp - 24) = caller.bx;
                registers.bx = ip << 20;
            }
            self.frames.push(registers);
        }

        fn expected(&self) -> Vec<u64> {
            self.frames.iter().map(|frame| frame.ip).collect()
        }
    }

    impl Machine for Simulation {
        fn read(&self, address: u64) -> Option<u64> {
            let sp = self.frames.last().unwrap().sp;
            assert!((sp..TOP).contains(&address), "only the live stack is read");
            self.words.get(((TOP - address) / 8) as usize).copied()
        }

        fn leave(&mut self, frame: &Visited) -> Step {
            let Registers { ip, sp, bp, bx } = frame.registers;
            if ip == 7 {
                return Step::Outermost;
            }
            let cfa = sp + 8 * frame_words(ip);
            let (bp_slot, bx_slot) =
                (if ip & 8 != 0 { cfa - 16 } else { 0 }, if ip & 16 != 0 { cfa - 24 } else { 0 });
            let saved = |slot, value| if slot == 0 { value } else { self.read(slot).unwrap() };
            let registers = Registers {
                ip: self.read(cfa - 8).unwrap(),
                sp: cfa,
                bp: saved(bp_slot, bp),
                bx: saved(bx_slot, bx),
            };
            let caller = Visited::restored(registers, bp_slot, bx_slot);
            if ip % 11 == 0 { Step::Other(caller) } else { Step::Packed(caller) }
        }
    }

    fn cache() -> Box<StackCache> {
        Box::new(StackCache { frames: [Visited::default(); _], len: 0, fresh: [Visited::default(); _] })
    }

    fn addresses(found: Found<'_>) -> Vec<u64> {
        found.frames.iter().map(|frame| frame.registers.ip).collect()
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
            for _ in 0..next() % 6 {
                if simulation.frames.len() < 60 {
                    simulation.call(next() % 40 + 8);
                }
            }
            let start = *simulation.frames.last().unwrap();
            plain.clear();
            let expected = plain.walk(start, &mut simulation.clone());
            let found = cached.walk(start, &mut simulation);
            assert_eq!(found.hash, expected.hash, "round {round}");
            assert_eq!(addresses(found), addresses(expected), "round {round}");
            assert_eq!(addresses(found), simulation.expected(), "round {round}");
        }
    }

    /// Counts the frames that are left by the rules.
    struct Counting(Simulation, usize);

    impl Machine for Counting {
        fn read(&self, address: u64) -> Option<u64> {
            self.0.read(address)
        }

        fn leave(&mut self, frame: &Visited) -> Step {
            self.1 += 1;
            self.0.leave(frame)
        }
    }

    #[test]
    fn an_unchanged_stack_is_not_walked_again() {
        let mut simulation = Simulation::new();
        (0..50).for_each(|n| simulation.call([9, 17, 25, 10][n % 4]));
        let start = *simulation.frames.last().unwrap();
        let mut machine = Counting(simulation, 0);
        let mut cache = cache();
        cache.walk(start, &mut machine);
        assert_eq!(machine.1, 51);
        cache.walk(start, &mut machine);
        assert_eq!(machine.1, 51);
        machine.0.call(12);
        let start = *machine.0.frames.last().unwrap();
        assert_eq!(cache.walk(start, &mut machine).frames.len(), 52);
        assert_eq!(machine.1, 52);
    }

    #[test]
    fn a_stack_that_is_too_deep_keeps_its_innermost_frames() {
        let mut simulation = Simulation::new();
        (0..FRAMES_MAX as u64 + 100).for_each(|n| simulation.call(21 + 7 * 40 * (n % 3)));
        let start = *simulation.frames.last().unwrap();
        let mut cache = cache();
        for _ in 0..2 {
            let found = cache.walk(start, &mut simulation);
            assert_eq!(found.frames.len(), FRAMES_MAX);
            assert_eq!(found.frames.last().unwrap().registers, start);
        }
    }
}
