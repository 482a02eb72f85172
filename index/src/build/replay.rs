//! The heap of the program lived through once more, in order of time: totals, time buckets, and what each backtrace did.

use std::ops::Range;

use bytehound_store::{Column, SummaryWriter};

use super::history::History;
use super::observer::REPORT_EVERY;
use super::operations::Operation;
use super::prefetch::prefetch;
use super::steps::Steps;
use super::tallies::Tallies;
use super::tally::{Block, Tally};
use super::window::Window;
use crate::IndexError;
use crate::layout::NONE;
use crate::model::{Cell, TimeBucket};
use crate::summary_tables::{SPAN_BUCKETS, write_cells};

/// What a replay finds out.
pub(super) struct Replayed {
    pub(super) tallies: Tallies,
    pub(super) buckets: Vec<TimeBucket>,
    pub(super) peak_bytes: u64,
    /// When the peak was first reached; `None` when nothing was ever live.
    pub(super) peak_at_us: Option<u64>,
}

/// What is replayed.
pub(super) struct Source<'a> {
    pub(super) history: History<'a>,
    /// Number of every raw backtrace.
    pub(super) dense: &'a [u32],
    /// How many backtraces there are.
    pub(super) backtraces: u32,
    pub(super) bucket_width_us: u64,
}

/// Replays all operations. Cells go to `cells` span by span.
pub(super) fn replay(
    source: &Source<'_>,
    cells: &mut dyn SummaryWriter,
    steps: &Steps<'_>,
) -> Result<Replayed, IndexError> {
    let mut replay = Replay::new(source);
    let mut untold = 0;
    source.history.tell(|operations| {
        replay.take(operations, cells)?;
        untold += operations.len();
        if untold >= REPORT_EVERY {
            steps.advance(std::mem::take(&mut untold))?;
        }
        Ok(())
    })?;
    steps.advance(untold)?;
    replay.finish(cells)
}

/// The blocks of births, or those of deaths.
struct Blocks<'a> {
    size: Window<'a, u64>,
    extra: Window<'a, u32>,
    backtrace: Window<'a, u32>,
    dense: &'a [u32],
    /// The number of the one that comes next; `None` if they come in no order.
    next: Option<usize>,
    numbers: Vec<u32>,
}

impl<'a> Blocks<'a> {
    fn new(
        size: Column<'a, u64>,
        extra: Column<'a, u32>,
        backtrace: Column<'a, u32>,
        dense: &'a [u32],
        are_in_order: bool,
    ) -> Self {
        Self {
            size: Window::new(size),
            extra: Window::new(extra),
            backtrace: Window::new(backtrace),
            dense,
            next: are_in_order.then_some(0),
            numbers: Vec::new(),
        }
    }

    /// Those of all numbers but [`NONE`], in the place of `blocks`.
    fn read(&mut self, numbers: impl ExactSizeIterator<Item = u32>, blocks: &mut Vec<Block>) {
        match self.next {
            Some(start) => {
                let end = start + numbers.filter(|number| *number != NONE).count();
                self.next = Some(end);
                self.read_next(start..end, blocks);
            }
            None => self.read_each(numbers, blocks),
        }
    }

    fn read_next(&mut self, range: Range<usize>, blocks: &mut Vec<Block>) {
        let backtraces = self.backtrace.read(range.clone()).iter();
        let sizes = self.size.read(range.clone()).iter().zip(self.extra.read(range));
        blocks.clear();
        blocks.extend(sizes.zip(backtraces).map(|((&size, &extra), &backtrace)| Block {
            size,
            usable: size + u64::from(extra),
            backtrace: self.dense[backtrace as usize],
        }));
    }

    fn read_each(&mut self, numbers: impl ExactSizeIterator<Item = u32>, blocks: &mut Vec<Block>) {
        self.numbers.clear();
        self.numbers.resize(numbers.len(), NONE);
        let mut len = 0;
        for number in numbers {
            // Without a branch, since nobody can guess it: the next number overwrites what is none.
            self.numbers[len] = number;
            len += usize::from(number != NONE);
        }
        blocks.clear();
        for &number in &self.numbers[..len] {
            let at = number as usize;
            let size = self.size.get(at);
            let usable = size + u64::from(self.extra.get(at));
            blocks.push(Block { size, usable, backtrace: self.dense[self.backtrace.get(at) as usize] });
        }
    }
}

struct Replay<'a> {
    born: Blocks<'a>,
    dying: Blocks<'a>,
    /// Of the operations that are performed next.
    births: Vec<Block>,
    deaths: Vec<Block>,
    bucket_width_us: u64,
    tallies: Vec<Tally>,
    buckets: Vec<TimeBucket>,
    bucket: Option<TimeBucket>,
    /// When the current bucket begins and ends.
    bucket_us: Range<u64>,
    /// Number of the current span, from 1.
    span: u32,
    /// The sums before the current span, of the backtraces that did something in it.
    touched: Vec<Cell>,
    live_bytes: u64,
    live_count: u64,
    peak_bytes: u64,
    peak_at_us: Option<u64>,
    /// How often the peak was raised.
    peak_version: u32,
}

