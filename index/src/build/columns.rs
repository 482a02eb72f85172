//! Rows to columns, in order of (birth, id).

use std::ops::Range;

use bytehound_store::{
    Extremes, Number, PackedBlock, PackedList, Scratch, SegmentWriter, WrittenList, WrittenVec,
};
use rayon::prelude::*;

use super::chains::Member;
use super::ends::{BlockEnds, FinishedEnds, FinishedFates, Link};
use super::order::Order;
use super::rows::FinishedRows;
use super::steps::Steps;
use crate::IndexError;
use crate::layout::{BLOCK_ROWS, NONE, Zone, section};

/// Blocks of rows that are packed at a time, side by side, while those before are written.
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

    fn packed(self, raw: &[u32]) -> PackedBlock {
        PackedBlock::of(&raw.iter().map(|&raw| self.of(raw)).collect::<Vec<_>>())
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
        self.numbers.packed(&self.born(born, places))
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
    let mut batches = starts.chunks(BATCH);
    let mut pack_next = || {
        let batch = batches.next().unwrap_or_default();
        let places = |start: usize| start..rows.len().min(start + BLOCK_ROWS);
        batch.par_iter().map(|&start| pack(rows, places(start))).collect::<Vec<_>>()
    };
    let mut packed = pack_next();
    while !packed.is_empty() {
        let write = || packed.iter().try_for_each(|packed| packed.write(writer, &mut members, steps));
        let (written, next) = rayon::join(write, &mut pack_next);
        written?;
        zones.extend(packed.iter().filter_map(|packed| packed.zone));
        packed = next;
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
    rows: usize,
}

impl Packed {
    fn write(
        &self,
        writer: &mut SegmentWriter,
        members: &mut WrittenVec<Member>,
        steps: &Steps<'_>,
    ) -> Result<(), IndexError> {
        self.columns.iter().try_for_each(|(name, block)| writer.write_block(name, block))?;
        members.extend_from_slice(&self.members)?;
        steps.advance(self.rows)
    }
}

fn pack(rows: &OrderedRows<'_>, places: Range<usize>) -> Packed {
    let births = &rows.rows.births;
    let birth = rows.born_block(&births.time, &places);
    let size = rows.born_block(&births.size, &places);
    let address = rows.born_block(&births.address, &places);
    let ends = EndColumns::of(rows, &places);
    let zone = (!places.is_empty()).then(|| Zone {
        birth: between(&birth),
        death: between(&ends.time),
        size: between(&size),
        address: between(&address),
        leaked: ends.time.extremes().largest,
    });
    let columns = [
        (section::BIRTH, birth),
        (section::DEATH, ends.time),
        (section::SIZE, size),
        (section::EXTRA, rows.born_block(&births.extra, &places)),
        (section::ADDRESS, address),
        (section::BACKTRACE, rows.backtraces(&places)),
        (section::THREAD, rows.born_block(&births.thread, &places)),
        (section::FLAGS, ends.flags),
        (section::MARKER, rows.born_block(&births.marker, &places)),
        (section::ID, rows.ids(&places)),
        (section::CHAIN, ends.chain),
        (section::DEATH_BACKTRACE, ends.backtrace),
        (section::DEATH_THREAD, ends.thread),
    ];
    Packed { zone, columns, members: ends.members, rows: places.len() }
}

fn between(block: &PackedBlock) -> [u64; 2] {
    let Extremes { least, most, .. } = block.extremes();
    [least, most]
}

/// How the rows of a block end.
struct EndColumns {
    time: PackedBlock,
    chain: PackedBlock,
    backtrace: PackedBlock,
    thread: PackedBlock,
    /// Those of birth too.
    flags: PackedBlock,
    members: Vec<Member>,
}

impl EndColumns {
    fn of(rows: &OrderedRows<'_>, places: &Range<usize>) -> Self {
        let block = places.start / BLOCK_ROWS;
        match rows.ends.packed(block) {
            Some(fates) => Self::as_packed(rows, fates, places),
            None => Self::of_numbers(rows, rows.ends.block(block), places),
        }
    }

    /// Nothing is in a chain, so what is packed needs no more work.
    fn as_packed(rows: &OrderedRows<'_>, fates: &FinishedFates, places: &Range<usize>) -> Self {
        let block = places.start / BLOCK_ROWS;
        let are_numbered = rows.numbers.are_same || fates.backtrace.extremes(block).least == u64::from(NONE);
        Self {
            time: fates.time.block(block),
            chain: fates.link.block(block),
            backtrace: match are_numbered {
                true => fates.backtrace.block(block),
                false => rows.numbers.packed(&rows.ends.block(block).backtrace),
            },
            thread: fates.thread.block(block),
            flags: rows.born_block(&rows.rows.births.flags, places),
            members: Vec::new(),
        }
    }

    fn of_numbers(rows: &OrderedRows<'_>, ends: BlockEnds, places: &Range<usize>) -> Self {
        let links = || ends.link.iter().map(|&link| Link(link));
        let mut flags = rows.born(&rows.rows.births.flags, places);
        flags.iter_mut().zip(links()).for_each(|(flags, link)| *flags |= link.flags());
        let chains: Vec<u32> = links().map(Link::chain).collect();
        let members = places.clone().zip(&chains).filter(|(_, chain)| **chain != NONE);
        Self {
            time: PackedBlock::of(&ends.time),
            chain: PackedBlock::of(&chains),
            backtrace: rows.numbers.packed(&ends.backtrace),
            thread: PackedBlock::of(&ends.thread),
            flags: PackedBlock::of(&flags),
            members: members.map(|(row, chain)| Member { row: row as u32, chain: *chain }).collect(),
        }
    }
}
