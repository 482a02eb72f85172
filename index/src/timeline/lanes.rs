//! Operations added up side by side, with the widest instructions that the processor has: 64 operations in a row are a
//! lane, and no lane waits for what is made of another.

use std::num::Wrapping;

use multiversion::multiversion;

use super::change::Change;

/// Lanes that are filled before any is added up.
pub(super) const LANES: usize = 32;
/// Lanes that are added up together: so many that what they change fits into registers.
const SIDE: usize = 8;
/// Operations of each.
const STEPS: usize = 64;
/// Below this, sizes add up in a lane.
const SIZE_END: u64 = 1 << 24;

/// One after the other, lanes are operations in a row.
pub(super) struct Lanes {
    /// Of each operation the size and one more, negative for a death; 0 for what is not asked for.
    steps: Box<[[i32; LANES]; STEPS]>,
}

/// What some lanes change that lie side by side, number by number.
struct Changes {
    operations: [i32; SIDE],
    allocated_bytes: [i32; SIDE],
    bytes: [i32; SIDE],
    count: [i32; SIDE],
    bytes_max: [i32; SIDE],
    count_max: [i32; SIDE],
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { steps: Box::new([[0; LANES]; STEPS]) }
    }

    /// Whether operations of this size may be put into lanes.
    pub(super) fn take(size: u64) -> bool {
        size < SIZE_END
    }

    /// Puts an operation there.
    #[inline(always)]
    pub(super) fn put(&mut self, lane: usize, step: usize, operation: i32) {
        self.steps[step % STEPS][lane % LANES] = operation;
    }

    /// Takes all operations out of a lane.
    pub(super) fn clear(&mut self, lane: usize) {
        self.steps.iter_mut().for_each(|step| step[lane] = 0);
    }

    /// What the operations of the first lanes change. The highest levels are those after each operation, asked for or not.
    pub(super) fn add_to(&self, change: &mut Change, lanes: usize) {
        for first in (0..lanes).step_by(SIDE) {
            let changes = changes(&self.steps, first);
            (0..SIDE.min(lanes - first)).for_each(|lane| change.then(&changes.of(lane).into()));
        }
    }
}

impl Changes {
    const NOTHING: Self = Self {
        operations: [0; SIDE],
        allocated_bytes: [0; SIDE],
        bytes: [0; SIDE],
        count: [0; SIDE],
        bytes_max: [i32::MIN; SIDE],
        count_max: [i32::MIN; SIDE],
    };

    #[inline(always)]
    fn of(&self, lane: usize) -> Change<i32> {
        Change {
            operations: Wrapping(self.operations[lane]),
            allocated_bytes: Wrapping(self.allocated_bytes[lane]),
            reallocated: 0,
            bytes: Wrapping(self.bytes[lane]),
            count: Wrapping(self.count[lane]),
            bytes_max: Wrapping(self.bytes_max[lane]),
            count_max: Wrapping(self.count_max[lane]),
        }
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, change: Change<i32>) {
        self.operations[lane] = change.operations.0;
        self.allocated_bytes[lane] = change.allocated_bytes.0;
        self.bytes[lane] = change.bytes.0;
        self.count[lane] = change.count.0;
        self.bytes_max[lane] = change.bytes_max.0;
        self.count_max[lane] = change.count_max.0;
    }
}

/// Inlined, to be compiled for each set of instructions.
#[multiversion(targets("x86_64+avx2"))]
fn changes(steps: &[[i32; LANES]; STEPS], first: usize) -> Changes {
    let mut changes = Changes::NOTHING;
    for step in steps {
        let Some(operations) = step[first % LANES..].first_chunk::<SIDE>() else { break };
        for (lane, operation) in operations.iter().enumerate() {
            // 1 if it is asked for; −1 for a death.
            let asked = operation.cast_unsigned().min(1).cast_signed();
            let count = *operation >> 31 | asked;
            let mut change = changes.of(lane);
            change.add(asked, operation.wrapping_sub(count), count);
            changes.set(lane, change);
        }
    }
    changes
}
