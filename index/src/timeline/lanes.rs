//! Operations added up side by side, with the widest instructions that the processor has: 64 operations in a row are a
//! lane, and no lane waits for what is made of another.
#![expect(unsafe_code, reason = "calling what needs certain instructions is unsafe: see the call")]

use super::change::Change;

/// Lanes: so many that compilers take several at a time.
pub(super) const LANES: usize = 32;
/// Operations of each.
const STEPS: usize = 64;
/// Below this, sizes add up in a lane.
const SIZE_END: u64 = 1 << 24;

/// One after the other, lanes are operations in a row.
pub(super) struct Lanes {
    /// Of each operation the size and one more, negative for a death; 0 for what is not asked for.
    steps: Box<[[i32; LANES]; STEPS]>,
}

/// What each lane changes.
struct Sums {
    operations: [i32; LANES],
    allocated_bytes: [i32; LANES],
    bytes: [i32; LANES],
    count: [i32; LANES],
    bytes_max: [i32; LANES],
    count_max: [i32; LANES],
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
        let sums = sums(&self.steps);
        for lane in 0..lanes {
            change.then(&Change {
                operations: u64::from(sums.operations[lane].cast_unsigned()),
                allocated_bytes: u64::from(sums.allocated_bytes[lane].cast_unsigned()),
                reallocated: 0,
                bytes: sums.bytes[lane].into(),
                count: sums.count[lane].into(),
                bytes_max: sums.bytes_max[lane].into(),
                count_max: sums.count_max[lane].into(),
            });
        }
    }
}

fn sums(steps: &[[i32; LANES]; STEPS]) -> Sums {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled with.
        return unsafe { sums_by_256(steps) };
    }
    sums_plainly(steps)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sums_by_256(steps: &[[i32; LANES]; STEPS]) -> Sums {
    sums_plainly(steps)
}

/// Inlined, to be compiled for each set of instructions.
#[inline(always)]
fn sums_plainly(steps: &[[i32; LANES]; STEPS]) -> Sums {
    let none = [0; LANES];
    let least = [i32::MIN; LANES];
    let mut sums = Sums {
        operations: none,
        allocated_bytes: none,
        bytes: none,
        count: none,
        bytes_max: least,
        count_max: least,
    };
    for step in steps {
        for (lane, operation) in step.iter().enumerate() {
            // 1 if it is asked for; −1 for a death.
            let asked = operation.cast_unsigned().min(1).cast_signed();
            let births = *operation >> 31 | asked;
            let size = operation.wrapping_sub(births);
            sums.operations[lane] += asked;
            sums.allocated_bytes[lane] = sums.allocated_bytes[lane].wrapping_add(size.max(0));
            sums.bytes[lane] = sums.bytes[lane].wrapping_add(size);
            sums.count[lane] += births;
            sums.bytes_max[lane] = sums.bytes_max[lane].max(sums.bytes[lane]);
            sums.count_max[lane] = sums.count_max[lane].max(sums.count[lane]);
        }
    }
    sums
}
