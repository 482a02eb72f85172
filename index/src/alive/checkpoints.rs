//! What was alive at some moments, so that a question about another one need not begin with the first cell.

use super::Alive;
use super::balance::Balance;
use crate::model::Cell;

/// So many cells are read again in less than a millisecond.
const CELLS_BETWEEN: usize = 1 << 13;
/// What the checkpoints of one profile may take.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Made by passing all spans in order, once.
pub(super) struct Checkpoints {
    backtraces: u32,
    /// Those in which something happened, ascending.
    spans: Vec<u64>,
    kept: Vec<Checkpoint>,
    /// What is alive after the last span that was passed.
    now: Balance,
    cells_since: usize,
    cells_between: usize,
    kept_bytes_max: usize,
}

struct Checkpoint {
    /// How many of the spans are over.
    spans: usize,
    alive: Box<[Alive]>,
}

impl Checkpoints {
    pub(super) fn new(backtraces: u32) -> Self {
        Self::with_limits(backtraces, CELLS_BETWEEN, KEPT_BYTES_MAX)
    }

    fn with_limits(backtraces: u32, cells_between: usize, kept_bytes_max: usize) -> Self {
        Self {
            backtraces,
            spans: Vec::new(),
            kept: Vec::new(),
            now: Balance::nothing(backtraces),
            cells_since: 0,
            cells_between,
            kept_bytes_max,
        }
    }

    /// Lives through the next span.
    pub(super) fn pass(&mut self, span: u64, cells: &[Cell]) {
        self.spans.push(span);
        self.now.apply(cells);
        self.cells_since += cells.len();
        if self.cells_since >= self.cells_between {
            self.keep();
        }
    }

    /// What was alive at the last checkpoint before `span`, and the spans between them.
    pub(super) fn before(&self, span: u64) -> (Balance, &[u64]) {
        let over = self.spans.partition_point(|passed| *passed < span);
        match self.kept[..self.kept.partition_point(|kept| kept.spans <= over)].last() {
            Some(kept) => (Balance::of(self.backtraces, &kept.alive), &self.spans[kept.spans..over]),
            None => (Balance::nothing(self.backtraces), &self.spans[..over]),
        }
    }

    fn keep(&mut self) {
        self.cells_since = 0;
        self.kept.push(Checkpoint { spans: self.spans.len(), alive: self.now.alive().collect() });
        if self.kept_bytes() > self.kept_bytes_max {
            self.keep_every_second();
        }
    }

    fn keep_every_second(&mut self) {
        self.cells_between *= 2;
        let mut number = 0;
        self.kept.retain(|_| {
            number += 1;
            number % 2 == 0
        });
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.iter().map(|kept| size_of_val(&*kept.alive)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Balance, Checkpoints};
    use crate::Alive;
    use crate::model::Cell;

    const BACKTRACES: u32 = 40;

    /// Every span, three apart, has a birth at half of the backtraces and the death of what is older than ten.
    fn cells(number: u64) -> Vec<Cell> {
        let births = (0..BACKTRACES).filter(|backtrace| u64::from(backtrace % 2) == number % 2);
        let freed = u64::from(number >= 10);
        let cell = |backtrace| Cell {
            backtrace,
            allocated_count: 1,
            allocated_bytes: number,
            freed_count: freed,
            freed_bytes: freed * number.saturating_sub(10),
        };
        births.map(cell).collect()
    }

    fn passed(spans: u64, cells_between: usize, kept_bytes_max: usize) -> Checkpoints {
        let mut checkpoints = Checkpoints::with_limits(BACKTRACES, cells_between, kept_bytes_max);
        (0..spans).for_each(|number| checkpoints.pass(number * 3, &cells(number)));
        checkpoints
    }

    #[test]
    fn from_every_checkpoint_the_same_sums_are_reached() {
        let checkpoints = passed(50, 100, usize::MAX);
        assert_eq!(checkpoints.kept.len(), 10);
        for span in 0..160 {
            let (mut balance, rest) = checkpoints.before(span);
            assert!(rest.len() < 5, "{} spans after the last checkpoint", rest.len());
            rest.iter().for_each(|span| balance.apply(&cells(span / 3)));
            let mut expected = Balance::nothing(BACKTRACES);
            (0..50).filter(|number| number * 3 < span).for_each(|number| expected.apply(&cells(number)));
            assert!(balance.alive().eq(expected.alive()), "before {span}");
        }
    }

    #[test]
    fn checkpoints_stay_within_their_memory_and_evenly_apart() {
        let one = BACKTRACES as usize * size_of::<Alive>();
        let checkpoints = passed(1_000, 20, 10 * one);
        assert!(checkpoints.kept_bytes() <= 10 * one);
        let distances: Vec<usize> =
            checkpoints.kept.windows(2).map(|pair| pair[1].spans - pair[0].spans).collect();
        assert!(distances.len() >= 4 && distances.iter().all(|distance| *distance <= 256), "{distances:?}");
    }

    #[test]
    fn what_fits_in_no_checkpoint_is_summed_up_from_the_beginning() {
        let checkpoints = passed(50, 20, 0);
        assert!(checkpoints.kept.is_empty());
        assert_eq!(checkpoints.before(60).1.len(), 20);
    }
}
