//! Steps that name their birth and death, and so can be put in order of time, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use bytehound_store::{MappedVec, Scratch};
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::IndexError;

/// A birth, a death, or both at once: a realloc.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Operation {
    pub(super) time: u64,
    /// Number of the birth, which is that of its row, or [`crate::layout::NONE`].
    pub(super) birth: u32,
    /// Number of the death, or [`crate::layout::NONE`].
    pub(super) death: u32,
}
/// Operations sorted at a time (16 MiB): the sort's own buffer is half of it, on each thread.
const RUN_LEN: usize = 1 << 20;

/// Sorts by time; operations of one time stay in the order of the file, which is the order they happened in.
pub(super) fn sort_by_time(
    mut operations: MappedVec<Operation>,
    scratch: &Scratch,
) -> Result<MappedVec<Operation>, IndexError> {
    operations
        .as_mut_slice()
        .par_chunks_mut(RUN_LEN)
        .for_each(|run| run.sort_by_key(|operation| operation.time));
    if operations.len() <= RUN_LEN {
        return Ok(operations);
    }
    merge(operations.as_slice(), scratch)
}

/// Merges sorted runs. Most of a capture is nearly sorted, so whole stretches of a run go over at once.
fn merge(operations: &[Operation], scratch: &Scratch) -> Result<MappedVec<Operation>, IndexError> {
    let mut merged = MappedVec::new(scratch)?;
    let starts = (0..operations.len()).step_by(RUN_LEN);
    let mut runs: Vec<Range<usize>> =
        starts.map(|start| start..(start + RUN_LEN).min(operations.len())).collect();
    let head = |runs: &[Range<usize>], run: usize| {
        (!runs[run].is_empty()).then(|| Reverse((operations[runs[run].start].time, run)))
    };
    let mut heads: BinaryHeap<_> = (0..runs.len()).filter_map(|run| head(&runs, run)).collect();
    while let Some(Reverse((_, run))) = heads.pop() {
        let rest = &operations[runs[run].clone()];
        let stretch = match heads.peek() {
            Some(&Reverse(next)) => rest.partition_point(|operation| (operation.time, run) < next),
            None => rest.len(),
        };
        merged.extend_from_slice(&rest[..stretch])?;
        runs[run].start += stretch;
        heads.extend(head(&runs, run));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use bytehound_store::Store;

    use super::*;

    #[test]
    fn sorting_is_stable_over_many_runs() {
        let store = Store::temporary().expect("a temporary directory");
        let scratch = store.scratch().expect("a scratch directory");
        let mut operations = MappedVec::new(&scratch).expect("room for operations");
        let mut random = 1_u64;
        for row in 0..(3 * RUN_LEN + 17) as u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let time = u64::from(row / 1000) + (random >> 58);
            operations.push(Operation { time, birth: row, death: 0 }).expect("room for one");
        }
        let mut expected = operations.as_slice().to_vec();
        expected.sort_by_key(|operation| (operation.time, operation.birth));
        let sorted = sort_by_time(operations, &scratch).expect("room for the merge");
        assert!(sorted.as_slice() == expected, "another order than that of a simple sort");
    }
}
