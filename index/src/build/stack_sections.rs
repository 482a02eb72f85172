//! Stacks, frames and strings to their sections.

use bytehound_store::{MappedVec, Scratch, SegmentWriter};

use super::frame_table::FrameTable;
use super::stacks::Backtraces;
use crate::IndexError;
use crate::layout::{FrameRecord, StackKeys, section};
use crate::model::BacktraceSummary;

/// The frames of all backtraces, ready to be written.
pub(super) struct StackSections {
    records: Vec<FrameRecord>,
    keys: Vec<StackKeys>,
    offsets: Vec<u32>,
    frames: MappedVec<u32>,
    /// The number of frames of the deepest backtrace.
    pub(super) max_depth: u32,
}

impl StackSections {
    /// Puts the frames of each backtrace together, and counts what passes through each frame.
    pub(super) fn of(
        backtraces: &Backtraces,
        table: &FrameTable,
        summaries: &[BacktraceSummary],
        scratch: &Scratch,
    ) -> Result<Self, IndexError> {
        let mut sections = Self {
            records: table.frames.clone(),
            keys: Vec::with_capacity(summaries.len()),
            offsets: vec![0],
            frames: MappedVec::new(scratch)?,
            max_depth: 0,
        };
        // The last backtrace that a frame was counted for: recursion doesn't count twice.
        let mut counted_for = vec![u32::MAX; sections.records.len()];
        let mut frames = Vec::new();
        for (number, summary) in (0..backtraces.lists.len()).zip(summaries) {
            let ends_in_hook = backtraces.ends_in_hook[number as usize];
            sections.keys.push(table.expand(backtraces.lists.get(number), ends_in_hook, &mut frames));
            sections.frames.extend_from_slice(&frames)?;
            let end = u32::try_from(sections.frames.len()).map_err(|_| IndexError::TooManyFrames)?;
            sections.offsets.push(end);
            sections.max_depth = sections.max_depth.max(frames.len() as u32);
            for &frame in &frames {
                let at = frame as usize;
                if counted_for[at] != number {
                    counted_for[at] = number;
                    let count = &mut sections.records[at].count;
                    *count = count.saturating_add(summary.allocated_count);
                }
            }
        }
        Ok(sections)
    }

    /// Writes them, and the strings that they refer to.
    pub(super) fn write(self, table: &FrameTable, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        let mut section = writer.begin::<u32>(section::BACKTRACE_FRAMES)?;
        section.push(self.frames.as_slice())?;
        section.end()?;
        writer.write_section(section::BACKTRACE_OFFSETS, &self.offsets)?;
        writer.write_section(section::STACK_KEYS, &self.keys)?;
        writer.write_section(section::FRAMES, &self.records)?;
        writer.write_section(section::STRING_OFFSETS, table.strings.offsets())?;
        writer.write_section(section::STRING_BYTES, table.strings.items())?;
        Ok(())
    }
}
