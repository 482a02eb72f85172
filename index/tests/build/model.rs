//! The heap as a child would keep it: a map of live blocks, a list of rows, and every question answered by going over
//! all of it again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytehound_format::AllocationId;
use bytehound_index::layout::{NEVER, flags};
use bytehound_index::{BacktraceSummary, Cell, TimeBucket};

use crate::capture::{Capture, EPOCH_US, START, block};

/// One event. Blocks are known by id, or by pointer when the id is 0.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Alloc { id: u64, pointer: u64, size: u64, backtrace: u64 },
    Realloc { id: u64, old_pointer: u64, pointer: u64, size: u64, backtrace: u64 },
    Free { id: u64, pointer: u64 },
}

/// An event and its monotonic time.
pub(crate) type Timed = (u64, Happening);

/// Backtraces that [`capture_of`] defines: 1 to this.
pub(crate) const BACKTRACES: u64 = 4;

pub(crate) fn capture_of(happenings: &[Timed]) -> Vec<u8> {
    let mut capture = Capture::new();
    for id in 1..=BACKTRACES {
        capture.backtrace(id, &[id * 0x1000, 0x10]);
    }
    for (time, happening) in happenings {
        match *happening {
            Happening::Alloc { id, pointer, size, backtrace } => {
                capture.alloc(allocation_id(id), *time, block(pointer, size, backtrace))
            }
            Happening::Realloc { id, old_pointer, pointer, size, backtrace } => {
                capture.realloc(allocation_id(id), *time, old_pointer, block(pointer, size, backtrace))
            }
            Happening::Free { id, pointer } => capture.free(allocation_id(id), *time, pointer),
        };
    }
    capture.finish()
}

fn allocation_id(id: u64) -> AllocationId {
    if id == 0 { AllocationId::UNTRACKED } else { AllocationId { thread: id % 3, allocation: id } }
}

#[derive(Clone, Debug)]
pub(crate) struct ModelRow {
    pub(crate) birth: u64,
    pub(crate) death: u64,
    pub(crate) size: u64,
    pub(crate) address: u64,
    pub(crate) backtrace: u32,
    pub(crate) flags: u8,
    from: Option<usize>,
}

impl ModelRow {
    fn usable(&self) -> u64 {
        self.size + 8
    }
}

/// At this time this row is born, this one dies, or both at once.
#[derive(Clone, Copy, Debug)]
struct Step {
    time: u64,
    born: Option<usize>,
    died: Option<usize>,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) rows: Vec<ModelRow>,
    steps: Vec<Step>,
    live: HashMap<(bool, u64), usize>,
    end: u64,
    deviations: Deviations,
}

/// How often the events were not as they should be.
#[derive(Default)]
struct Deviations {
    missed_frees: u64,
    duplicate_ids: u64,
    unknown_frees: u64,
    unknown_reallocs: u64,
    older_blocks: u64,
    early_deaths: u64,
}

fn key(id: u64, pointer: u64) -> (bool, u64) {
    if id == 0 { (false, pointer) } else { (true, id) }
}

impl Model {
    pub(crate) fn of(happenings: &[Timed]) -> Self {
        let mut model = Self { end: EPOCH_US + START, ..Self::default() };
        for (time, happening) in happenings {
            let time = EPOCH_US + time;
            model.end = model.end.max(time);
            model.happen(time, happening);
        }
        model.steps.sort_by_key(|step| step.time);
        model
    }

    fn happen(&mut self, time: u64, happening: &Happening) {
        match *happening {
            Happening::Alloc { id, pointer, size, backtrace } => {
                if id == 0 || !self.live.contains_key(&key(id, pointer)) {
                    self.birth(time, key(id, pointer), pointer, size, backtrace, None);
                } else {
                    self.deviations.duplicate_ids += 1;
                }
            }
            Happening::Realloc { id, old_pointer, pointer, size, backtrace } => {
                match self.live.remove(&key(id, old_pointer)) {
                    Some(old) => {
                        let time = self.end_row(old, time);
                        self.rows[old].flags = flags::REALLOCATED;
                        self.birth(time, key(id, pointer), pointer, size, backtrace, Some(old));
                    }
                    None if id == 0 => {
                        self.deviations.older_blocks += 1;
                        self.birth(time, key(id, pointer), pointer, size, backtrace, None);
                    }
                    None => self.deviations.unknown_reallocs += 1,
                }
            }
            Happening::Free { id, pointer } => match self.live.remove(&key(id, pointer)) {
                Some(row) => self.death(row, time),
                None => self.deviations.unknown_frees += 1,
            },
        }
    }

