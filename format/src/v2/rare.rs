//! Events that are too rare for an encoding of their own.
//!
//! ```text
//! Rare   (tick:u64  event)*        events as in 0.11, and those that 0.11 does not have
//! ```
//!
//! The tick is the event's place among those of the threads; ticks of one block do not go back. An event that is too
//! long for a block comes in pieces: the first one may stand behind other events, each further one has a rare block to
//! itself. Other blocks may stand between them, but no other event in pieces.

use crate::carrier;
use crate::event::Event;
use crate::field::Field;
use crate::output::Output;

/// Appends an event to the payload of a `Rare` block.
pub fn put_rare(tick: u64, event: &Event<'_>, out: &mut impl Output) {
    tick.put(out);
    carrier::put_bare(event, out);
}
