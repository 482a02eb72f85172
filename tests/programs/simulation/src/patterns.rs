//! The patterns. Each keeps count of what it did, in numbers that need no allocation.

use crate::random::Random;
use std::collections::VecDeque;
use std::hint::black_box;

/// What one pattern did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) allocated: u64,
    pub(crate) leaked: u64,
    pub(crate) leaked_bytes: u64,
}

impl Tally {
    fn leak(&mut self, block: Vec<u8>) {
        self.leaked += 1;
        self.leaked_bytes += block.capacity() as u64;
        std::mem::forget(black_box(block));
    }
}

/// The state that the patterns share.
pub(crate) struct Patterns {
    random: Random,
    until_the_end: Vec<Vec<u8>>,
    bounded: VecDeque<Vec<u8>>,
    temporary: Tally,
    linear_leak: Tally,
    at_the_end: Tally,
    bounded_leak: Tally,
    both: Tally,
    extra: Tally,
}

/// How many blocks the bounded pattern keeps.
const BOUNDED: usize = 800;

impl Patterns {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            until_the_end: Vec::new(),
            bounded: VecDeque::with_capacity(BOUNDED + 1),
            temporary: Tally::default(),
            linear_leak: Tally::default(),
            at_the_end: Tally::default(),
            bounded_leak: Tally::default(),
            both: Tally::default(),
            extra: Tally::default(),
        }
    }

    /// Frees what is freed at the end, and leaks what is not.
    pub(crate) fn finish(mut self) -> [(&'static str, Tally); 6] {
        drop(std::mem::take(&mut self.until_the_end));
        for block in std::mem::take(&mut self.bounded) {
            self.bounded_leak.leak(block);
        }
        [
            ("temporary", self.temporary),
            ("linear_leak_never_deallocated", self.linear_leak),
            ("linear_leak_deallocated_at_the_end", self.at_the_end),
            ("bounded_leak", self.bounded_leak),
            ("both_temporary_and_linear_leak", self.both),
            ("extra_leak", self.extra),
        ]
    }
}

/// Blocks that are freed at once.
#[inline(never)]
pub(crate) fn allocate_temporary(patterns: &mut Patterns) {
    for _ in 0..2 {
        let mut block: Vec<u8> = Vec::new();
        block.resize(patterns.random.between(16, 2048), 1);
        patterns.temporary.allocated += 1;
        drop(black_box(block));
    }
}

/// The plain leak: every sixth step, one block that is never freed.
#[inline(never)]
pub(crate) fn allocate_linear_leak_never_deallocated(patterns: &mut Patterns, step: u64) {
    if !step.is_multiple_of(6) {
        return;
    }
    let mut block: Vec<u8> = Vec::new();
    block.resize(patterns.random.between(900, 1100), 2);
    patterns.linear_leak.allocated += 1;
    patterns.linear_leak.leak(block);
}

/// A leak in all but name: freed, but only when the program ends.
#[inline(never)]
pub(crate) fn allocate_linear_leak_deallocated_at_the_end(patterns: &mut Patterns, step: u64) {
    if step % 6 != 1 {
        return;
    }
    let mut block: Vec<u8> = Vec::new();
    block.resize(patterns.random.between(900, 1100), 3);
    patterns.at_the_end.allocated += 1;
    patterns.until_the_end.push(black_box(block));
}

/// A cache: it grows until it is full, and is still full at the end.
#[inline(never)]
pub(crate) fn allocate_bounded_leak(patterns: &mut Patterns, step: u64) {
    if step % 5 != 2 {
        return;
    }
    let mut block: Vec<u8> = Vec::new();
    block.resize(patterns.random.between(900, 1100), 4);
    patterns.bounded_leak.allocated += 1;
    patterns.bounded.push_back(black_box(block));
    if patterns.bounded.len() > BOUNDED {
        drop(patterns.bounded.pop_front());
    }
}

/// Mostly temporary, but now and then one is forgotten.
#[inline(never)]
pub(crate) fn allocate_both_temporary_and_linear_leak(patterns: &mut Patterns, step: u64) {
    for turn in 0..black_box(3) {
        // Hidden from the compiler, which would make several loops of this one, and several stacks.
        let (turn, step) = black_box((turn, step));
        let mut block: Vec<u8> = Vec::new();
        block.resize(patterns.random.between(100, 600), 5);
        patterns.both.allocated += 1;
        if turn == 0 && step % 50 == 3 {
            patterns.both.leak(block);
        } else {
            drop(black_box(block));
        }
    }
}

/// The leak that only the other run has; larger than all others.
#[inline(never)]
pub(crate) fn allocate_extra_leak(patterns: &mut Patterns, step: u64) {
    if step % 4 != 3 {
        return;
    }
    let mut block: Vec<u8> = Vec::new();
    // Of a fixed size: it takes nothing from the random numbers, so that all else is equal in both runs.
    block.resize(3000, 6);
    patterns.extra.allocated += 1;
    patterns.extra.leak(block);
}
