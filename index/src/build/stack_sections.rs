//! Stacks, frames and strings to their sections.

use bytehound_store::SegmentWriter;

use super::stacks::Backtraces;
use super::symbolize::Symbols;
use crate::IndexError;
use crate::layout::section;
use crate::model::BacktraceSummary;

/// Writes them; returns the number of frames of the deepest backtrace.
pub(super) fn write_stacks(
    writer: &mut SegmentWriter,
    backtraces: &Backtraces,
    symbols: Symbols,
    summaries: &[BacktraceSummary],
) -> Result<u32, IndexError> {
    let table = symbols.table;
    let mut records = table.frames.clone();
    // The last backtrace that a frame was counted for: recursion doesn't count twice.
    let mut counted_for = vec![u32::MAX; records.len()];
    let mut offsets = vec![0_u32];
    let mut keys = Vec::with_capacity(summaries.len());
    let mut frames = Vec::new();
    let mut max_depth = 0;
    let mut section = writer.begin::<u32>(section::BACKTRACE_FRAMES)?;
    for (number, summary) in (0..backtraces.lists.len()).zip(summaries) {
        let ends_in_hook = backtraces.ends_in_hook[number as usize];
        keys.push(table.expand(backtraces.lists.get(number), ends_in_hook, &mut frames));
        section.push(&frames)?;
        let end = offsets.last().map_or(0, |&end| u64::from(end)) + frames.len() as u64;
        offsets.push(u32::try_from(end).map_err(|_| IndexError::TooManyFrames)?);
        max_depth = max_depth.max(frames.len());
        for &frame in &frames {
            let at = frame as usize;
            if counted_for[at] != number {
                counted_for[at] = number;
                records[at].count = records[at].count.saturating_add(summary.allocated_count);
            }
        }
    }
    section.end()?;
    writer.write_section(section::BACKTRACE_OFFSETS, &offsets)?;
    writer.write_section(section::STACK_KEYS, &keys)?;
    writer.write_section(section::FRAMES, &records)?;
    writer.write_section(section::STRING_OFFSETS, table.strings.offsets())?;
    writer.write_section(section::STRING_BYTES, table.strings.items())?;
    Ok(max_depth as u32)
}
