//! Calls in steps: what a call takes away is gone before it, what it gives is there after it. So of two calls of
//! two threads at one address, the one that could only have come second is entered second.

use crate::calls::{self, Call, Request, What};
use crate::clock::Tick;

/// Whether a step takes away or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Leaves,
    Arrives,
}

/// One step of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) tick: Tick,
    pub(super) phase: Phase,
    /// Number of the call.
    pub(super) number: u64,
    pub(super) call: Call,
}

impl Step {
    /// Whether the call is not about mappings at all.
    pub(super) fn is_no_mapping(&self) -> bool {
        matches!(self.call.what, What::Mallopt { .. })
    }
}

/// Steps that were reported and not entered yet, in order.
#[derive(Debug)]
pub(super) struct Steps {
    waiting: Vec<Step>,
    numbers: u64,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::with_capacity(1024), numbers: 0 }
    }

    /// Takes over all calls that were reported.
    pub(super) fn collect(&mut self) {
        let before = self.waiting.len();
        while let Some(call) = calls::take() {
            self.add(call);
        }
        if self.waiting.len() != before {
            self.waiting.sort_by_key(|step| (step.tick, step.number));
        }
    }

    pub(super) fn add(&mut self, call: Call) {
        self.numbers += 1;
        let number = self.numbers;
        let (leaves, arrives) = match call.what {
            What::Map { request, .. } => (request.flags & libc::MAP_FIXED as u32 != 0, true),
            What::Unmap { .. } | What::OwnUnmap { .. } => (true, false),
            What::Remap { .. } => (true, true),
            What::OwnMap { .. } | What::Mallopt { .. } => (false, true),
        };
        let step = |phase, tick| Step { tick, phase, number, call };
        self.waiting.extend(leaves.then(|| step(Phase::Leaves, call.before)));
        self.waiting.extend(arrives.then(|| step(Phase::Arrives, call.after)));
    }

    /// The steps before `end`, which are done with then.
    pub(super) fn take_before(&mut self, end: Tick) -> impl Iterator<Item = Step> {
        let count = self.waiting.partition_point(|step| step.tick < end);
        self.waiting.drain(..count)
    }

    /// The address ranges that waiting steps are about.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.waiting.iter().flat_map(|step| {
            let (one, other) = match step.call.what {
                What::Map { address, request, .. } => ((address, pages(&request)), (0, 0)),
                What::Unmap { address, len, .. }
                | What::OwnMap { address, len }
                | What::OwnUnmap { address, len } => ((address, len), (0, 0)),
                What::Remap { old, old_len, new, new_len, .. } => {
                    ((old, old_len.max(new_len)), (new, new_len))
                }
                What::Mallopt { .. } => ((0, 0), (0, 0)),
            };
            [one, other].into_iter().filter(|(_, len)| *len != 0).map(|(start, len)| (start, start + len))
        })
    }
}

/// Bytes of address space that a mapping takes.
pub(super) fn pages(request: &Request) -> u64 {
    let flags = request.flags;
    let huge = flags & libc::MAP_HUGETLB as u32 != 0;
    let shift = match flags >> libc::MAP_HUGE_SHIFT & libc::MAP_HUGE_MASK as u32 {
        _ if !huge => 12,
        0 => 21,
        shift => shift,
    };
    let page = 1_u64 << shift;
    request.len.saturating_add(page - 1) & !(page - 1)
}
