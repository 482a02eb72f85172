//! Up to when everything is known: the moment before which no thread can still write an event.
//!
//! A thread says that it is inside a hook before it takes a stamp. So a thread that is seen outside writes no
//! stamp of the past, but for the moment that its word needs to reach us; and one that is seen inside a hook
//! that it was not in before came in after we looked then.

use crate::tick::Tick;

/// What a thread stores is seen by all after this many ticks: more than a millisecond on any processor, while
/// store buffers empty within microseconds.
const VISIBLE_AFTER: u64 = 4_000_000;
/// A thread that stays in one hook this many ticks (a second or more) does not hold the others up: it may have
/// jumped out of a signal handler and never come back.
const STUCK_AFTER: u64 = 4_000_000_000;

/// What is known of one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    sequence: u32,
    /// When the thread was seen with this sequence number first.
    since: Tick,
    /// The latest moment before which the thread writes nothing any more.
    complete: Tick,
    /// When the thread was looked at last.
    looked: Tick,
}

impl Progress {
    /// A thread that was not there at `before`.
    pub(crate) fn new(before: Tick) -> Self {
        Self { sequence: 0, since: before, complete: before, looked: before }
    }

    /// Looks at the thread's sequence number at `now`, and at the event that it waits with, if it waits for room
    /// in its ring; says up to when it is complete.
    pub(crate) fn look(&mut self, sequence: u32, waiting: Option<Tick>, now: Tick) -> Tick {
        let visible = Tick(now.0.saturating_sub(VISIBLE_AFTER));
        let moved = sequence != self.sequence;
        if moved {
            self.since = now;
        }
        let inside = sequence % 2 == 1;
        let complete = if let Some(event) = waiting {
            event
        } else if !inside {
            visible
        } else if moved {
            self.looked
        } else if now.0.saturating_sub(self.since.0) > STUCK_AFTER {
            visible
        } else {
            self.complete
        };
        self.sequence = sequence;
        self.looked = visible;
        self.complete = complete.max(self.complete);
        self.complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_thread_outside_is_complete_up_to_a_moment_ago() {
        let mut progress = Progress::new(Tick(0));
        assert_eq!(progress.look(2, None, Tick(SECOND)), Tick(SECOND - VISIBLE_AFTER));
    }

    #[test]
    fn a_thread_inside_is_complete_up_to_the_look_before() {
        let mut progress = Progress::new(Tick(0));
        progress.look(2, None, Tick(SECOND));
        assert_eq!(progress.look(3, None, Tick(2 * SECOND)), Tick(SECOND - VISIBLE_AFTER));
        assert_eq!(progress.look(5, None, Tick(3 * SECOND)), Tick(2 * SECOND - VISIBLE_AFTER));
    }

    #[test]
    fn a_thread_that_stays_inside_one_hook_holds_its_moment() {
        let mut progress = Progress::new(Tick(0));
        progress.look(2, None, Tick(SECOND));
        let held = progress.look(3, None, Tick(2 * SECOND));
        assert_eq!(progress.look(3, None, Tick(3 * SECOND)), held);
        assert_eq!(progress.look(3, None, Tick(4 * SECOND)), held);
    }

    #[test]
    fn a_thread_that_never_comes_out_is_given_up_for_good() {
        let mut progress = Progress::new(Tick(0));
        progress.look(3, None, Tick(SECOND));
        let late = Tick(SECOND + 2 * STUCK_AFTER);
        assert_eq!(progress.look(3, None, late), Tick(late.0 - VISIBLE_AFTER));
        assert_eq!(progress.look(3, None, Tick(late.0 + SECOND)), Tick(late.0 + SECOND - VISIBLE_AFTER));
    }

    #[test]
    fn a_thread_that_waits_is_complete_up_to_the_event_it_waits_with() {
        let mut progress = Progress::new(Tick(0));
        progress.look(2, None, Tick(SECOND));
        assert_eq!(progress.look(3, Some(Tick(SECOND + 5)), Tick(2 * SECOND)), Tick(SECOND + 5));
    }

    #[test]
    fn completeness_never_goes_back() {
        let mut progress = Progress::new(Tick(0));
        let mut last = Tick(0);
        for (step, sequence) in [2, 3, 3, 4, 5, 7, 7, 8].into_iter().enumerate() {
            let complete = progress.look(sequence, None, Tick((step as u64 + 1) * SECOND));
            assert!(complete >= last);
            last = complete;
        }
    }
}
