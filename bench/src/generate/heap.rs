//! The program's heap: what is alive, at which addresses, and what follows from it.

use super::answers::{Answers, Group, Moment, Sums};
use super::stacks::Stacks;
use std::ops::Range;

/// Where small blocks lie, and what each takes.
const SMALL: (u64, u64) = (0x5600_0000_0000, 1 << 10);
/// Where larger ones lie.
const LARGE: (u64, u64) = (0x6000_0000_0000, 1 << 20);
/// The largest block there is.
pub(super) const SIZE_MAX: u64 = LARGE.1 - 64;

/// Where blocks lie if so many are alive at a time.
pub(super) fn regions(live: u32) -> [Range<u64>; 2] {
    [SMALL, LARGE].map(|(start, step)| start..start + u64::from(live).next_power_of_two() * step)
}

/// A block that will be freed some day.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) pointer: u64,
    pub(super) size: u64,
    pub(super) stack: u32,
}

/// What becomes of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Freed,
    FreedAtTheEnd,
    Leaked,
}

/// What is alive, and the sums of what ever was.
pub(super) struct Heap {
    /// What is freed sooner or later.
    blocks: Vec<Block>,
    /// What is freed only at the end.
    held: Vec<Block>,
    small: Places,
    large: Places,
    live: Moment,
    /// What was alive when the clock last moved on.
    before: Moment,
    answers: Answers,
    sums: Vec<Sums>,
}

/// Addresses of blocks of one class: what was freed last is used again first.
struct Places {
    start: u64,
    step: u64,
    used: u64,
    free: Vec<u64>,
}

impl Heap {
    pub(super) fn new(stacks: u32) -> Self {
        Self {
            blocks: Vec::new(),
            held: Vec::new(),
            small: Places::new(SMALL),
            large: Places::new(LARGE),
            live: Moment::default(),
            before: Moment::default(),
            answers: Answers::default(),
            sums: vec![Sums::default(); stacks as usize],
        }
    }

    /// Blocks that are still to be freed, now or at the end.
    pub(super) fn to_free(&self) -> usize {
        self.blocks.len() + self.held.len()
    }

    /// Blocks that may be freed now.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// From now on everything may be freed.
    pub(super) fn release(&mut self) {
        self.blocks.append(&mut self.held);
    }

    /// Events so far.
    pub(super) fn events(&self) -> u64 {
        self.answers.events
    }

    pub(super) fn now(&self) -> u64 {
        self.live.at_us
    }

    pub(super) fn pass(&mut self, microseconds: u64) {
        if microseconds > 0 {
            self.before = self.live;
            self.live.at_us += microseconds;
        }
    }

    /// Notes what was alive when the clock last moved on.
    pub(super) fn remember(&mut self) {
        self.answers.moments.push(self.before);
    }

    pub(super) fn allocate(&mut self, size: u64, stack: u32, fate: Fate) -> Block {
        let block = self.begin(size, stack);
        self.answers.events += 1;
        self.note_peak();
        match fate {
            Fate::Freed => self.blocks.push(block),
            Fate::FreedAtTheEnd => self.held.push(block),
            Fate::Leaked => {
                let sums = &mut self.sums[stack as usize];
                sums.leaked_count += 1;
                sums.leaked_bytes += size;
            }
        }
        block
    }

    /// One of the blocks is freed.
    pub(super) fn free(&mut self, at: usize) -> Block {
        let block = self.blocks.swap_remove(at);
        self.end(block);
        self.answers.events += 1;
        block
    }

    /// One of the blocks gets another size and, with `moves`, another place; gives what it was and what it is.
    pub(super) fn reallocate(&mut self, at: usize, size: u64, stack: u32, moves: bool) -> (Block, Block) {
        let old = self.blocks[at];
        let stays = !moves && is_small(old.size) == is_small(size);
        let new = if stays {
            self.end(old);
            // What was freed last is used first: the place is the same.
            self.begin(size, stack)
        } else {
            let new = self.begin(size, stack);
            self.end(old);
            new
        };
        self.blocks[at] = new;
        self.answers.events += 1;
        self.note_peak();
        (old, new)
    }

    /// All that is known at the end.
    pub(super) fn answers(mut self, stacks: &Stacks) -> Answers {
        self.answers.end_us = self.now();
        let mut total = Sums::default();
        for (stack, sums) in (0..).zip(&self.sums) {
            total.add(sums);
            stacks.things(stack).for_each(|thing| {
                self.answers.by_function.entry(thing.to_owned()).or_default().add(sums);
            });
        }
        let group = |(stack, sums)| Group {
            stack: stacks.addresses(stack).to_vec(),
            through: stacks.things(stack).map(str::to_owned).collect(),
            sums,
        };
        Answers {
            allocations: total.allocations,
            allocated_bytes: total.allocated_bytes,
            leaked_count: total.leaked_count,
            leaked_bytes: total.leaked_bytes,
            groups: (0..).zip(self.sums).filter(|(_, sums)| sums.allocations > 0).map(group).collect(),
            ..self.answers
        }
    }

    fn begin(&mut self, size: u64, stack: u32) -> Block {
        self.live.live_bytes += size;
        self.live.live_count += 1;
        let sums = &mut self.sums[stack as usize];
        sums.allocations += 1;
        sums.allocated_bytes += size;
        Block { pointer: self.places_of(size).take(), size, stack }
    }

    fn end(&mut self, block: Block) {
        self.live.live_bytes -= block.size;
        self.live.live_count -= 1;
        self.places_of(block.size).give_back(block.pointer);
    }

    fn note_peak(&mut self) {
        self.answers.peak_live = self.answers.peak_live.max(self.live.live_count);
        if self.live.live_bytes > self.answers.peak_bytes {
            self.answers.peak_bytes = self.live.live_bytes;
            self.answers.peak_at_us = self.live.at_us;
        }
    }

    fn places_of(&mut self, size: u64) -> &mut Places {
        if is_small(size) { &mut self.small } else { &mut self.large }
    }
}

fn is_small(size: u64) -> bool {
    size + 64 <= SMALL.1
}

impl Places {
    fn new((start, step): (u64, u64)) -> Self {
        Self { start, step, used: 0, free: Vec::new() }
    }

    fn take(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.start + self.used * self.step
        })
    }

    fn give_back(&mut self, pointer: u64) {
        self.free.push(pointer);
    }
}
