//! One pass over births and deaths in order of time. Births are in order already; deaths wait in a heap that never holds
//! more than what is live.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::{Grid, Timeline};
use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::{NEVER, flags};
use crate::model::{Row, TimeBucket};
use crate::row_set::{block_len, first_row};
use crate::{Cancel, IndexError, RowSet};

/// The timeline of `rows`.
pub(super) fn sweep(
    columns: &Columns<'_>,
    rows: &RowSet,
    grid: Grid,
    cancel: &Cancel,
) -> Result<Timeline, IndexError> {
    let reallocs = Reallocs::among(columns, rows);
    let mut sweep = Sweep {
        columns,
        grid,
        reallocs,
        deaths: BinaryHeap::new(),
        live: Live::default(),
        start: Live::default(),
        points: Vec::new(),
    };
    for index in 0..rows.block_count() {
        cancel.check()?;
        rows.block(index)
            .visit(block_len(rows.universe(), index), |offset| sweep.row(first_row(index) + offset));
    }
    Ok(sweep.finish())
}

/// When an operation happens, in the order that [`Timeline`] documents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: u64,
    phase: Phase,
    /// The row that is born, or dies; for a realloc within one µs the row that it makes.
    row: u32,
    is_birth: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    DeathsOfOlder,
    Births,
    DeathsOfNew,
}

/// When a row born at `birth` dies. Clocks of threads may disagree: what died before it was born dies right after.
fn death(columns: &Columns<'_>, reallocs: &Reallocs, birth: Moment) -> Option<Moment> {
    let death = columns.death.at(birth.row as usize);
    if death == NEVER {
        return None;
    }
    if death > birth.at {
        return Some(Moment { at: death, phase: Phase::DeathsOfOlder, row: birth.row, is_birth: false });
    }
    Some(match reallocs.at_once.get(&birth.row) {
        Some(successor) => Moment { row: *successor, is_birth: false, ..birth },
        None => Moment { phase: Phase::DeathsOfNew, is_birth: false, ..birth },
    })
}

/// Reallocs of which both rows are asked for.
struct Reallocs {
    /// Rows that came out of one.
    reborn: BitSet,
    /// From a row that was reallocated in the µs of its birth to the row it became.
    at_once: FxHashMap<u32, u32>,
}

impl Reallocs {
    fn among(columns: &Columns<'_>, rows: &RowSet) -> Self {
        let bound = if columns.chain_count() == 0 { 0 } else { columns.row_count() as usize };
        let mut reallocs = Self { reborn: BitSet::empty(bound), at_once: FxHashMap::default() };
        let pairs = (0..columns.chain_count()).flat_map(|chain| columns.chain(chain).windows(2));
        for pair in pairs.filter(|pair| pair.iter().all(|row| rows.contains(Row(*row)))) {
            let (old, new) = (pair[0], pair[1]);
            if columns.flags.at(old as usize) & flags::REALLOCATED == 0 {
                continue;
            }
            reallocs.reborn.insert(new as usize);
            let births = [old, new].map(|row| columns.birth.at(row as usize));
            if births[0] == births[1] && new > old {
                reallocs.at_once.insert(old, new);
            }
        }
        reallocs
    }
}

#[derive(Clone, Copy, Default)]
struct Live {
    bytes: u64,
    count: u64,
}

struct Sweep<'a> {
    columns: &'a Columns<'a>,
    grid: Grid,
    reallocs: Reallocs,
    /// When live rows die.
    deaths: BinaryHeap<Reverse<(Moment, Row)>>,
    live: Live,
    start: Live,
    points: Vec<TimeBucket>,
}

impl Sweep<'_> {
    /// Takes the next row: everything that dies before it is born dies now.
    fn row(&mut self, row: u32) {
        let at = self.columns.birth.at(row as usize);
        if at > self.grid.end_us {
            return;
        }
        let birth = Moment { at, phase: Phase::Births, row, is_birth: true };
        while let Some(Reverse((death, row))) = self.next_death().filter(|Reverse((death, _))| *death < birth)
        {
            self.deaths.pop();
            self.die(death, row);
        }
        self.be_born(birth, self.reallocs.reborn.contains(row as usize));
        let death = death(self.columns, &self.reallocs, birth).filter(|death| death.at <= self.grid.end_us);
        self.deaths.extend(death.map(|death| Reverse((death, Row(row)))));
    }

    fn next_death(&self) -> Option<Reverse<(Moment, Row)>> {
        self.deaths.peek().copied()
    }

    // Sums of bytes wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴, and the rest stays right.
    fn be_born(&mut self, birth: Moment, is_realloc: bool) {
        let size = self.columns.size.at(birth.row as usize);
        self.live.bytes = self.live.bytes.wrapping_add(size);
        self.live.count += 1;
        self.record(birth.at, |point| {
            point.allocated_count += 1;
            point.allocated_bytes = point.allocated_bytes.wrapping_add(size);
            point.reallocated_count += u64::from(is_realloc);
        });
    }

    fn die(&mut self, death: Moment, row: Row) {
        let size = self.columns.size.at(row.0 as usize);
        self.live.bytes = self.live.bytes.wrapping_sub(size);
        self.live.count -= 1;
        self.record(death.at, |point| {
            point.freed_count += 1;
            point.freed_bytes = point.freed_bytes.wrapping_add(size);
        });
    }

    fn record(&mut self, at: u64, change: impl FnOnce(&mut TimeBucket)) {
        if at < self.grid.start_us {
            self.start = self.live;
            return;
        }
        let index = self.grid.bucket(at);
        if self.points.last().is_none_or(|point| point.index != index) {
            self.points.push(TimeBucket { index, ..TimeBucket::default() });
        }
        if let Some(point) = self.points.last_mut() {
            change(point);
            point.live_bytes_end = self.live.bytes;
            point.live_bytes_max = point.live_bytes_max.max(self.live.bytes);
            point.live_count_end = self.live.count;
            point.live_count_max = point.live_count_max.max(self.live.count);
        }
    }

    fn finish(mut self) -> Timeline {
        while let Some(Reverse((death, row))) = self.deaths.pop() {
            self.die(death, row);
        }
        Timeline {
            grid: self.grid,
            live_bytes_start: self.start.bytes,
            live_count_start: self.start.count,
            points: self.points,
        }
    }
}