    fn birth(
        &mut self,
        time: u64,
        key: (bool, u64),
        address: u64,
        size: u64,
        backtrace: u64,
        from: Option<usize>,
    ) {
        let row = self.rows.len();
        let backtrace = backtrace as u32 - 1;
        self.rows.push(ModelRow { birth: time, death: NEVER, size, address, backtrace, flags: 0, from });
        if let Some(unseen) = self.live.insert(key, row) {
            self.deviations.missed_frees += 1;
            self.death(unseen, time);
        }
        self.steps.push(Step { time, born: Some(row), died: from });
    }

    fn death(&mut self, row: usize, time: u64) {
        let time = self.end_row(row, time);
        self.steps.push(Step { time, born: None, died: Some(row) });
    }

    fn end_row(&mut self, row: usize, time: u64) -> u64 {
        self.deviations.early_deaths += u64::from(time < self.rows[row].birth);
        self.rows[row].death = time.max(self.rows[row].birth);
        self.rows[row].death
    }

    /// What a profile says of the deviations.
    pub(crate) fn defects(&self) -> Vec<String> {
        let Deviations {
            missed_frees,
            duplicate_ids,
            unknown_frees,
            unknown_reallocs,
            older_blocks,
            early_deaths,
        } = self.deviations;
        let counted = [
            (missed_frees, "allocations at the address of a live block: that block counts as freed then"),
            (duplicate_ids, "allocations with the id of a live block were left out"),
            (unknown_frees, "frees of blocks that were never seen allocated were left out"),
            (unknown_reallocs, "reallocs of blocks that were never seen allocated were left out"),
            (older_blocks, "reallocs of blocks that were never seen allocated count as allocations"),
            (early_deaths, "frees stamped before the birth of their block were moved to that moment"),
        ];
        let told = counted.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{count} {what}")).collect()
    }

