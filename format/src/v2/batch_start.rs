//! What stands before a batch of events.
//!
//! ```text
//! Events   ring:u32  zero:u32  state  events        see `batch` for the state and the events
//! ```

use super::batch::State;
use crate::output::Output;

/// The start of an `Events` block; the events, as [`super::batch`] encodes them, follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchStart {
    /// Which batches follow one another: those with the same number, in the order of their blocks. Each thread has
    /// one of its own while it lives.
    pub ring: u32,
    /// What the first event is told relative to.
    pub state: State,
}

impl BatchStart {
    /// Bytes of the start.
    pub const LEN: usize = 8 + State::LEN;

    /// Appends the start.
    pub fn put(&self, out: &mut impl Output) {
        out.put(&u64::from(self.ring).to_le_bytes());
        out.put(&self.state.to_bytes());
    }

    /// The start, and the bytes of the events behind it; none if the payload is too short.
    pub fn take(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c, d, ..], rest) = payload.split_first_chunk::<8>()?;
        let (state, events) = rest.split_first_chunk()?;
        Some((Self { ring: u32::from_le_bytes([a, b, c, d]), state: State::from_bytes(state) }, events))
    }
}
