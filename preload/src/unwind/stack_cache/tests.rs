//! A stack cache over a simulated stack.
#![expect(unsafe_code, reason = "makes a region")]

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
        self.call_with(ip, 0);
    }

    /// Calls code that makes its frame so many words longer, if it need not know itself how long it is.
    fn call_with(&mut self, ip: u64, more: u64) {
        let more = if keeps_frame_pointer(ip) || is_odd(ip) { more } else { 0 };
        let caller = *self.frames.last().unwrap();
        let mut registers = caller;
        *self.word(caller.sp - 8) = caller.ip;
        registers.ip = ip;
        registers.sp = caller.sp - 8 * (frame_words(ip) + more);
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

    fn read(&self, address: u64) -> Option<u64> {
        let sp = self.frames.last().unwrap().sp;
        (sp..TOP).contains(&address).then(|| self.read_again(address))
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
        let distance = |is_saved, distance| if is_saved { distance } else { 0 };
        let (of_bp, of_bx) = (distance(keeps_frame_pointer(ip), 16), distance(uses_bx(ip), 24));
        let saved = |distance, value| match distance {
            0 => value,
            _ => self.read_again(cfa - u64::from(distance)),
        };
        let registers =
            Registers { ip: self.read_again(cfa - 8), sp: cfa, bp: saved(of_bp, bp), bx: saved(of_bx, bx) };
        caller.enter(registers, of_bp, of_bx);
        if is_odd(ip) { Step::Other } else { Step::Packed(base) }
    }
}

fn cache() -> Box<StackCache> {
    // SAFETY: zeroed memory is an empty one.
    unsafe { Box::new_zeroed().assume_init() }
}

const LEAF: u64 = 3;

/// A region that is never given back.
fn region() -> &'static Region {
    let layout = std::alloc::Layout::from_size_align(64 << 20, 4096).unwrap();
    // SAFETY: the layout is not empty; the memory is zeroed, aligned, ours, and never freed.
    unsafe { Region::create(std::alloc::alloc_zeroed(layout).expose_provenance(), layout.size()) }.unwrap()
}

/// The frames that a walk finds, outermost first, without the hook.
fn walk(cache: &mut StackCache, start: Registers, machine: &mut impl Machine, region: &Region) -> Vec<u64> {
    let node = cache.walk(start, LEAF, machine, 0, region);
    let mut addresses = Vec::new();
    assert_eq!(region.stacks().addresses(region, node, |address| addresses.push(address)), Some(0));
    assert_eq!(addresses.remove(0), LEAF);
    addresses.reverse();
    addresses
}

#[test]
fn a_walk_with_the_cache_finds_what_a_walk_without_it_finds() {
    let (mut cached, mut plain) = (cache(), cache());
    let region = region();
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
                let ip = [9, 12, 17, 33, 44][next() as usize % 5] + 56 * (next() % 2);
                simulation.call_with(ip, next() % 3);
                simulation.count(next());
            }
        }
        let start = *simulation.frames.last().unwrap();
        plain.clear();
        let expected = simulation.expected();
        assert_eq!(walk(&mut plain, start, &mut simulation.clone(), region), expected, "round {round}");
        assert_eq!(walk(&mut cached, start, &mut simulation, region), expected, "round {round}");
    }
}

/// Counts the frames that are left by the rules.
struct Counting(Simulation, usize);

impl Machine for Counting {
    fn read_again(&self, address: u64) -> u64 {
        self.0.read_again(address)
    }

    fn read(&self, address: u64) -> Option<u64> {
        self.0.read(address)
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
    let region = region();
    walk(&mut cache, start, &mut machine, region);
    assert_eq!(machine.1, 51);
    walk(&mut cache, start, &mut machine, region);
    assert_eq!(machine.1, 51);
    machine.0.call(12);
    let start = *machine.0.frames.last().unwrap();
    assert_eq!(walk(&mut cache, start, &mut machine, region), machine.0.expected());
    assert_eq!(machine.1, 52);
}

#[test]
fn a_stack_that_is_too_deep_keeps_its_innermost_frames() {
    let mut simulation = Simulation::new();
    (0..FRAMES_MAX as u64 + 100).for_each(|n| simulation.call(21 + 7 * 40 * (n % 3)));
    let start = *simulation.frames.last().unwrap();
    let (mut cache, region) = (cache(), region());
    for _ in 0..2 {
        let found = walk(&mut cache, start, &mut simulation, region);
        let addresses = simulation.expected();
        assert_eq!(found, addresses[addresses.len() - FRAMES_MAX..]);
    }
}
