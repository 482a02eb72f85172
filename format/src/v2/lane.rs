//! One thread's batches, read one event at a time.

use std::collections::VecDeque;

use super::batch::{Decoder, Stamped, State};
use super::batch_start::BatchStart;

/// Events that are decoded at a time.
const AHEAD: usize = 128;

/// The batches of one ring that wait to be merged.
#[derive(Debug)]
pub(crate) struct Lane {
    ring: u32,
    /// The events that come next, from `at` on.
    ahead: Vec<Stamped>,
    at: usize,
    current: Option<Batch>,
    waiting: VecDeque<Vec<u8>>,
    /// What the next event gets in the place of its own time, in microseconds.
    pub(crate) override_time: Option<u64>,
    /// Whether the merge knows that there are events.
    pub(crate) is_queued: bool,
}

/// A batch that is being read.
#[derive(Debug)]
struct Batch {
    payload: Vec<u8>,
    at: usize,
    state: State,
}

/// What becomes of payloads that were read.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    pub(crate) payloads: Vec<Vec<u8>>,
    /// How many of them made no sense to their ends.
    pub(crate) broken: u64,
}

impl Lane {
    pub(crate) fn new(ring: u32) -> Self {
        Self {
            ring,
            ahead: Vec::new(),
            at: 0,
            current: None,
            waiting: VecDeque::new(),
            override_time: None,
            is_queued: false,
        }
    }

    /// The ring that the batches come from.
    pub(crate) fn ring(&self) -> u32 {
        self.ring
    }

    /// Adds the payload of a block.
    pub(crate) fn push(&mut self, payload: Vec<u8>) {
        self.waiting.push_back(payload);
    }

    /// The next event, if it was decoded.
    #[inline]
    pub(crate) fn head(&self) -> Option<&Stamped> {
        self.ahead.get(self.at)
    }

    /// Goes on to the event behind the head.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Decodes further events, once all are taken; false if there are none.
    pub(crate) fn fill(&mut self, spent: &mut Spent) -> bool {
        self.ahead.clear();
        self.at = 0;
        loop {
            let Some(mut batch) = self.current.take().or_else(|| self.start_next(spent)) else {
                // A thread that has ended keeps nothing.
                self.ahead = Vec::new();
                return false;
            };
            let left = batch.decode(&mut self.ahead);
            if !self.ahead.is_empty() {
                self.current = Some(batch);
                return true;
            }
            spent.broken += u64::from(left > 0);
            spent.payloads.push(batch.payload);
        }
    }

    fn start_next(&mut self, spent: &mut Spent) -> Option<Batch> {
        while let Some(payload) = self.waiting.pop_front() {
            if let Some((start, events)) = BatchStart::take(&payload) {
                return Some(Batch { at: payload.len() - events.len(), state: start.state, payload });
            }
            spent.broken += 1;
            spent.payloads.push(payload);
        }
        None
    }
}

impl Batch {
    /// Appends further events to `ahead`; says how many bytes are left.
    fn decode(&mut self, ahead: &mut Vec<Stamped>) -> usize {
        let mut decoder = Decoder::new(self.payload.get(self.at..).unwrap_or_default(), self.state);
        ahead.reserve(AHEAD);
        while ahead.len() < AHEAD && decoder.next_to(|stamped| ahead.push(stamped)) {}
        let left = decoder.rest().len();
        self.at = self.payload.len() - left;
        self.state = *decoder.state();
        left
    }
}
