//! Rows to columns, in order of (birth, id).

use std::ops::Range;

use bytehound_store::{Number, PackedBlock, PackedList, Scratch, SegmentWriter, WrittenList, WrittenVec};
use rayon::prelude::*;

use super::chains::Member;
use super::ends::{FinishedEnds, Link};
use super::order::Order;
use super::rows::FinishedRows;
use super::steps::Steps;
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NEVER, NONE, Zone, section};

/// Blocks of rows that are packed at a time, side by side.
const BATCH: usize = 4;

/// The rows of a capture, to be read in the order of their births.
pub(super) struct OrderedRows<'a> {
    pub(super) rows: &'a FinishedRows,
    /// `None` if they were recorded in that order.
    pub(super) order: Option<&'a Order>,
    /// By place.
    pub(super) ends: &'a FinishedEnds,
    pub(super) numbers: Numbers<'a>,
}

/// What backtraces are called.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    dense: &'a [u32],
    /// As rows call them.
    are_same: bool,
}

impl<'a> Numbers<'a> {
    /// From what rows refer to, to the numbers that are dense.
    pub(super) fn new(dense: &'a [u32]) -> Self {
        Self { dense, are_same: dense.iter().zip(0..).all(|(dense, raw)| *dense == raw) }
    }

    fn of(self, raw: u32) -> u32 {
        if raw == NONE { NONE } else { self.dense[raw as usize] }
    }
}

impl OrderedRows<'_> {
    pub(super) fn len(&self) -> usize {
        self.rows.rows as usize
    }

    /// Numbers of births.
    fn born<T: Number>(&self, list: &PackedList<T>, places: &Range<usize>) -> Vec<T> {
        let (column, mut values) = (list.column(), Vec::new());
        match self.order {
            None => column.copy_to(places.clone(), &mut values),
            Some(order) => {
                values.extend(order.rows()[places.clone()].iter().map(|&row| column.at(row as usize)));
            }
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

    fn backtraces(&self, places: &Range<usize>) -> PackedBlock {
        let born = &self.rows.births.backtrace;
        if self.numbers.are_same {
            return self.born_block(born, places);
        }
        let numbers: Vec<u32> = self.born(born, places).into_iter().map(|raw| self.numbers.of(raw)).collect();
        PackedBlock::of(&numbers)
    }

    /// What each place has as its number in the capture.
    fn ids(&self, places: &Range<usize>) -> PackedBlock {
        match self.order {
            None => PackedBlock::of(&places.clone().map(|place| place as u32).collect::<Vec<_>>()),
            Some(order) => PackedBlock::of(&order.rows()[places.clone()]),
        }
    }
}

/// Writes every column, and the zones; gives the rows that are in chains.
pub(super) fn write_columns(
    writer: &mut SegmentWriter,
    rows: &OrderedRows<'_>,
    scratch: &Scratch,
    steps: &Steps<'_>,
) -> Result<WrittenList<Member>, IndexError> {
    let starts: Vec<usize> = (0..rows.len().max(1)).step_by(BLOCK_ROWS).collect();
    let (mut zones, mut members) = (Vec::new(), WrittenVec::new(scratch)?);
    for batch in starts.chunks(BATCH) {
        let places = |start: usize| start..rows.len().min(start + BLOCK_ROWS);
        let blocks: Vec<_> = batch.par_iter().map(|&start| pack(rows, places(start))).collect();
        for (start, packed) in batch.iter().zip(blocks) {
            for (name, block) in packed.columns {
                writer.write_block(name, &block)?;
            }
            zones.extend(packed.zone);
            members.extend_from_slice(&packed.members)?;
            steps.advance(places(*start).len())?;
        }
    }
    writer.write_section(section::ZONES, &zones)?;
    Ok(members.finish()?)
}

/// What is written of one block of rows.
struct Packed {
    /// `None` when it is empty.
    zone: Option<Zone>,
    columns: [(&'static str, PackedBlock); 13],
    members: Vec<Member>,
}

fn pack(rows: &OrderedRows<'_>, places: Range<usize>) -> Packed {
    let births = &rows.rows.births;
    let ends = EndColumns::of(rows, &places);
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
        (section::BACKTRACE, rows.backtraces(&places)),
        (section::THREAD, rows.born_block(&births.thread, &places)),
        (section::FLAGS, PackedBlock::of(&ends.flags)),
        (section::MARKER, rows.born_block(&births.marker, &places)),
        (section::ID, rows.ids(&places)),
        (section::CHAIN, PackedBlock::of(&ends.chain)),
        (section::DEATH_BACKTRACE, PackedBlock::of(&ends.backtrace)),
        (section::DEATH_THREAD, PackedBlock::of(&ends.thread)),
    ];
    Packed { zone, columns, members: ends.members(&places) }
}

/// How the rows of a block end.
struct EndColumns {
    time: Vec<u64>,
    chain: Vec<u32>,
    backtrace: Vec<u32>,
    thread: Vec<u32>,
    /// Those of birth too.
    flags: Vec<u8>,
}

impl EndColumns {
    fn of(rows: &OrderedRows<'_>, places: &Range<usize>) -> Self {
        let len = places.len();
        let mut columns = Self {
            time: vec![NEVER; len],
            chain: vec![NONE; len],
            backtrace: vec![NONE; len],
            thread: vec![NONE; len],
            flags: rows.born(&rows.rows.births.flags, places),
        };
        rows.ends.of_block(places.start / BLOCK_ROWS, |end| {
            let (at, link) = (end.row as usize - places.start, Link(end.link));
            columns.time[at] = end.time;
            columns.chain[at] = link.chain();
            columns.backtrace[at] = rows.numbers.of(end.backtrace);
            columns.thread[at] = end.thread;
            columns.flags[at] |= link.flags();
        });
        columns
    }

    fn members(&self, places: &Range<usize>) -> Vec<Member> {
        let chains = places.clone().zip(&self.chain).filter(|(_, chain)| **chain != NONE);
        chains.map(|(row, chain)| Member { row: row as u32, chain: *chain }).collect()
    }
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