impl<'a> Replay<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        let (births, deaths) = (&source.history.rows.births, &source.history.rows.deaths);
        let is_in_order = source.history.sorted.is_none();
        let blocks = |size, extra, backtrace| Blocks::new(size, extra, backtrace, source.dense, is_in_order);
        Self {
            born: blocks(births.size.column(), births.extra.column(), births.backtrace.column()),
            dying: blocks(deaths.size.column(), deaths.extra.column(), deaths.backtrace.column()),
            births: Vec::new(),
            deaths: Vec::new(),
            bucket_width_us: source.bucket_width_us,
            tallies: vec![Tally::default(); source.backtraces as usize],
            buckets: Vec::new(),
            bucket: None,
            bucket_us: 0..0,
            span: 1,
            touched: Vec::new(),
            live_bytes: 0,
            live_count: 0,
            peak_bytes: 0,
            peak_at_us: None,
            peak_version: 0,
        }
    }

    fn take(&mut self, operations: &[Operation], cells: &mut dyn SummaryWriter) -> Result<(), IndexError> {
        let (mut births, mut deaths) = (std::mem::take(&mut self.births), std::mem::take(&mut self.deaths));
        self.born.read(operations.iter().map(|operation| operation.birth), &mut births);
        self.dying.read(operations.iter().map(|operation| operation.death), &mut deaths);
        // What is brought near at once comes together; each change would wait for itself.
        births.iter().chain(&deaths).for_each(|block| prefetch(&self.tallies[block.backtrace as usize]));
        let (mut born, mut dying) = (births.iter().copied(), deaths.iter().copied());
        for operation in operations {
            let time = operation.time;
            if !self.bucket_us.contains(&time) {
                self.enter_bucket(time, cells)?;
            }
            // Three copies of the same: each operation is guessed once.
            match (operation.death != NONE, operation.birth != NONE) {
                (true, false) => self.perform(time, dying.next(), None),
                (false, _) => self.perform(time, None, born.next()),
                (true, true) => self.perform(time, dying.next(), born.next()),
            }
        }
        (self.births, self.deaths) = (births, deaths);
        Ok(())
    }

    fn enter_bucket(&mut self, time: u64, cells: &mut dyn SummaryWriter) -> Result<(), IndexError> {
        let index = time / self.bucket_width_us;
        if self.bucket.is_some_and(|bucket| bucket.index / SPAN_BUCKETS != index / SPAN_BUCKETS) {
            self.end_span(cells)?;
        }
        self.end_bucket();
        self.bucket = Some(TimeBucket { index, ..TimeBucket::default() });
        let start = index * self.bucket_width_us;
        self.bucket_us = start..start.saturating_add(self.bucket_width_us);
        Ok(())
    }

    /// A realloc is one step: what counts as the peak is how it is after both the death and the birth.
    #[inline(always)]
    fn perform(&mut self, time: u64, dies: Option<Block>, is_born: Option<Block>) {
        let bucket = self.bucket.get_or_insert_default();
        if let Some(block) = dies {
            bucket.freed_count += 1;
            bucket.freed_bytes += block.size;
            self.live_bytes -= block.size;
            self.live_count -= 1;
        }
        if let Some(block) = is_born {
            bucket.allocated_count += 1;
            bucket.allocated_bytes += block.size;
            self.live_bytes += block.size;
            self.live_count += 1;
        }
        bucket.reallocated_count += u64::from(dies.is_some() && is_born.is_some());
        bucket.live_bytes_max = bucket.live_bytes_max.max(self.live_bytes);
        bucket.live_count_max = bucket.live_count_max.max(self.live_count);
        if let Some(block) = dies {
            self.tally(block.backtrace).death(block);
        }
        if let Some(block) = is_born {
            self.tally(block.backtrace).birth(block, time);
        }
        if self.live_bytes > self.peak_bytes {
            self.peak_bytes = self.live_bytes;
            self.peak_at_us = Some(time);
            self.peak_version += 1;
        }
    }

    /// The tally of a backtrace, ready for a change.
    #[inline]
    fn tally(&mut self, backtrace: u32) -> &mut Tally {
        let tally = &mut self.tallies[backtrace as usize];
        tally.settle_peak(self.peak_version);
        if tally.enter(self.span) {
            self.touched.push(tally.sums(backtrace));
        }
        tally
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
        self.touched.sort_unstable_by_key(|cell| cell.backtrace);
        for cell in &mut self.touched {
            let sums = self.tallies[cell.backtrace as usize].sums(cell.backtrace);
            *cell = Cell {
                backtrace: cell.backtrace,
                allocated_count: sums.allocated_count - cell.allocated_count,
                allocated_bytes: sums.allocated_bytes - cell.allocated_bytes,
                freed_count: sums.freed_count - cell.freed_count,
                freed_bytes: sums.freed_bytes - cell.freed_bytes,
            };
        }
        write_cells(cells, bucket.index / SPAN_BUCKETS, &self.touched)?;
        self.touched.clear();
        self.span += 1;
        Ok(())
    }

    fn finish(mut self, cells: &mut dyn SummaryWriter) -> Result<Replayed, IndexError> {
        self.end_span(cells)?;
        self.end_bucket();
        Ok(Replayed {
            tallies: Tallies::new(self.tallies, self.peak_version),
            buckets: self.buckets,
            peak_bytes: self.peak_bytes,
            peak_at_us: self.peak_at_us,
        })
    }
}