    /// Row ids by (birth, id).
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|&row| (self.rows[row].birth, row));
        order
    }

    /// Ids of the rows of every chain, in order of the chains' second rows.
    pub(crate) fn chains(&self) -> Vec<Vec<u32>> {
        let mut chains: Vec<Vec<u32>> = Vec::new();
        for (row, from) in self.rows.iter().enumerate().filter_map(|(row, model)| Some((row, model.from?))) {
            match chains.iter_mut().find(|chain| chain.last() == Some(&(from as u32))) {
                Some(chain) => chain.push(row as u32),
                None => chains.push(vec![from as u32, row as u32]),
            }
        }
        chains
    }

    pub(crate) fn bucket_width(&self) -> u64 {
        ((self.end - EPOCH_US - START) / 1000).max(1)
    }

    /// Rows that are live after each step.
    fn live_after(&self) -> Vec<BTreeSet<usize>> {
        let mut live = BTreeSet::new();
        let after = self.steps.iter().map(|step| {
            step.died.map(|row| live.remove(&row));
            live.extend(step.born);
            live.clone()
        });
        after.collect()
    }

    /// Index of the step after which most bytes are live, the first of them.
    fn peak_step(&self) -> Option<usize> {
        let live = self.live_after();
        let bytes = |step: &usize| self.bytes(&live[*step]);
        (0..live.len())
            .filter(|step| bytes(step) > 0)
            .min_by_key(|step| (std::cmp::Reverse(bytes(step)), *step))
    }

    fn bytes(&self, rows: &BTreeSet<usize>) -> u64 {
        rows.iter().map(|&row| self.rows[row].size).sum()
    }

    pub(crate) fn peak(&self) -> (u64, u64) {
        let at = |step: usize| (self.bytes(&self.live_after()[step]), self.steps[step].time);
        self.peak_step().map_or((0, EPOCH_US + START), at)
    }

    pub(crate) fn summary(&self, backtrace: u32) -> BacktraceSummary {
        let rows: Vec<&ModelRow> = self.rows.iter().filter(|row| row.backtrace == backtrace).collect();
        let freed: Vec<&&ModelRow> = rows.iter().filter(|row| row.death != NEVER).collect();
        let live = self.live_after();
        let mine = |step: usize| {
            live[step].iter().map(|&row| &self.rows[row]).filter(|row| row.backtrace == backtrace)
        };
        let usable = |step: usize| mine(step).map(ModelRow::usable).sum::<u64>();
        let own_peak = (0..live.len()).map(usable).max().unwrap_or(0);
        let first_reached = (0..live.len()).find(|&step| own_peak > 0 && usable(step) == own_peak);
        let first_us = rows.iter().map(|row| row.birth).min().unwrap_or(0);
        let last_us = rows.iter().map(|row| row.birth).max().unwrap_or(0);
        let allocated_bytes = rows.iter().map(|row| row.size).sum();
        let freed_bytes = freed.iter().map(|row| row.size).sum();
        BacktraceSummary {
            rows: rows.len() as u64,
            allocated_count: rows.len() as u64,
            allocated_bytes,
            freed_count: freed.len() as u64,
            freed_bytes,
            leaked_count: (rows.len() - freed.len()) as u64,
            leaked_bytes: allocated_bytes - freed_bytes,
            usable_bytes: rows.iter().map(|row| row.usable()).sum(),
            min_usable: rows.iter().map(|row| row.usable()).min().unwrap_or(0),
            max_usable: rows.iter().map(|row| row.usable()).max().unwrap_or(0),
            min_size: rows.iter().map(|row| row.size).min().unwrap_or(0),
            max_size: rows.iter().map(|row| row.size).max().unwrap_or(0),
            first_us,
            last_us,
            first_row_us: first_us,
            last_row_us: last_us,
            own_peak_usable: own_peak,
            own_peak_at_us: first_reached.map_or(0, |step| self.steps[step].time),
            peak_bytes: self.peak_step().map_or(0, |step| mine(step).map(|row| row.size).sum()),
        }
    }

    pub(crate) fn buckets(&self) -> Vec<TimeBucket> {
        let live = self.live_after();
        let mut buckets: BTreeMap<u64, TimeBucket> = BTreeMap::new();
        for (step, live) in self.steps.iter().zip(&live) {
            let index = step.time / self.bucket_width();
            let bucket =
                buckets.entry(index).or_insert_with(|| TimeBucket { index, ..TimeBucket::default() });
            let (born, died) = (step.born.map(|row| &self.rows[row]), step.died.map(|row| &self.rows[row]));
            bucket.allocated_count += born.map_or(0, |_| 1);
            bucket.allocated_bytes += born.map_or(0, |row| row.size);
            bucket.freed_count += died.map_or(0, |_| 1);
            bucket.freed_bytes += died.map_or(0, |row| row.size);
            bucket.reallocated_count += u64::from(born.is_some() && died.is_some());
            bucket.live_bytes_end = self.bytes(live);
            bucket.live_bytes_max = bucket.live_bytes_max.max(bucket.live_bytes_end);
            bucket.live_count_end = live.len() as u64;
            bucket.live_count_max = bucket.live_count_max.max(bucket.live_count_end);
        }
        buckets.into_values().collect()
    }

    /// By span of 64 buckets, and backtrace.
    pub(crate) fn cells(&self) -> Vec<(u64, Cell)> {
        let mut cells: BTreeMap<(u64, u32), Cell> = BTreeMap::new();
        for step in &self.steps {
            let span = step.time / self.bucket_width() / 64;
            let mut cell_of = |row: &ModelRow, change: fn(&mut Cell, u64)| {
                let backtrace = row.backtrace;
                let new = Cell { backtrace, ..Cell::default() };
                change(cells.entry((span, backtrace)).or_insert(new), row.size);
            };
            if let Some(row) = step.born {
                cell_of(&self.rows[row], |cell, size| {
                    cell.allocated_count += 1;
                    cell.allocated_bytes += size;
                });
            }
            if let Some(row) = step.died {
                cell_of(&self.rows[row], |cell, size| {
                    cell.freed_count += 1;
                    cell.freed_bytes += size;
                });
            }
        }
        cells.into_iter().map(|((span, _), cell)| (span, cell)).collect()
    }
}
