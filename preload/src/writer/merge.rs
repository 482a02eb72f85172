//! Many rings to one order: by stamp.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Tick;

/// A sequence of records whose ticks never go back.
pub(super) trait Source {
    /// The tick of the next record.
    fn tick(&self) -> Option<Tick>;
}

/// Merges sources; kept from one time to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Merge {
    waiting: BinaryHeap<Reverse<(Tick, usize)>>,
}

impl Merge {
    /// Calls `take` with the source that has the earliest next record, again and again, until none is before
    /// `end`. `take` has to take that record.
    pub(super) fn run<S: Source>(&mut self, sources: &mut [S], end: Tick, mut take: impl FnMut(&mut S)) {
        let ready = |source: &S| source.tick().filter(|&tick| tick < end);
        for (index, source) in sources.iter().enumerate() {
            self.waiting.extend(ready(source).map(|tick| Reverse((tick, index))));
        }
        while let Some(Reverse((_, index))) = self.waiting.pop() {
            let Some(source) = sources.get_mut(index) else { continue };
            // Stay with this source as long as no other has an earlier record.
            let limit = self.waiting.peek().map_or(end, |Reverse((tick, _))| *tick);
            let next = loop {
                take(source);
                match ready(source) {
                    Some(tick) if tick <= limit => {}
                    next => break next,
                }
            };
            self.waiting.extend(next.map(|tick| Reverse((tick, index))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    impl Source for VecDeque<u64> {
        fn tick(&self) -> Option<Tick> {
            self.front().copied().map(Tick)
        }
    }

    fn merged(sources: &[&[u64]], end: u64) -> (Vec<u64>, usize) {
        let mut sources: Vec<VecDeque<u64>> =
            sources.iter().map(|ticks| ticks.iter().copied().collect()).collect();
        let mut taken = Vec::new();
        Merge::default().run(&mut sources, Tick(end), |source| taken.extend(source.pop_front()));
        (taken, sources.iter().map(VecDeque::len).sum())
    }

    #[test]
    fn records_come_out_by_tick() {
        let (taken, left) = merged(&[&[1, 4, 5, 9], &[2, 3, 10], &[], &[6]], 100);
        assert_eq!(taken, [1, 2, 3, 4, 5, 6, 9, 10]);
        assert_eq!(left, 0);
    }

    #[test]
    fn what_is_not_before_the_end_stays() {
        let (taken, left) = merged(&[&[1, 7, 8], &[2, 9]], 8);
        assert_eq!(taken, [1, 2, 7]);
        assert_eq!(left, 2);
    }
}
