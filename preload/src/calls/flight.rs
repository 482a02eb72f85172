//! Calls under way: whoever looks at the memory map needs to know when all calls that the map may show, or may not
//! yet, have been reported.

use core::sync::atomic::{AtomicU32, Ordering};

/// Counts looks; its lowest bit says on which side calls are counted now.
static LOOKS: AtomicU32 = AtomicU32::new(0);
static UNDER_WAY: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

/// A call from before it is made until it was reported.
pub(crate) struct Flight(Side);

/// Says that a call is about to be made.
pub(crate) fn take_off() -> Flight {
    loop {
        let look = LOOKS.load(Ordering::SeqCst);
        let side = Side::of(look);
        side.under_way().fetch_add(1, Ordering::SeqCst);
        // One order for all: either the next look finds this call counted, or the call finds the look.
        if LOOKS.load(Ordering::SeqCst) == look {
            return Flight(side);
        }
        side.under_way().fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.under_way().fetch_sub(1, Ordering::SeqCst);
    }
}

/// The calls that were under way at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing(Side);

/// Counts later calls apart from those that are under way. Only the writer may call this.
pub(crate) fn await_landing() -> Landing {
    Landing(Side::of(LOOKS.fetch_add(1, Ordering::SeqCst)))
}

impl Landing {
    /// Whether all of these calls have been reported.
    pub(crate) fn is_over(self) -> bool {
        self.0.under_way().load(Ordering::SeqCst) == 0
    }
}

/// One of the two counters.
#[derive(Clone, Copy, Debug)]
struct Side(bool);

impl Side {
    fn of(look: u32) -> Self {
        Self(look % 2 == 1)
    }

    fn under_way(self) -> &'static AtomicU32 {
        &UNDER_WAY[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_landing_is_over_when_the_calls_of_before_are_and_later_ones_do_not_count() {
        let early = take_off();
        let landing = await_landing();
        assert!(!landing.is_over());
        let late = take_off();
        drop(early);
        assert!(landing.is_over());
        let second = await_landing();
        assert!(!second.is_over());
        drop(late);
        assert!(second.is_over());
    }
}
