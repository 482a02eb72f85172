//! Rows to columns, in order of (birth, id).

use std::ops::Range;

use bytehound_store::{Number, PackedBlock, PackedList, SegmentWriter};
use rayon::prelude::*;

use super::rows::FinishedRows;
use super::steps::Steps;
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NEVER, NONE, Zone, section};

/// Blocks of rows that are packed at a time, side by side.
const BATCH: usize = 4;

/// The rows of a capture, to be read in the order of their births.
pub(super) struct OrderedRows<'a> {
    pub(super) rows: &'a FinishedRows,
    /// The row at each place; `None` if they were recorded in that order.
    pub(super) order: Option<&'a [u32]>,
}

impl<'a> OrderedRows<'a> {
    pub(super) fn len(&self) -> usize {
        self.rows.ends.len()
    }

    /// The numbers of the rows at some places.
    pub(super) fn numbers(&self, places: Range<usize>) -> impl Iterator<Item = usize> + use<'a> {
        let order = self.order;
        places.map(move |place| order.map_or(place, |order| order[place] as usize))
    }

    /// Numbers of births.
    fn born<T: Number>(&self, list: &PackedList<T>, places: &Range<usize>) -> Vec<T> {
        let (column, mut values) = (list.column(), Vec::new());
        match self.order {
            None => column.copy_to(places.clone(), &mut values),
            Some(order) => values.extend(order[places.clone()].iter().map(|&row| column.at(row as usize))),
        }
        values
    }

    /// The same as a block of a column. What was packed in this order before needs no more work.
    fn born_block<T: Number>(&self, list: &PackedList<T>, places: &Range<usize>) -> PackedBlock {
        match self.order {
            None => list.block(places.start / BLOCK_ROWS),
            Some(_) => PackedBlock::of(&self.born(list, places)),
        }
    }
}

/// Writes every column, and the zones.
pub(super) fn write_columns(
    writer: &mut SegmentWriter,
    rows: &OrderedRows<'_>,
    dense: &[u32],
    steps: &Steps<'_>,
) -> Result<(), IndexError> {
    let starts: Vec<usize> = (0..rows.len().max(1)).step_by(BLOCK_ROWS).collect();
    let mut zones = Vec::new();
    for batch in starts.chunks(BATCH) {
        let places = |start: usize| start..rows.len().min(start + BLOCK_ROWS);
        let blocks: Vec<_> = batch.par_iter().map(|&start| pack(rows, places(start), dense)).collect();
        for (start, (zone, columns)) in batch.iter().zip(blocks) {
            for (name, block) in columns {
                writer.write_block(name, &block)?;
            }
            zones.extend(zone);
            steps.advance(places(*start).len())?;
        }
    }
    Ok(writer.write_section(section::ZONES, &zones)?)
}

/// The columns of one block of rows.
fn pack(
    rows: &OrderedRows<'_>,
    places: Range<usize>,
    dense: &[u32],
) -> (Option<Zone>, [(&'static str, PackedBlock); 13]) {
    let births = &rows.rows.births;
    let number = |raw: u32| if raw == NONE { NONE } else { dense[raw as usize] };
    let backtrace = rows.born(&births.backtrace, &places).into_iter().map(number).collect::<Vec<_>>();
    let mut flags = rows.born(&births.flags, &places);
    let mut ends = Ends::default();
    for (row, flags) in rows.numbers(places.clone()).zip(&mut flags) {
        let end = &rows.rows.ends.as_slice()[row];
        *flags |= end.flags();
        ends.time.push(end.time);
        ends.chain.push(end.chain);
        ends.backtrace.push(number(end.backtrace));
        ends.thread.push(end.thread);
    }
    let ids: Vec<u32> = rows.numbers(places.clone()).map(|row| row as u32).collect();
    let zone = zone_of(
        &rows.born(&births.time, &places),
        &ends.time,
        &rows.born(&births.size, &places),
        &rows.born(&births.address, &places),
    );
    let columns = [
        (section::BIRTH, rows.born_block(&births.time, &places)),
        (section::DEATH, PackedBlock::of(&ends.time)),
        (section::SIZE, rows.born_block(&births.size, &places)),
        (section::EXTRA, rows.born_block(&births.extra, &places)),
        (section::ADDRESS, rows.born_block(&births.address, &places)),
        (section::BACKTRACE, PackedBlock::of(&backtrace)),
        (section::THREAD, rows.born_block(&births.thread, &places)),
        (section::FLAGS, PackedBlock::of(&flags)),
        (section::MARKER, rows.born_block(&births.marker, &places)),
        (section::ID, PackedBlock::of(&ids)),
        (section::CHAIN, PackedBlock::of(&ends.chain)),
        (section::DEATH_BACKTRACE, PackedBlock::of(&ends.backtrace)),
        (section::DEATH_THREAD, PackedBlock::of(&ends.thread)),
    ];
    (zone, columns)
}

/// How the rows of a block end.
#[derive(Default)]
struct Ends {
    time: Vec<u64>,
    chain: Vec<u32>,
    backtrace: Vec<u32>,
    thread: Vec<u32>,
}

/// The extremes of a block; `None` when it is empty.
fn zone_of(birth: &[u64], death: &[u64], size: &[u64], address: &[u64]) -> Option<Zone> {
    Some(Zone {
        birth: extremes(birth)?,
        death: extremes(death)?,
        size: extremes(size)?,
        address: extremes(address)?,
        leaked: death.iter().filter(|&&death| death == NEVER).count() as u64,
    })
}

fn extremes(values: &[u64]) -> Option<[u64; 2]> {
    Some([*values.iter().min()?, *values.iter().max()?])
}
