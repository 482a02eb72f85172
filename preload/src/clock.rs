//! Time stamps: ticks of a counter that all threads share, and their conversion to microseconds.
//!
//! Ticks order events; the lowest bit breaks the one tie that matters: of a free and an allocation in the same
//! tick, the free comes first, because the block can only be reused after it.

use core::sync::atomic::{AtomicBool, Ordering};

pub(crate) use bytehound_rings::Tick;

use crate::{arch, sys};

/// Whether ticks are those of the processor's counter; else they are nanoseconds of the monotonic clock.
static COUNTS_CYCLES: AtomicBool = AtomicBool::new(false);

/// Chooses the processor's counter if it is steady and the kernel trusts it too.
pub(crate) fn choose() {
    let mut buffer = [0; 16];
    let source = c"/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let trusted = sys::read_file(source, &mut buffer).is_ok_and(|name| name.trim_ascii() == b"tsc");
    COUNTS_CYCLES.store(trusted && arch::counter_is_invariant(), Ordering::Relaxed);
}

/// Whether ticks are those of the processor's counter.
pub(crate) fn counts_cycles() -> bool {
    COUNTS_CYCLES.load(Ordering::Relaxed)
}

/// Nanoseconds a tick, times 2³²; 0 if it has to be measured.
pub(crate) fn known_rate() -> u64 {
    if COUNTS_CYCLES.load(Ordering::Relaxed) { 0 } else { 1 << 32 }
}

/// The tick at which a block dies: taken before the program's allocator can reuse it. It is later than that of the
/// block's birth in another thread, although processors run ahead of what they wait for.
#[inline(always)]
pub(crate) fn before() -> Tick {
    Tick(now() & !1)
}

/// The tick at which a block is born: taken after the program's allocator has returned it.
#[inline(always)]
pub(crate) fn after() -> Tick {
    Tick(now() | 1)
}

#[inline(always)]
fn now() -> u64 {
    if COUNTS_CYCLES.load(Ordering::Relaxed) { arch::counter() } else { nanoseconds() }
}

/// The monotonic clock in nanoseconds.
#[cold]
pub(crate) fn nanoseconds() -> u64 {
    sys::clock(libc::CLOCK_MONOTONIC)
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) tick: Tick,
    pub(crate) nanoseconds: u64,
}

impl Pair {
    pub(crate) fn now() -> Self {
        Self { tick: after(), nanoseconds: nanoseconds() }
    }
}

/// Converts ticks to microseconds: a straight line through the last two pairs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    from: Pair,
    /// Nanoseconds a tick, times 2³².
    rate: u64,
    last: u64,
}

/// Two pairs must be this far apart for the line through them to be straight enough.
const SPAN_MIN: u64 = 5_000_000;

impl Conversion {
    pub(crate) fn new(start: Pair) -> Self {
        Self { from: start, rate: 1 << 32, last: 0 }
    }

    /// Takes a new pair: ticks from here on lie near it. Returns whether it was far enough from the last.
    pub(crate) fn advance(&mut self, to: Pair) -> bool {
        let ticks = to.tick.0.saturating_sub(self.from.tick.0);
        let nanoseconds = to.nanoseconds.saturating_sub(self.from.nanoseconds);
        if ticks == 0 || nanoseconds < SPAN_MIN {
            return false;
        }
        self.rate = ((u128::from(nanoseconds) << 32) / u128::from(ticks)) as u64;
        // The line is anchored at the newer pair, so that the next stretch joins it there.
        self.from = to;
        true
    }

    /// The microsecond of `tick`; never earlier than that of the call before.
    #[inline]
    pub(crate) fn microseconds(&mut self, tick: Tick) -> u64 {
        self.last = self.last.max(self.at(tick));
        self.last
    }

    /// The microsecond of `tick`, whatever was asked before.
    #[inline]
    pub(crate) fn at(&self, tick: Tick) -> u64 {
        let distance = |ticks: u64| ((u128::from(ticks) * u128::from(self.rate)) >> 32) as u64;
        let nanoseconds = if tick >= self.from.tick {
            self.from.nanoseconds.wrapping_add(distance(tick.0 - self.from.tick.0))
        } else {
            self.from.nanoseconds.saturating_sub(distance(self.from.tick.0 - tick.0))
        };
        nanoseconds / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(tick: u64, nanoseconds: u64) -> Pair {
        Pair { tick: Tick(tick), nanoseconds }
    }

    #[test]
    fn ticks_between_two_pairs_lie_on_the_line_through_them() {
        let mut conversion = Conversion::new(pair(1_000, 5_000_000));
        assert!(conversion.advance(pair(1_000 + 30_000_000, 15_000_000)));
        assert_eq!(conversion.microseconds(Tick(1_000)), 5_000);
        assert_eq!(conversion.microseconds(Tick(1_000 + 15_000_000)), 10_000);
        assert_eq!(conversion.microseconds(Tick(1_000 + 30_000_000)), 15_000);
    }

    #[test]
    fn pairs_that_are_too_close_do_not_change_the_line() {
        let mut conversion = Conversion::new(pair(0, 0));
        assert!(!conversion.advance(pair(10, 1_000)));
        assert_eq!(conversion.microseconds(Tick(2_000_000)), 2_000);
    }

    #[test]
    fn microseconds_never_go_back() {
        let mut conversion = Conversion::new(pair(0, 0));
        assert_eq!(conversion.microseconds(Tick(9_000_000)), 9_000);
        assert_eq!(conversion.microseconds(Tick(8_000_000)), 9_000);
    }

    #[test]
    fn a_free_sorts_before_an_allocation_of_the_same_tick() {
        assert!(Tick(10 & !1) < Tick(10 | 1));
    }
}
