//! Ends of rows that come after their blocks were closed.
//!
//! What comes is gathered, and sorted by blocks whenever there is much of it: a block then finds its part in each of these
//! runs.

use std::ops::Range;

use bytehound_store::{Column, Number, Scratch};

use super::ends::End;
use super::lists::{Lists, lists};
use crate::IndexError;
use crate::layout::BLOCK_ROWS;

lists!(
    /// An [`End`].
    Late,
    /// Ends that are sorted already.
    Sorted,
    /// All ends.
    FinishedSorted,
    { time: u64, row: u32, backtrace: u32, thread: u32, link: u32 }
);

/// Ends that are sorted together (6 MiB, and as much again while they are).
const RUN: usize = 1 << 18;

/// Ends so far.
pub(super) struct LateEnds {
    pending: Vec<Late>,
    run: Vec<Late>,
    sorted: Sorted,
    len: usize,
    runs: Vec<Run>,
}

/// Ends that were sorted together.
#[derive(Debug)]
struct Run {
    /// Each block that has some, and where they begin.
    starts: Vec<(u32, usize)>,
    end: usize,
}

/// All ends.
pub(super) struct FinishedLateEnds {
    ends: FinishedSorted,
    runs: Vec<Run>,
}

impl LateEnds {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            pending: Vec::new(),
            run: Vec::new(),
            sorted: Sorted::new(scratch)?,
            len: 0,
            runs: Vec::new(),
        })
    }

    pub(super) fn push(&mut self, End { row, fate }: End) -> Result<(), IndexError> {
        let (backtrace, thread) = (fate.backtrace, fate.thread);
        self.pending.push(Late { time: fate.time, row, backtrace, thread, link: fate.link });
        if self.pending.len() < RUN { Ok(()) } else { self.write_run() }
    }

    pub(super) fn finish(mut self) -> Result<FinishedLateEnds, IndexError> {
        self.write_run()?;
        Ok(FinishedLateEnds { ends: self.sorted.finish()?, runs: self.runs })
    }

    #[cold]
    fn write_run(&mut self) -> Result<(), IndexError> {
        let block = |end: &Late| end.row as usize / BLOCK_ROWS;
        let blocks = self.pending.iter().map(block).max().map_or(0, |last| last + 1);
        let mut places = vec![0; blocks];
        self.pending.iter().for_each(|end| places[block(end)] += 1);
        let (before, mut starts, mut sum) = (self.len, Vec::new(), 0);
        for (block, place) in (0..).zip(&mut places).filter(|(_, count)| **count > 0) {
            starts.push((block, before + sum));
            sum += std::mem::replace(place, sum);
        }
        let Some(&any) = self.pending.first() else { return Ok(()) };
        self.run.resize(self.pending.len(), any);
        for end in self.pending.drain(..) {
            let place = &mut places[block(&end)];
            self.run[*place] = end;
            *place += 1;
        }
        self.len += self.run.len();
        self.runs.push(Run { starts, end: self.len });
        self.sorted.append(&self.run)
    }
}

impl FinishedLateEnds {
    /// Whether a row of the block has one.
    pub(super) fn has(&self, block: usize) -> bool {
        self.runs.iter().any(|run| run.place(block).is_some())
    }

    /// Visits the ends of the rows of one block, in the order in which they came.
    pub(super) fn of_block(&self, block: usize, visit: impl FnMut(&Late)) {
        let range = |run: &Run| {
            let at = run.place(block)?;
            let end = run.starts.get(at + 1).map_or(run.end, |(_, next)| *next);
            Some(run.starts[at].1..end)
        };
        self.ends.read(self.runs.iter().filter_map(range), visit);
    }
}

impl Run {
    fn place(&self, block: usize) -> Option<usize> {
        self.starts.binary_search_by_key(&block, |(block, _)| *block as usize).ok()
    }
}

impl FinishedSorted {
    fn read(&self, ranges: impl Iterator<Item = Range<usize>>, mut visit: impl FnMut(&Late)) {
        let (mut time, mut row, mut backtrace, mut thread, mut link) = Default::default();
        for range in ranges {
            copy(self.time.column(), &range, &mut time);
            copy(self.row.column(), &range, &mut row);
            copy(self.backtrace.column(), &range, &mut backtrace);
            copy(self.thread.column(), &range, &mut thread);
            copy(self.link.column(), &range, &mut link);
            for at in 0..range.len() {
                visit(&Late {
                    time: time[at],
                    row: row[at],
                    backtrace: backtrace[at],
                    thread: thread[at],
                    link: link[at],
                });
            }
        }
    }
}

fn copy<T: Number>(column: Column<'_, T>, range: &Range<usize>, values: &mut Vec<T>) {
    column.copy_to(range.clone(), values);
}
