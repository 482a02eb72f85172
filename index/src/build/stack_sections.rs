//! Stacks, frames and strings to their sections.

use bytehound_store::{PackedList, PackedVec, Scratch, SegmentWriter};
use rayon::prelude::*;

use super::frame_table::FrameTable;
use super::stacks::Backtraces;
use crate::IndexError;
use crate::layout::{FrameRecord, StackKeys, section};
use crate::model::BacktraceSummary;

/// The frames of all backtraces, ready to be written once they are counted.
pub(super) struct StackSections {
    records: Vec<FrameRecord>,
    keys: Vec<StackKeys>,
    offsets: Vec<u32>,
    frames: PackedList<u32>,
    /// The number of frames of the deepest backtrace.
    pub(super) max_depth: u32,
}

/// Backtraces that are put together by one thread at a time.
const SHARE: usize = 256;

/// Some backtraces in a row.
struct Expanded {
    keys: Vec<StackKeys>,
    /// How many frames each has.
    depths: Vec<u32>,
    frames: Vec<u32>,
}

impl Expanded {
    fn of(numbers: &[u32], backtraces: &Backtraces, table: &FrameTable) -> Self {
        let (mut depths, mut all_frames, mut frames) = (Vec::new(), Vec::new(), Vec::new());
        let expand = |number: &u32| {
            let ends_in_hook = backtraces.ends_in_hook[*number as usize];
            let keys = table.expand(backtraces.lists.get(*number), ends_in_hook, &mut frames);
            depths.push(frames.len() as u32);
            all_frames.extend_from_slice(&frames);
            keys
        };
        let keys = numbers.iter().map(expand).collect();
        Self { keys, depths, frames: all_frames }
    }
}

impl StackSections {
    /// Puts the frames of each backtrace together.
    pub(super) fn of(
        backtraces: &Backtraces,
        table: &FrameTable,
        scratch: &Scratch,
    ) -> Result<Self, IndexError> {
        let mut keys = Vec::with_capacity(backtraces.ends_in_hook.len());
        let mut offsets = vec![0];
        let mut all_frames = PackedVec::new(scratch)?;
        let mut max_depth = 0;
        let numbers: Vec<u32> = (0..backtraces.lists.len()).collect();
        for batch in numbers.chunks(SHARE * rayon::current_num_threads()) {
            let expanded: Vec<_> =
                batch.par_chunks(SHARE).map(|some| Expanded::of(some, backtraces, table)).collect();
            for Expanded { keys: some_keys, depths, frames } in expanded {
                keys.extend(some_keys);
                for depth in depths {
                    let end = offsets.last().copied().and_then(|start: u32| start.checked_add(depth));
                    offsets.push(end.ok_or(IndexError::TooManyFrames)?);
                    max_depth = max_depth.max(depth);
                }
                all_frames.extend(&frames, |frame| *frame)?;
            }
        }
        let records = table.frames.clone();
        Ok(Self { records, keys, offsets, frames: all_frames.finish()?, max_depth })
    }

    /// Counts what passes through each frame.
    pub(super) fn count(&mut self, summaries: impl Iterator<Item = BacktraceSummary>) {
        // The last backtrace that a frame was counted for: recursion doesn't count twice.
        let mut counted_for = vec![u32::MAX; self.records.len()];
        let (column, mut frames) = (self.frames.column(), Vec::new());
        for ((number, range), summary) in (0..).zip(self.offsets.windows(2)).zip(summaries) {
            column.copy_to(range[0] as usize..range[1] as usize, &mut frames);
            for &frame in &frames {
                let at = frame as usize;
                if counted_for[at] != number {
                    counted_for[at] = number;
                    let count = &mut self.records[at].count;
                    *count = count.saturating_add(summary.allocated_count);
                }
            }
        }
    }

    /// Writes them, and the strings that they refer to.
    pub(super) fn write(self, table: &FrameTable, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        writer.write_list(section::BACKTRACE_FRAMES, &self.frames)?;
        writer.write_section(section::BACKTRACE_OFFSETS, &self.offsets)?;
        writer.write_section(section::STACK_KEYS, &self.keys)?;
        writer.write_section(section::FRAMES, &self.records)?;
        writer.write_section(section::STRING_OFFSETS, table.strings.slices().offsets())?;
        writer.write_section(section::STRING_BYTES, table.strings.slices().items())?;
        Ok(())
    }
}
