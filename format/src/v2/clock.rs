//! From ticks to microseconds: straight lines from one clock pair to the next.

use std::collections::VecDeque;
use std::ops::Range;

use super::marks::{ClockPair, Start};
use crate::event::Timestamp;

/// Binary places behind the point of a rate.
const POINT: u32 = 56;

/// Pairs that are kept, so that a file of nothing but marks does not fill the memory.
const LINES_MAX: usize = 4096;

/// From this tick on, time goes at this rate.
#[derive(Clone, Copy, Debug)]
struct Line {
    tick: u64,
    nanoseconds: u64,
    /// Microseconds of `nanoseconds`, with [`POINT`] binary places.
    base: u128,
    /// Microseconds a tick, with [`POINT`] binary places.
    rate: u64,
}

/// Converts the ticks of a file.
#[derive(Debug)]
pub(crate) struct Clock {
    lines: VecDeque<Line>,
    /// The line that was used last, and the ticks that lie on it.
    line: Line,
    ticks: Range<u64>,
}

impl Clock {
    pub(crate) fn new(start: &Start) -> Self {
        // Of a tick of unknown length the likeliest guess is a nanosecond.
        let nanoseconds = if start.rate == 0 { 1 << 32 } else { start.rate };
        let rate = (u128::from(nanoseconds) << (POINT - 32)).div_ceil(1000);
        let line = Line::new(start.pair, u64::try_from(rate).unwrap_or(u64::MAX));
        Self { lines: VecDeque::from([line]), line, ticks: 0..0 }
    }

    /// Takes a further pair: the line before it ends there. One that goes back in time is not believed.
    pub(crate) fn add(&mut self, pair: ClockPair) {
        let Some(last) = self.lines.back_mut() else { return };
        let ticks = pair.tick.saturating_sub(last.tick);
        let Some(nanoseconds) = pair.nanoseconds.checked_sub(last.nanoseconds).filter(|_| ticks > 0) else {
            return;
        };
        // Rounded up, so that a tick that falls on a microsecond is not put before it.
        let rate = (u128::from(nanoseconds) << POINT).div_ceil(u128::from(ticks) * 1000);
        last.rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let next = Line::new(pair, last.rate);
        self.lines.push_back(next);
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        self.ticks = 0..0;
    }

    /// Forgets lines that end before `tick`: no earlier one is asked for any more.
    pub(crate) fn forget_before(&mut self, tick: u64) {
        while self.lines.get(1).is_some_and(|line| line.tick <= tick) {
            self.lines.pop_front();
        }
        self.ticks = 0..0;
    }

    /// The time of `tick`.
    #[inline]
    pub(crate) fn time(&mut self, tick: u64) -> Timestamp {
        if !self.ticks.contains(&tick) {
            self.find_line(tick);
        }
        self.line.time(tick)
    }

    #[cold]
    fn find_line(&mut self, tick: u64) {
        let after = self.lines.partition_point(|line| line.tick <= tick);
        // Before the first pair, the first line goes on backwards.
        let start = if after <= 1 { 0 } else { self.lines.get(after - 1).map_or(0, |line| line.tick) };
        let end = self.lines.get(after.max(1)).map_or(u64::MAX, |line| line.tick);
        self.line = self.lines.get(after.saturating_sub(1)).copied().unwrap_or(self.line);
        self.ticks = start..end;
    }
}

impl Line {
    fn new(pair: ClockPair, rate: u64) -> Self {
        let base = (u128::from(pair.nanoseconds) << POINT).div_ceil(1000);
        Self { tick: pair.tick, nanoseconds: pair.nanoseconds, base, rate }
    }

    #[inline]
    fn time(&self, tick: u64) -> Timestamp {
        // The rate is rounded up; backwards that would put a tick before its microsecond.
        let exact = match tick.checked_sub(self.tick) {
            Some(ticks) => self.base.saturating_add(u128::from(ticks) * u128::from(self.rate)),
            None => {
                let ticks = u128::from(self.tick - tick);
                self.base.saturating_sub(ticks * u128::from(self.rate.saturating_sub(1)))
            }
        };
        Timestamp((exact >> POINT) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(tick: u64, nanoseconds: u64) -> ClockPair {
        ClockPair { tick, nanoseconds }
    }

    #[test]
    fn ticks_between_two_pairs_lie_on_the_line_through_them() {
        let mut clock = Clock::new(&Start { pair: pair(1_000, 5_000_000), rate: 1 << 32, frames_max: 0 });
        assert_eq!(clock.time(2_000), Timestamp(5_001));
        clock.add(pair(4_000, 5_001_000));
        clock.add(pair(5_000, 6_001_000));
        assert_eq!(clock.time(1_000), Timestamp(5_000));
        assert_eq!(clock.time(2_500), Timestamp(5_000));
        assert_eq!(clock.time(4_000), Timestamp(5_001));
        assert_eq!(clock.time(4_500), Timestamp(5_501));
        assert_eq!(clock.time(6_000), Timestamp(7_001));
        clock.forget_before(4_000);
        assert_eq!(clock.time(4_500), Timestamp(5_501));
    }

    #[test]
    fn a_tick_on_a_microsecond_gets_that_microsecond() {
        let start = 123_456_789_000_000_000;
        let mut clock = Clock::new(&Start { pair: pair(start, start), ..Start::default() });
        clock.add(pair(start + 3_600_000_000_777, start + 3_600_000_000_777));
        for microsecond in [0, 1, 999_999, 3_599_999_999] {
            let expected = Timestamp(start / 1000 + microsecond);
            assert_eq!(clock.time(start + 1000 * microsecond), expected);
            assert_eq!(clock.time(start + 1000 * microsecond + 999), expected);
        }
    }

    #[test]
    fn pairs_that_go_back_are_not_believed() {
        let mut clock = Clock::new(&Start { pair: pair(1_000, 5_000_000), ..Start::default() });
        clock.add(pair(500, 6_000_000));
        clock.add(pair(2_000, 4_000_000));
        assert_eq!(clock.time(3_000), Timestamp(5_002));
        assert_eq!(clock.time(0), Timestamp(4_999));
    }
}
