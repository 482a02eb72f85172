//! The timeline of few rows: their own operations are sorted, which takes less than following all of the chronicle.

use rayon::prelude::*;

use super::change::{Change, Live, timeline};
use super::{Grid, Timeline};
use crate::allocation::position;
use crate::columns::Columns;
use crate::layout::NEVER;
use crate::model::Row;
use crate::{Cancel, IndexError, RowSet};

/// One row of so many is few.
const ONE_IN: u64 = 32;

/// Whether sorting pays.
pub(super) fn are(rows: &RowSet) -> bool {
    rows.len() * ONE_IN <= u64::from(rows.universe())
}

/// A birth or a death. They sort as the chronicle has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    time: u64,
    phase: Phase,
    /// The row, or the one that takes its place at once.
    row: u32,
    births: u8,
    /// 1 if it came out of a row that is asked for too.
    reborn: u8,
    size: u64,
}

/// What comes after what within a µs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    OldDie,
    AreBorn,
    NewDie,
}

pub(super) fn follow(
    columns: &Columns<'_>,
    rows: &RowSet,
    grid: Grid,
    cancel: &Cancel,
) -> Result<Timeline, IndexError> {
    let of_block = |index: usize| {
        cancel.check()?;
        let mut operations = Vec::new();
        rows.iter_block(index).for_each(|row| add(columns, rows, row, &mut operations));
        Ok(operations)
    };
    let blocks = (0..rows.block_count()).into_par_iter();
    let blocks: Vec<Vec<Operation>> = blocks.map(of_block).collect::<Result<_, IndexError>>()?;
    let mut operations = blocks.concat();
    cancel.check()?;
    operations.par_sort_unstable();
    operations.truncate(operations.partition_point(|operation| operation.time <= grid.end_us));
    let within = operations.partition_point(|operation| operation.time < grid.start_us);
    let live = Live::default().after(&change_of(&operations[..within]));
    let bucket = |operation: &Operation| grid.bucket(operation.time);
    let buckets = operations[within..].chunk_by(|a, b| bucket(a) == bucket(b));
    Ok(timeline(grid, live, buckets.map(|operations| (bucket(&operations[0]), change_of(operations)))))
}

fn change_of(operations: &[Operation]) -> Change {
    let mut change = Change::NOTHING;
    for operation in operations {
        change.operation(operation.size, operation.births.into());
        change.reallocated += u64::from(operation.reborn);
    }
    change
}

/// The birth of a row, and its death.
fn add(columns: &Columns<'_>, rows: &RowSet, Row(row): Row, operations: &mut Vec<Operation>) {
    let at = row as usize;
    let is_asked = |row: &u32| rows.contains(Row(*row));
    let [before, after] = neighbours(columns, row).map(|row| row.filter(is_asked));
    let (birth, death, size) = (columns.birth.at(at), columns.death.at(at), columns.size.at(at));
    let born = Operation {
        time: birth,
        phase: Phase::AreBorn,
        row,
        births: 1,
        reborn: u8::from(before.is_some()),
        size,
    };
    operations.push(born);
    let dies = Operation { time: death, births: 0, reborn: 0, ..born };
    if death == NEVER {
        return;
    }
    let at_once = after.filter(|after| *after > row && columns.birth.at(*after as usize) == birth);
    operations.push(match at_once {
        _ if death > birth => Operation { phase: Phase::OldDie, ..dies },
        Some(row) => Operation { row, ..dies },
        None => Operation { phase: Phase::NewDie, ..dies },
    });
}

/// The rows that a realloc made this one of, and made of it.
fn neighbours(columns: &Columns<'_>, row: u32) -> [Option<u32>; 2] {
    let Some(chain) = columns.chain_of(row) else { return [None, None] };
    let place = position(chain, row);
    [place.checked_sub(1), place.checked_add(1)]
        .map(|place| place.and_then(|place| chain.get(place).copied()))
}
