//! What a file says of itself: where it starts, up to where it is complete, how it ended.
//!
//! ```text
//! Start     tick:u64  nanoseconds:u64  rate:u64  frames_max:u32  event*       the first event is a Header
//! Complete  before:u64  tick:u64  nanoseconds:u64  dropped:u64
//! End       tick:u64  cause:u32  value:i32  dropped:u64
//! ```

use crate::carrier;
use crate::cursor::Cursor;
use crate::end_cause::EndCause;
use crate::event::Event;
use crate::field::Field;
use crate::output::Output;

/// One moment on two clocks: the ticks that order the capture's events, and the target's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockPair {
    /// In ticks.
    pub tick: u64,
    /// In nanoseconds.
    pub nanoseconds: u64,
}

/// The fields at the start of a `Start` block. The events behind them are encoded as in 0.11: the header, then
/// settings, labels and warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The first clock pair.
    pub pair: ClockPair,
    /// Nanoseconds a tick, times 2³², as good as it is known; 0 if it is not. Only a file without any other clock
    /// pair is read by it.
    pub rate: u64,
    /// How many frames of a stack are kept at most.
    pub frames_max: u32,
}

/// A `Complete` block: a mark, up to which all events have been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Complete {
    /// All events of earlier ticks are in the blocks before this one.
    pub before: u64,
    /// A clock pair. Its tick is that of no earlier mark.
    pub pair: ClockPair,
    /// How many events could not be kept, from the start on.
    pub dropped: u64,
}

/// An `End` block: nothing follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub tick: u64,
    /// Why.
    pub cause: EndCause,
    /// How many events could not be kept, from the start on.
    pub dropped: u64,
}

impl Start {
    /// Appends the fields.
    pub fn put(&self, out: &mut impl Output) {
        self.pair.put(out);
        self.rate.put(out);
        self.frames_max.put(out);
    }

    /// Appends an event behind the fields.
    pub fn put_event(event: &Event<'_>, out: &mut impl Output) {
        carrier::put_bare(event, out);
    }

    /// The fields, and the bytes of the events behind them; none if the payload is too short.
    pub fn take(payload: &[u8]) -> Option<(Self, &[u8])> {
        let mut cursor = Cursor::new(payload, 0);
        let pair = ClockPair::take(&mut cursor)?;
        let rate = u64::take(&mut cursor).ok()?;
        let frames_max = u32::take(&mut cursor).ok()?;
        Some((Self { pair, rate, frames_max }, payload.get(cursor.used()..)?))
    }
}

impl Complete {
    /// Bytes of the payload.
    pub const LEN: usize = 32;

    /// The payload.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        words([self.before, self.pair.tick, self.pair.nanoseconds, self.dropped])
    }

    /// Reads a payload; none if it is too short.
    pub fn take(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload, 0);
        let before = u64::take(&mut cursor).ok()?;
        let pair = ClockPair::take(&mut cursor)?;
        Some(Self { before, pair, dropped: u64::take(&mut cursor).ok()? })
    }
}

impl End {
    /// Bytes of the payload.
    pub const LEN: usize = 24;

    /// The payload.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let (cause, value) = self.cause.to_numbers();
        words([self.tick, u64::from(value as u32) << 32 | u64::from(cause), self.dropped])
    }

    /// Reads a payload; none if it is too short.
    pub fn take(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload, 0);
        let tick = u64::take(&mut cursor).ok()?;
        let cause = EndCause::take(&mut cursor).ok()?;
        Some(Self { tick, cause, dropped: u64::take(&mut cursor).ok()? })
    }
}

impl ClockPair {
    fn put(&self, out: &mut impl Output) {
        self.tick.put(out);
        self.nanoseconds.put(out);
    }

    fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        let tick = u64::take(cursor).ok()?;
        Some(Self { tick, nanoseconds: u64::take(cursor).ok()? })
    }
}

fn words<const WORDS: usize, const LEN: usize>(words: [u64; WORDS]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes.chunks_exact_mut(8).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_from_their_bytes() {
        let pair = ClockPair { tick: 2, nanoseconds: u64::MAX };
        let complete = Complete { before: 1, pair, dropped: 4 };
        assert_eq!(Complete::take(&complete.to_bytes()), Some(complete));
        for cause in [EndCause::Exit { status: -1 }, EndCause::Killed { signal: 9 }] {
            let end = End { tick: 5, cause, dropped: 6 };
            assert_eq!(End::take(&end.to_bytes()), Some(end));
        }
        let mut bytes = Vec::new();
        let start = Start { pair, rate: 3, frames_max: 1000 };
        start.put(&mut bytes);
        bytes.push(77);
        assert_eq!(Start::take(&bytes), Some((start, &[77][..])));
    }

    #[test]
    fn what_is_too_short_is_no_mark() {
        assert_eq!(Complete::take(&[0; Complete::LEN - 1]), None);
        assert_eq!(End::take(&[0; End::LEN - 1]), None);
        assert_eq!(Start::take(&[0; 27]), None);
    }
}
