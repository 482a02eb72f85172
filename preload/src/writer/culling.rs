//! Leaves out blocks that live only shortly: what is allocated waits until it has lived long enough, or is freed.
//!
//! Events go in as they go out: in order of time, each block known by its address. One that lives as long as the
//! threshold comes out late, with the times it went in with; of the others there are sums, see [`Culled`].

use bytehound_format::{AllocBody, AllocationId, Event, Timestamp, alloc_flags};

use super::culled::Culled;
use super::pending::{Full, Links, Pending, Place, State};

/// Bits of a state's size that are the size.
const SIZE_BITS: u32 = 56;
/// How far the flags of allocators above the lowest ones are moved, to stand in eight bits.
const FLAGS_SHIFT: u32 = 27;
const LOW_FLAGS: u32 = 7;
/// Between two times that sums are told, at least; in microseconds.
const SUMS_EVERY: u64 = 1_000_000;
/// The part of the time so far that may be missing from the sums of a program that is killed.
const SUMS_PART: u64 = 8;

/// The stage that leaves them out.
pub(super) struct Culling {
    /// Blocks that live so long are kept, in microseconds.
    lifetime: u64,
    /// So many blocks wait at most.
    pending_max: usize,
    pending: Pending,
    culled: Culled,
    /// What the program has set, and what those who read the events so far take it for.
    marker: u32,
    marker_told: u32,
    began: u64,
    sums_due: u64,
}

