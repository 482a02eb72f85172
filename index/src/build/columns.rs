//! Rows to columns, in order of (birth, id).

use std::ops::Range;

use bytehound_store::{Column, Number, PackedBlock, SegmentWriter};
use rayon::prelude::*;

use super::rows::{End, FinishedRows};
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

    fn born<T: Number>(&self, column: Column<'_, T>, places: &Range<usize>) -> Vec<T> {
        let mut values = Vec::new();
        match self.order {
            None => column.copy_to(places.clone(), &mut values),
            Some(order) => values.extend(order[places.clone()].iter().map(|&row| column.at(row as usize))),
        }
        values
    }

    fn ended<T>(&self, places: &Range<usize>, value: impl Fn(&End) -> T) -> Vec<T> {
        let ends = self.rows.ends.as_slice();
        self.numbers(places.clone()).map(|row| value(&ends[row])).collect()
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
    let birth = rows.born(births.time.column(), &places);
    let size = rows.born(births.size.column(), &places);
    let address = rows.born(births.address.column(), &places);
    let death = rows.ended(&places, |end| end.time);
    let number = |raw: u32| if raw == NONE { NONE } else { dense[raw as usize] };
    let backtrace = rows.born(births.backtrace.column(), &places).into_iter().map(number);
    let flags = rows.born(births.flags.column(), &places);
    let flags = flags.into_iter().zip(rows.ended(&places, End::flags)).map(|(born, ended)| born | ended);
    let zone = zone_of(&birth, &death, &size, &address);
    let columns = [
        (section::BIRTH, PackedBlock::of(&birth)),
        (section::DEATH, PackedBlock::of(&death)),
        (section::SIZE, PackedBlock::of(&size)),
        (section::EXTRA, PackedBlock::of(&rows.born(births.extra.column(), &places))),
        (section::ADDRESS, PackedBlock::of(&address)),
        (section::BACKTRACE, PackedBlock::of(&backtrace.collect::<Vec<_>>())),
        (section::THREAD, PackedBlock::of(&rows.born(births.thread.column(), &places))),
        (section::FLAGS, PackedBlock::of(&flags.collect::<Vec<_>>())),
        (section::MARKER, PackedBlock::of(&rows.born(births.marker.column(), &places))),
        (
            section::ID,
            PackedBlock::of(&rows.numbers(places.clone()).map(|row| row as u32).collect::<Vec<_>>()),
        ),
        (section::CHAIN, PackedBlock::of(&rows.ended(&places, |end| end.chain))),
        (section::DEATH_BACKTRACE, PackedBlock::of(&rows.ended(&places, |end| number(end.backtrace)))),
        (section::DEATH_THREAD, PackedBlock::of(&rows.ended(&places, |end| end.thread))),
    ];
    (zone, columns)
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
