//! The heap of the program lived through once more, in order of time: totals, time buckets, and what each backtrace did.

use bytehound_store::{Column, SummaryWriter};

use super::chronicle::Chronicler;
use super::observer::REPORT_EVERY;
use super::operations::Operation;
use super::rows::FinishedRows;
use super::steps::Steps;
use super::window::Window;
use crate::IndexError;
use crate::layout::NONE;
use crate::model::{BacktraceSummary, Cell, TimeBucket};
use crate::summary_tables::{SPAN_BUCKETS, write_cells};

/// What a replay finds out.
pub(super) struct Replayed {
    pub(super) summaries: Vec<BacktraceSummary>,
    pub(super) buckets: Vec<TimeBucket>,
    pub(super) peak_bytes: u64,
    /// When the peak was first reached; `None` when nothing was ever live.
    pub(super) peak_at_us: Option<u64>,
}

/// Replays operations that are in order of time, and hands them on to the chronicle. Cells go to `cells` span by span.
pub(super) fn replay(
    source: &Source<'_>,
    operations: impl Iterator<Item = Operation>,
    chronicler: &mut Chronicler<'_>,
    cells: &mut dyn SummaryWriter,
    steps: &Steps<'_>,
) -> Result<Replayed, IndexError> {
    let mut replay = Replay::new(source);
    let mut untold = 0;
    for operation in operations {
        replay.enter_bucket(operation.time, cells)?;
        replay.perform(&operation);
        chronicler.take(&operation)?;
        untold += 1;
        if untold == REPORT_EVERY {
            steps.advance(untold)?;
            untold = 0;
        }
    }
    steps.advance(untold)?;
    replay.finish(cells)
}

/// What is replayed.
pub(super) struct Source<'a> {
    pub(super) rows: &'a FinishedRows,
    /// Number of every raw backtrace.
    pub(super) dense: &'a [u32],
    /// How many backtraces there are.
    pub(super) backtraces: u32,
    pub(super) bucket_width_us: u64,
}

/// A block as far as it counts here.
#[derive(Clone, Copy)]
struct Block {
    size: u64,
    usable: u64,
    backtrace: u32,
}

/// The blocks of births, or those of deaths.
struct Blocks<'a> {
    size: Window<'a, u64>,
    extra: Window<'a, u32>,
    backtrace: Window<'a, u32>,
    dense: &'a [u32],
}

impl<'a> Blocks<'a> {
    fn new(
        size: Column<'a, u64>,
        extra: Column<'a, u32>,
        backtrace: Column<'a, u32>,
        dense: &'a [u32],
    ) -> Self {
        Self { size: Window::new(size), extra: Window::new(extra), backtrace: Window::new(backtrace), dense }
    }

    #[inline]
    fn get(&mut self, number: u32) -> Block {
        let at = number as usize;
        let size = self.size.get(at);
        Block {
            size,
            usable: size + u64::from(self.extra.get(at)),
            backtrace: self.dense[self.backtrace.get(at) as usize],
        }
    }
}

struct Replay<'a> {
    born: Blocks<'a>,
    dying: Blocks<'a>,
    bucket_width_us: u64,
    tallies: Vec<Tally>,
    buckets: Vec<TimeBucket>,
    bucket: Option<TimeBucket>,
    /// Backtraces with something in the cell of the current span.
    touched: Vec<u32>,
    live_bytes: u64,
    live_count: u64,
    peak_bytes: u64,
    peak_at_us: Option<u64>,
    /// How often the peak was raised.
    peak_version: u64,
}

/// One backtrace at this moment.
#[derive(Clone, Default)]
struct Tally {
    summary: BacktraceSummary,
    cell: Cell,
    live_bytes: u64,
    live_usable: u64,
    /// Of which peak `summary.peak_bytes` tells the share. When an older one is meant, nothing has changed here
    /// since the newest peak, and the share is what is live.
    peak_version: u64,
}

impl Tally {
    /// To be called before a change.
    fn settle_peak(&mut self, peak_version: u64) {
        if self.peak_version != peak_version {
            self.peak_version = peak_version;
            self.summary.peak_bytes = self.live_bytes;
        }
    }

    fn birth(&mut self, Block { size, usable, .. }: Block, time: u64) {
        let summary = &mut self.summary;
        if summary.rows == 0 {
            summary.min_size = size;
            summary.min_usable = usable;
            summary.first_us = time;
            summary.first_row_us = time;
            summary.own_peak_at_us = time;
        }
        summary.rows += 1;
        summary.allocated_count += 1;
        summary.allocated_bytes += size;
        summary.usable_bytes += usable;
        summary.min_size = summary.min_size.min(size);
        summary.max_size = summary.max_size.max(size);
        summary.min_usable = summary.min_usable.min(usable);
        summary.max_usable = summary.max_usable.max(usable);
        summary.last_us = time;
        summary.last_row_us = time;
        self.cell.allocated_count += 1;
        self.cell.allocated_bytes += size;
        self.live_bytes += size;
        self.live_usable += usable;
        if self.live_usable > summary.own_peak_usable {
            summary.own_peak_usable = self.live_usable;
            summary.own_peak_at_us = time;
        }
    }

