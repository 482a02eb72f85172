//! Stacks, frames and strings to their sections.

use bytehound_store::{PackedList, PackedVec, Scratch, SegmentWriter};

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
        let mut frames = Vec::new();
        let mut max_depth = 0;
        for (number, ends_in_hook) in (0..).zip(&backtraces.ends_in_hook) {
            keys.push(table.expand(backtraces.lists.get(number), *ends_in_hook, &mut frames));
            all_frames.extend(&frames, |frame| *frame)?;
            offsets.push(u32::try_from(all_frames.len()).map_err(|_| IndexError::TooManyFrames)?);
            max_depth = max_depth.max(frames.len() as u32);
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
