//! Rows to columns, in order of (birth, id).

use bytehound_store::SegmentWriter;
use bytemuck::Pod;
use rayon::prelude::*;

use super::rows::RawRow;
use super::steps::Steps;
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NEVER, NONE, Zone, section};

/// How many times [`write_columns`] goes over the rows.
pub(super) const PASSES: u64 = 14;

/// Rows of one piece of work of a thread.
const ROWS_PER_TASK: usize = 1 << 13;

/// The rows of a capture, to be read in another order.
pub(super) struct OrderedRows<'a> {
    pub(super) rows: &'a [RawRow],
    /// The row at each place.
    pub(super) order: &'a [u32],
}

/// Writes every column, and the zones.
pub(super) fn write_columns(
    writer: &mut SegmentWriter,
    rows: &OrderedRows<'_>,
    dense: &[u32],
    steps: &mut Steps<'_>,
) -> Result<(), IndexError> {
    let mut columns = Columns { writer, rows, steps };
    columns.write(section::BIRTH, |row, _| row.birth)?;
    columns.write(section::DEATH, |row, _| row.death)?;
    columns.write(section::SIZE, |row, _| row.size)?;
    columns.write(section::EXTRA, |row, _| row.extra)?;
    columns.write(section::ADDRESS, |row, _| row.address)?;
    columns.write(section::BACKTRACE, |row, _| dense[row.backtrace as usize])?;
    columns.write(section::THREAD, |row, _| row.thread)?;
    columns.write(section::FLAGS, |row, _| row.flags as u8)?;
    columns.write(section::MARKER, |row, _| row.marker)?;
    columns.write(section::ID, |_, id| id)?;
    columns.write(section::CHAIN, |row, _| row.link)?;
    columns.write(section::DEATH_BACKTRACE, |row, _| match row.death_backtrace {
        NONE => NONE,
        raw => dense[raw as usize],
    })?;
    columns.write(section::DEATH_THREAD, |row, _| row.death_thread)?;
    columns.write_zones()
}

struct Columns<'a, 's> {
    writer: &'a mut SegmentWriter,
    rows: &'a OrderedRows<'a>,
    steps: &'a mut Steps<'s>,
}

impl Columns<'_, '_> {
    fn write<T: Pod + Send>(
        &mut self,
        name: &str,
        value: impl Fn(&RawRow, u32) -> T + Sync,
    ) -> Result<(), IndexError> {
        let mut section = self.writer.begin(name)?;
        let mut buffer = Vec::with_capacity(BLOCK_ROWS);
        for block in self.rows.order.chunks(BLOCK_ROWS) {
            let values = block.par_iter().with_min_len(ROWS_PER_TASK);
            values.map(|&raw| value(&self.rows.rows[raw as usize], raw)).collect_into_vec(&mut buffer);
            section.push(&buffer)?;
            self.steps.advance(block.len())?;
        }
        Ok(section.end()?)
    }

    fn write_zones(&mut self) -> Result<(), IndexError> {
        let zone = |block: &[u32]| zone_of(block.iter().map(|&raw| &self.rows.rows[raw as usize]));
        let zones: Vec<Zone> = self.rows.order.par_chunks(BLOCK_ROWS).map(zone).collect();
        self.writer.write_section(section::ZONES, &zones)?;
        self.steps.advance(self.rows.order.len())
    }
}

fn zone_of<'a>(rows: impl Iterator<Item = &'a RawRow>) -> Zone {
    let nothing = [u64::MAX, 0];
    let mut zone = Zone { birth: nothing, death: nothing, size: nothing, address: nothing, leaked: 0 };
    for row in rows {
        widen(&mut zone.birth, row.birth);
        widen(&mut zone.death, row.death);
        widen(&mut zone.size, row.size);
        widen(&mut zone.address, row.address);
        zone.leaked += u64::from(row.death == NEVER);
    }
    zone
}

fn widen([least, most]: &mut [u64; 2], value: u64) {
    *least = value.min(*least);
    *most = value.max(*most);
}