    fn death(&mut self, Block { size, usable, .. }: Block) {
        self.summary.freed_count += 1;
        self.summary.freed_bytes += size;
        self.cell.freed_count += 1;
        self.cell.freed_bytes += size;
        self.live_bytes -= size;
        self.live_usable -= usable;
    }

    fn is_idle(&self) -> bool {
        self.cell.allocated_count == 0 && self.cell.freed_count == 0
    }
}

impl<'a> Replay<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        let (births, deaths) = (&source.rows.births, &source.rows.deaths);
        let blocks = |size, extra, backtrace| Blocks::new(size, extra, backtrace, source.dense);
        Self {
            born: blocks(births.size.column(), births.extra.column(), births.backtrace.column()),
            dying: blocks(deaths.size.column(), deaths.extra.column(), deaths.backtrace.column()),
            bucket_width_us: source.bucket_width_us,
            tallies: vec![Tally::default(); source.backtraces as usize],
            buckets: Vec::new(),
            bucket: None,
            touched: Vec::new(),
            live_bytes: 0,
            live_count: 0,
            peak_bytes: 0,
            peak_at_us: None,
            peak_version: 0,
        }
    }

    fn enter_bucket(&mut self, time: u64, cells: &mut dyn SummaryWriter) -> Result<(), IndexError> {
        let index = time / self.bucket_width_us;
        match &self.bucket {
            Some(bucket) if bucket.index == index => return Ok(()),
            Some(bucket) if bucket.index / SPAN_BUCKETS != index / SPAN_BUCKETS => self.end_span(cells)?,
            _ => {}
        }
        self.end_bucket();
        self.bucket = Some(TimeBucket { index, ..TimeBucket::default() });
        Ok(())
    }

    /// A realloc is one step: what counts as the peak is how it is after both the death and the birth.
    fn perform(&mut self, operation: &Operation) {
        let (dies, is_born) = (operation.death != NONE, operation.birth != NONE);
        if dies {
            self.death(operation.death);
        }
        if is_born {
            self.birth(operation.birth, operation.time);
        }
        self.bucket_now().reallocated_count += u64::from(dies && is_born);
        let (live_bytes, live_count) = (self.live_bytes, self.live_count);
        let bucket = self.bucket_now();
        bucket.live_bytes_max = bucket.live_bytes_max.max(live_bytes);
        bucket.live_count_max = bucket.live_count_max.max(live_count);
        if live_bytes > self.peak_bytes {
            self.peak_bytes = live_bytes;
            self.peak_at_us = Some(operation.time);
            self.peak_version += 1;
        }
    }

    fn birth(&mut self, number: u32, time: u64) {
        let block = self.born.get(number);
        self.tally(block.backtrace).birth(block, time);
        self.live_bytes += block.size;
        self.live_count += 1;
        let bucket = self.bucket_now();
        bucket.allocated_count += 1;
        bucket.allocated_bytes += block.size;
    }

    fn death(&mut self, number: u32) {
        let block = self.dying.get(number);
        self.tally(block.backtrace).death(block);
        self.live_bytes -= block.size;
        self.live_count -= 1;
        let bucket = self.bucket_now();
        bucket.freed_count += 1;
        bucket.freed_bytes += block.size;
    }

    /// The tally of a backtrace, ready for a change.
    fn tally(&mut self, backtrace: u32) -> &mut Tally {
        let tally = &mut self.tallies[backtrace as usize];
        tally.settle_peak(self.peak_version);
        if tally.is_idle() {
            self.touched.push(backtrace);
        }
        tally
    }

    fn bucket_now(&mut self) -> &mut TimeBucket {
        self.bucket.get_or_insert_default()
    }

    fn end_bucket(&mut self) {
        if let Some(mut bucket) = self.bucket.take() {
            bucket.live_bytes_end = self.live_bytes;
            bucket.live_count_end = self.live_count;
            self.buckets.push(bucket);
        }
    }

    /// Writes the cells of the span that the current bucket is in.
    fn end_span(&mut self, cells: &mut dyn SummaryWriter) -> Result<(), IndexError> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        self.touched.sort_unstable();
        let taken = self.touched.drain(..).map(|backtrace| {
            let cell = std::mem::take(&mut self.tallies[backtrace as usize].cell);
            Cell { backtrace, ..cell }
        });
        let taken: Vec<Cell> = taken.collect();
        write_cells(cells, bucket.index / SPAN_BUCKETS, &taken)
    }

    fn finish(mut self, cells: &mut dyn SummaryWriter) -> Result<Replayed, IndexError> {
        self.end_span(cells)?;
        self.end_bucket();
        let peak_version = self.peak_version;
        let summary_of = |mut tally: Tally| {
            tally.settle_peak(peak_version);
            tally.summary.leaked_count = tally.summary.rows - tally.summary.freed_count;
            tally.summary.leaked_bytes = tally.summary.allocated_bytes - tally.summary.freed_bytes;
            tally.summary
        };
        Ok(Replayed {
            summaries: self.tallies.into_iter().map(summary_of).collect(),
            buckets: self.buckets,
            peak_bytes: self.peak_bytes,
            peak_at_us: self.peak_at_us,
        })
    }
}
