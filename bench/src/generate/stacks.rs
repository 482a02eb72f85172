//! The distinct stacks of a capture: walks through the call graph that have much of their outer part in common.

use super::program::{CALLS, Program, THINGS, thing};
use fastrand::Rng;
use std::collections::HashSet;
use std::ops::Range;

const DEPTH: Range<usize> = 6..40;

/// All stacks, in the order in which they are first used.
pub(super) struct Stacks {
    /// Innermost first, one stack after another.
    addresses: Vec<u64>,
    ends: Vec<usize>,
    /// Which of [`THINGS`] each passes through: a bit each.
    things: Vec<u16>,
}

const _: () = assert!(THINGS.len() == u16::BITS as usize);

/// A function that is left by one of its calls.
type Frame = (u32, u32);

impl Stacks {
    pub(super) fn new(program: &Program, count: u32, random: &mut Rng) -> Self {
        let mut stacks = Self { addresses: Vec::new(), ends: vec![0], things: Vec::new() };
        let mut known = HashSet::new();
        let mut path = Vec::new();
        while stacks.things.len() < count as usize {
            walk(&mut path, program, random);
            if known.insert(digest(&path)) {
                stacks.push(&path, program);
            }
        }
        stacks
    }

    /// Return addresses, innermost first.
    pub(super) fn addresses(&self, stack: u32) -> &[u64] {
        let at = stack as usize;
        &self.addresses[self.ends[at]..self.ends[at + 1]]
    }

    /// Names of what it passes through.
    pub(super) fn things(&self, stack: u32) -> impl Iterator<Item = &'static str> {
        let bits = self.things[stack as usize];
        THINGS.into_iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| name)
    }

    fn push(&mut self, path: &[Frame], program: &Program) {
        let addresses = path.iter().rev().map(|&(function, call)| program.return_address(function, call));
        self.addresses.extend(addresses);
        self.ends.push(self.addresses.len());
        self.things.push(path.iter().fold(0, |bits, &(function, _)| bits | 1 << thing(function)));
    }
}

/// Goes from a stack, outermost first, to another one that leaves it somewhere.
fn walk(path: &mut Vec<Frame>, program: &Program, random: &mut Rng) {
    let depth = random.usize(DEPTH);
    // Inner frames change more often than outer ones.
    let kept = (random.f64().sqrt() * path.len() as f64) as usize;
    path.truncate(kept.min(depth - 2));
    let mut function = match path.last() {
        Some(&(caller, call)) => program.callee(caller, call),
        None => program.entry(random.u32(..)),
    };
    while path.len() + 1 < depth {
        let call = random.u32(..CALLS);
        path.push((function, call));
        function = program.callee(function, call);
    }
    path.push((program.allocator(random.u32(..)), 0));
}

/// 64 bits are enough: a stack that is taken for another is only drawn again.
fn digest(path: &[Frame]) -> u64 {
    path.iter().fold(path.len() as u64, |digest, &(function, call)| {
        let mixed = (digest ^ u64::from(function * CALLS + call)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    })
}
