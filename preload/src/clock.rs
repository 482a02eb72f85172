//! Time stamps: ticks of a counter that all threads share, and their conversion to microseconds.
//!
//! Ticks order events; the lowest bit breaks the one tie that matters: of a free and an allocation in the same
//! tick, the free comes first, because the block can only be reused after it.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub(crate) use bytehound_rings::Tick;

use crate::{arch, sys};

/// Where ticks come from: one of these.
static SOURCE: AtomicU32 = AtomicU32::new(NANOSECONDS);
/// Nanoseconds of the monotonic clock.
const NANOSECONDS: u32 = 0;
/// The processor's counter, while one thread alone has blocks.
const CYCLES_OF_ONE: u32 = 1;
/// The processor's counter.
const CYCLES: u32 = 2;

/// Chooses the processor's counter if it is steady and the kernel trusts it too.
pub(crate) fn choose() {
    let mut buffer = [0; 16];
    let source = c"/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let trusted = sys::read_file(source, &mut buffer).is_ok_and(|name| name.trim_ascii() == b"tsc");
    let source = if trusted && arch::counter_is_invariant() { CYCLES_OF_ONE } else { NANOSECONDS };
    SOURCE.store(source, Ordering::Relaxed);
}

/// Whether ticks are those of the processor's counter.
pub(crate) fn counts_cycles() -> bool {
    SOURCE.load(Ordering::Relaxed) != NANOSECONDS
}

/// Nanoseconds a tick, times 2³²; 0 if it has to be measured.
pub(crate) fn known_rate() -> u64 {
    if counts_cycles() { 0 } else { 1 << 32 }
}

/// A thread is going to have its first event.
pub(crate) fn expect_thread() {
    static EXPECTED: AtomicU32 = AtomicU32::new(0);
    if EXPECTED.fetch_add(1, Ordering::AcqRel) != 0 {
        let _ = SOURCE.compare_exchange(CYCLES_OF_ONE, CYCLES, Ordering::SeqCst, Ordering::Relaxed);
    }
}

/// The tick at which a block dies: taken before the program's allocator can reuse it. It is later than that of the
/// block's birth in another thread, although processors run ahead of what they wait for.
#[inline(always)]
pub(crate) fn death() -> Tick {
    Tick(of_block() & !1)
}

/// The tick at which a block is born: taken after the program's allocator has returned it.
#[inline(always)]
pub(crate) fn birth() -> Tick {
    Tick(of_block() | 1)
}

/// A moment before whatever the thread does next.
pub(crate) fn before() -> Tick {
    Tick(now() & !1)
}

/// A moment after whatever the thread has done.
pub(crate) fn after() -> Tick {
    Tick(now() | 1)
}

/// While one thread alone has blocks only the order of its own events counts, and no stamp waits for the work before it.
/// Whoever gets a block or memory from another thread sees that there is one: it reads the source after that.
#[inline(always)]
fn of_block() -> u64 {
    if SOURCE.load(Ordering::Relaxed) == CYCLES_OF_ONE { next_of_one() } else { now() }
}

#[inline(always)]
fn next_of_one() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    // Two, for the bit that tells a birth from a death.
    let tick = arch::counter_unordered().max(LAST.load(Ordering::Relaxed) + 2);
    LAST.store(tick, Ordering::Relaxed);
    tick
}

#[inline(always)]
fn now() -> u64 {
    if counts_cycles() { arch::counter() } else { nanoseconds() }
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
    /// Of a few tries the one that took the least time: nothing came between its two readings.
    pub(crate) fn now() -> Self {
        let [first, others @ ..] = core::array::from_fn::<_, 3, _>(|_| {
            let pair = Self { tick: after(), nanoseconds: nanoseconds() };
            (after().0.wrapping_sub(pair.tick.0), pair)
        });
        others.into_iter().fold(first, |best, other| if other.0 < best.0 { other } else { best }).1
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
/// So far apart are the two of the first line, which somebody waits for.
const FIRST_SPAN: u64 = 200_000;

impl Conversion {
    /// Of ticks that are nanoseconds, until there is a line.
    fn new(start: Pair) -> Self {
        Self { from: start, rate: 1 << 32, last: 0 }
    }

    /// Waits until the first line can be drawn: times told by a wrong rate would go back when it is known.
    pub(crate) fn measured(start: Pair) -> Self {
        let mut conversion = Self::new(start);
        loop {
            let now = Pair::now();
            // A counter that does not go on is not waited for.
            let is_late = now.nanoseconds.saturating_sub(start.nanoseconds) > SPAN_MIN;
            if !counts_cycles() || conversion.draw(now, FIRST_SPAN) || is_late {
                return conversion;
            }
        }
    }

    /// Takes a new pair: ticks from here on lie near it. Returns whether it was far enough from the last.
    pub(crate) fn advance(&mut self, to: Pair) -> bool {
        self.draw(to, SPAN_MIN)
    }

    fn draw(&mut self, to: Pair, span_min: u64) -> bool {
        let ticks = to.tick.0.saturating_sub(self.from.tick.0);
        let nanoseconds = to.nanoseconds.saturating_sub(self.from.nanoseconds);
        if ticks == 0 || nanoseconds < span_min {
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
    use std::sync::{Mutex, PoisonError};

    /// Held by tests that choose the source.
    static CHOICE: Mutex<()> = Mutex::new(());

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
    fn no_time_is_told_before_its_rate_is_known() {
        let _chosen = CHOICE.lock().unwrap_or_else(PoisonError::into_inner);
        choose();
        let start = Pair::now();
        let conversion = Conversion::measured(start);
        while nanoseconds() < start.nanoseconds + 2_000_000 {
            let now = Pair::now();
            let difference = conversion.at(now.tick).abs_diff(now.nanoseconds / 1000);
            assert!(difference < 100, "{difference} µs at {now:?}, {conversion:?}");
        }
    }

    #[test]
    fn stamps_of_blocks_follow_each_other_with_one_thread_and_with_another() {
        let _chosen = CHOICE.lock().unwrap_or_else(PoisonError::into_inner);
        choose();
        let before = now();
        let mut last = Tick(before);
        for source in [CYCLES_OF_ONE, CYCLES] {
            if counts_cycles() {
                assert_eq!(SOURCE.load(Ordering::Relaxed), source);
            }
            for stamp in [birth, death].into_iter().cycle().take(10_000) {
                let next = stamp();
                assert!(last <= next, "{last:?} {next:?}");
                last = next;
            }
            expect_thread();
            expect_thread();
        }
        assert!(last <= after());
    }

    #[test]
    fn a_free_sorts_before_an_allocation_of_the_same_tick() {
        assert!(Tick(10 & !1) < Tick(10 | 1));
    }
}