impl Culling {
    /// Keeps what lives for `lifetime` milliseconds, from `began` (in microseconds) on.
    pub(super) fn new(lifetime: u64, pending_max: Option<u64>, began: u64) -> Self {
        Self {
            lifetime: lifetime.saturating_mul(1000),
            pending_max: pending_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX),
            pending: Pending::new(),
            culled: Culled::new(),
            marker: 0,
            marker_told: 0,
            began,
            sums_due: began + SUMS_EVERY,
        }
    }

    /// Takes an event; gives to `out` what is known to stay.
    pub(super) fn take<E>(
        &mut self,
        event: &Event<'static>,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        match event {
            Event::AllocEx { timestamp, allocation, .. } => {
                self.reuse(allocation, *timestamp, out)?;
                match self.wait_for(*timestamp, allocation) {
                    Ok(()) => self.keep_few(out),
                    Err(Full) => self.put(event, out),
                }
            }
            Event::ReallocEx { timestamp, old_pointer, allocation, .. } => {
                if allocation.pointer != *old_pointer {
                    self.reuse(allocation, *timestamp, out)?;
                }
                let Some(place) = self.pending.find(*old_pointer) else { return self.put(event, out) };
                if !self.is_old(place, *timestamp) && self.go_on(place, *timestamp, allocation).is_ok() {
                    return Ok(());
                }
                self.release(place, out)?;
                self.put(event, out)
            }
            Event::FreeEx { timestamp, pointer, .. } => match self.pending.find(*pointer) {
                Some(place) => self.end(place, *timestamp, event, out),
                None => self.put(event, out),
            },
            Event::Marker { value } => {
                (self.marker, self.marker_told) = (*value, *value);
                out(event)
            }
            _ => self.put(event, out),
        }
    }

    /// Takes an event whose time says nothing: the block it is about stays.
    pub(super) fn pass<E>(
        &mut self,
        event: &Event<'static>,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        let pointers = match event {
            Event::AllocEx { allocation, .. } => [allocation.pointer; 2],
            Event::ReallocEx { old_pointer, allocation, .. } => [*old_pointer, allocation.pointer],
            Event::FreeEx { pointer, .. } => [*pointer; 2],
            _ => [0; 2],
        };
        for pointer in pointers {
            if let Some(place) = self.pending.find(pointer) {
                self.release(place, out)?;
            }
        }
        self.put(event, out)
    }

    /// Gives out what has become old by `now`; all events of before were taken.
    pub(super) fn pass_time<E>(
        &mut self,
        now: u64,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(place) = self.pending.oldest().filter(|&place| self.is_old(place, Timestamp(now))) {
            self.release(place, out)?;
        }
        if now < self.sums_due {
            return Ok(());
        }
        // Ever more rarely: the sums stay few, however long the program runs.
        self.sums_due = now + SUMS_EVERY.max(now.saturating_sub(self.began) / SUMS_PART);
        self.culled.tell(out)
    }

    /// Gives out all there is.
    pub(super) fn give_all<E>(
        &mut self,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(place) = self.pending.oldest() {
            self.release(place, out)?;
        }
        self.culled.tell(out)
    }

    /// A block is born where one waits: that one has ended, although nobody said so.
    fn reuse<E>(
        &mut self,
        new: &AllocBody,
        timestamp: Timestamp,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(place) = self.pending.find(new.pointer) else { return Ok(()) };
        let id = AllocationId::UNTRACKED;
        let (pointer, thread) = (new.pointer, new.thread);
        self.end(place, timestamp, &Event::FreeEx { id, timestamp, pointer, backtrace: 0, thread }, out)
    }

    /// A block that waits has ended.
    fn end<E>(
        &mut self,
        place: Place,
        timestamp: Timestamp,
        event: &Event<'static>,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_old(place, timestamp) {
            self.release(place, out)?;
            return self.put(event, out);
        }
        let mut block = self.pending.take(place);
        while let Some(state) = self.pending.next(&mut block) {
            self.culled.add(&state, size(&state).saturating_add(state.extra.into()));
        }
        Ok(())
    }

    fn is_old(&self, place: Place, now: Timestamp) -> bool {
        now.0 >= self.pending.born(place).saturating_add(self.lifetime)
    }

    fn wait_for(&mut self, timestamp: Timestamp, body: &AllocBody) -> Result<(), Full> {
        let state = packed(timestamp, body, self.marker).ok_or(Full)?;
        self.culled.prepare(state.stack)?;
        self.pending.add(state)
    }

    fn go_on(&mut self, place: Place, timestamp: Timestamp, body: &AllocBody) -> Result<(), Full> {
        let state = packed(timestamp, body, self.marker).ok_or(Full)?;
        self.culled.prepare(state.stack)?;
        self.pending.go_on(place, state)
    }

    fn keep_few<E>(&mut self, out: &mut impl FnMut(&Event<'static>) -> Result<(), E>) -> Result<(), E> {
        while self.pending.len() > self.pending_max
            && let Some(place) = self.pending.oldest()
        {
            self.release(place, out)?;
        }
        Ok(())
    }

    /// Gives out a block, with all that became of it.
    fn release<E>(
        &mut self,
        place: Place,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = self.pending.take(place);
        let mut before = None;
        while let Some(state) = self.pending.next(&mut block) {
            let (id, timestamp, allocation) =
                (AllocationId::UNTRACKED, Timestamp(state.time), unpacked(&state));
            let event = match before.replace(state.pointer) {
                None => Event::AllocEx { id, timestamp, allocation },
                Some(old_pointer) => Event::ReallocEx { id, timestamp, old_pointer, allocation },
            };
            self.put_marked(state.marker, &event, out)?;
        }
        Ok(())
    }

    fn put<E>(
        &mut self,
        event: &Event<'static>,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.put_marked(self.marker, event, out)
    }

    /// Gives out an event of a time at which the program's marker was `marker`.
    fn put_marked<E>(
        &mut self,
        marker: u32,
        event: &Event<'static>,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        if marker != self.marker_told {
            self.marker_told = marker;
            out(&Event::Marker { value: marker })?;
        }
        out(event)
    }
}

/// None if it can't be kept in so little room.
fn packed(Timestamp(time): Timestamp, body: &AllocBody, marker: u32) -> Option<State> {
    let low = body.flags & LOW_FLAGS;
    let high = body.flags & (alloc_flags::JEMALLOC | alloc_flags::CALLOC);
    let is_whole = low | high == body.flags && body.size >> SIZE_BITS == 0 && body.preceding_free_space == 0;
    is_whole.then_some(State {
        pointer: body.pointer,
        size: body.size | u64::from(low | high >> FLAGS_SHIFT) << SIZE_BITS,
        time,
        extra: body.extra_usable_space,
        stack: u32::try_from(body.backtrace).ok()?,
        thread: body.thread,
        marker,
        links: Links::default(),
    })
}

fn unpacked(state: &State) -> AllocBody {
    let flags = (state.size >> SIZE_BITS) as u32;
    AllocBody {
        pointer: state.pointer,
        size: size(state),
        backtrace: state.stack.into(),
        thread: state.thread,
        flags: flags & LOW_FLAGS | (flags & !LOW_FLAGS) << FLAGS_SHIFT,
        extra_usable_space: state.extra,
        preceding_free_space: 0,
    }
}

fn size(state: &State) -> u64 {
    state.size & ((1 << SIZE_BITS) - 1)
}

#[cfg(test)]
mod tests;
