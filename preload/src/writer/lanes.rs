//! The events of all threads in one order: for 0.11, whose file is one stream, and for culling.

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::{Decoder, Node, Stamped, State};
use bytehound_rings::{Round, Sink, Tick};

use super::events::Events;
use super::merge::{Merge, Source};
use crate::sys::{Errno, Result};

/// What was taken out of the rings, until it is known to be in order.
pub(super) struct Lanes {
    pub(super) events: Events,
    lanes: Vec<Lane>,
    merge: Merge,
    /// Whether somebody waits for all there is.
    is_awaited: bool,
}

/// What was taken out of one ring.
struct Lane {
    ring: u32,
    bytes: Vec<u8>,
    /// What was read of `bytes`, and the state there.
    read: usize,
    state: State,
    /// The last event that was read, unless it was given on.
    next: Option<Stamped>,
}

/// A lane while it is read.
struct Reading<'a> {
    decoder: Decoder<'a>,
    next: Option<Stamped>,
}

impl Source for Reading<'_> {
    #[inline]
    fn tick(&self) -> Option<Tick> {
        self.next.map(|stamped| Tick(stamped.tick))
    }
}

impl Lanes {
    pub(super) fn new(events: Events) -> Self {
        Self { events, lanes: Vec::with_capacity(64), merge: Merge::default(), is_awaited: false }
    }

    /// Says whether somebody waits for all there is at the end of the next round.
    pub(super) fn set_awaited(&mut self, is_awaited: bool) {
        self.is_awaited = is_awaited;
    }

    /// Gives the events before `end` on, in order.
    fn give_on(&mut self, end: Tick) -> Result<()> {
        let mut readings: Vec<Reading<'_>> = self.lanes.iter().map(Lane::reading).collect();
        let events = &mut self.events;
        let mut result = Ok(());
        self.merge.run(&mut readings, end, |reading| {
            if let Some(Stamped { tick, thread, event }) = reading.next
                && let Err(error) = events.write(thread, Tick(tick), event)
            {
                result = Err(error);
            }
            reading.next = reading.decoder.next();
        });
        let read: Vec<_> = readings
            .into_iter()
            .map(|reading| (reading.decoder.rest().len(), *reading.decoder.state(), reading.next))
            .collect();
        self.lanes.iter_mut().zip(read).for_each(|(lane, (rest, state, next))| lane.keep(rest, state, next));
        result
    }
}

impl Sink for Lanes {
    type Error = Errno;

    /// The stream defines a stack when it is used first.
    fn stacks(&mut self, _: Node, nodes: &mut dyn Iterator<Item = (Caller, u64)>) -> Result<()> {
        nodes.for_each(drop);
        Ok(())
    }

    fn batch(&mut self, ring: u32, state: &State, bytes: [&[u8]; 2]) -> Result<()> {
        let known = self.lanes.iter().position(|lane| lane.ring == ring);
        let at = known.unwrap_or_else(|| {
            self.lanes.push(Lane { ring, bytes: Vec::new(), read: 0, state: *state, next: None });
            self.lanes.len() - 1
        });
        if let Some(lane) = self.lanes.get_mut(at) {
            bytes.iter().for_each(|part| lane.bytes.extend_from_slice(part));
        }
        Ok(())
    }

    fn complete(&mut self, round: &Round) -> Result<()> {
        self.give_on(if round.is_settled { Tick(u64::MAX) } else { round.before })?;
        let is_last = round.before == Tick(u64::MAX);
        self.events.pass_time(round.before, is_last || self.is_awaited)
    }
}

impl Lane {
    fn reading(&self) -> Reading<'_> {
        let mut decoder = Decoder::new(self.bytes.get(self.read..).unwrap_or_default(), self.state);
        let next = self.next.or_else(|| decoder.next());
        Reading { decoder, next }
    }

    /// Keeps what was not given on: the last `rest` bytes, and the event before them.
    fn keep(&mut self, rest: usize, state: State, next: Option<Stamped>) {
        (self.state, self.next) = (state, next);
        self.bytes.drain(..self.bytes.len().saturating_sub(rest));
        self.read = 0;
    }
}
