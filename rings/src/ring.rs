//! The ring of bytes between one thread and the writer: one producer, one consumer, no locks.
//!
//! Positions count bytes since the start and never wrap; the byte of a position is at its remainder. An event that
//! crosses the end is written whole into a margin behind it, and what lies there is copied to the start.
#![expect(unsafe_code, reason = "memory with one producer and one consumer")]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use bytehound_format::v2::batch::{Decoder, ROOM_LEN, Room, State};

/// Bytes of a ring.
pub const RING_LEN: usize = 1 << 20;

/// Bytes after which the producer leaves a checkpoint.
const CHECKPOINT_EVERY: u64 = 64 * 1024;
/// As many as two rings have: no checkpoint is overwritten before its place was given back.
const CHECKPOINTS: usize = 2 * RING_LEN / CHECKPOINT_EVERY as usize;
/// Checkpoints after which the producer wakes the writer.
const WAKE_EVERY: u32 = 4;

/// Keeps what one side writes out of the cache lines of the other.
#[repr(C, align(128))]
struct Line<T>(T);

/// A ring. All zeros are an empty one.
#[repr(C)]
pub struct Ring {
    producer: Line<Producer>,
    /// Written by the consumer: everything before it may be overwritten.
    tail: Line<AtomicU64>,
    checkpoints: Line<[Checkpoint; CHECKPOINTS]>,
    bytes: Line<UnsafeCell<[u8; RING_LEN + ROOM_LEN]>>,
}

struct Producer {
    /// Everything before it may be read.
    head: AtomicU64,
    /// Differs from `head` while an event is being encoded.
    begun: AtomicU64,
    /// The tail, as it was seen last.
    seen: AtomicU64,
    /// Where the next checkpoint is due, and how many there were.
    checkpoint_at: AtomicU64,
    checkpoints: AtomicU32,
    /// What the event at the head will be told relative to.
    state: UnsafeCell<State>,
}

/// A position that the ring may be cut at, and the state there.
struct Checkpoint {
    position: AtomicU64,
    state: UnsafeCell<State>,
}

/// What a push asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing.
    Quietly,
    /// The event is in, and it is time to wake the writer.
    WakeWriter,
    /// There is no room: nothing was written.
    Full,
}

impl Ring {
    /// Adds one event, which `encode` puts in.
    ///
    /// # Safety
    /// Only the owner of the ring may call this, and not from within `encode`.
    #[inline(always)]
    pub unsafe fn push(&self, encode: impl FnOnce(&mut State, &mut Room) -> usize) -> Pushed {
        let Producer { head, begun, checkpoint_at, state, .. } = &self.producer.0;
        let at = head.load(Ordering::Relaxed);
        if !self.has_room(at) {
            return Pushed::Full;
        }
        begun.store(at.wrapping_add(1), Ordering::Relaxed);
        // Release: whoever sees a change of the state sees that it has begun.
        fence(Ordering::Release);
        let place = at as usize % RING_LEN;
        let start = self.bytes.0.get().cast::<u8>().wrapping_add(place);
        // SAFETY: the margin makes `ROOM_LEN` bytes fit behind any place; the consumer has given them back, and the
        // caller is the only producer.
        let len = unsafe { encode(&mut *state.get(), &mut *start.cast::<Room>()) };
        if place + len > RING_LEN {
            self.wrap(place + len - RING_LEN);
        }
        let next = at.wrapping_add(len as u64);
        // Release: whoever sees the new head sees the event, and who sees that it has ended, its state.
        head.store(next, Ordering::Release);
        begun.store(next, Ordering::Release);
        if next < checkpoint_at.load(Ordering::Relaxed) {
            Pushed::Quietly
        } else {
            self.leave_checkpoint(next)
        }
    }

    /// Takes back an event whose encoding was broken off.
    ///
    /// # Safety
    /// Only the owner of the ring may call this, and no push goes on afterwards that has begun before.
    pub(crate) unsafe fn recover(&self) {
        let Producer { head, begun, state, .. } = &self.producer.0;
        let at = head.load(Ordering::Relaxed);
        if begun.load(Ordering::Relaxed) != at {
            let whole = self.state_at(at);
            // SAFETY: the caller is the only producer; while `begun` differs nobody else takes the state.
            unsafe { *state.get() = whole };
            begun.store(at, Ordering::Release);
        }
    }

    /// The state at the head, found by reading what lies between it and the newest checkpoint. Only the producer may
    /// ask.
    fn state_at(&self, head: u64) -> State {
        // What the producer alone writes it may read.
        let (mut at, mut state) = self.checkpoint().unwrap_or((0, State::default()));
        while at < head {
            let place = at as usize % RING_LEN;
            let len = (head - at).min((RING_LEN + ROOM_LEN - place) as u64) as usize;
            let start = self.bytes.0.get().cast::<u8>().cast_const().wrapping_add(place);
            // SAFETY: these bytes lie in the ring and its margin, and the producer writes none of them meanwhile.
            let bytes = unsafe { core::slice::from_raw_parts(start, len) };
            let mut decoder = Decoder::new(bytes, state);
            let taken = |decoder: &Decoder<'_>| len - decoder.rest().len();
            // An event that crosses the end lies whole in the margin; the next one is at the start.
            while place + taken(&decoder) < RING_LEN && decoder.next().is_some() {}
            if taken(&decoder) == 0 {
                break;
            }
            at += taken(&decoder) as u64;
            state = *decoder.state();
        }
        state
    }

    #[cold]
    fn leave_checkpoint(&self, position: u64) -> Pushed {
        let Producer { checkpoint_at, checkpoints, state, .. } = &self.producer.0;
        checkpoint_at.store(position.wrapping_add(CHECKPOINT_EVERY), Ordering::Relaxed);
        let count = checkpoints.load(Ordering::Relaxed);
        let checkpoint = &self.checkpoints.0[count as usize % CHECKPOINTS];
        checkpoint.position.store(position, Ordering::Relaxed);
        // SAFETY: the producer alone, which this is, writes checkpoints; this one's place was given back long ago,
        // so the consumer does not read it.
        unsafe { *checkpoint.state.get() = *state.get() };
        // Release: whoever sees the number sees the checkpoint.
        checkpoints.store(count.wrapping_add(1), Ordering::Release);
        if count.is_multiple_of(WAKE_EVERY) { Pushed::WakeWriter } else { Pushed::Quietly }
    }

    #[inline(always)]
    fn has_room(&self, head: u64) -> bool {
        let seen = &self.producer.0.seen;
        let fits = |tail: u64| head.wrapping_sub(tail) <= (RING_LEN - ROOM_LEN) as u64;
        if fits(seen.load(Ordering::Relaxed)) {
            return true;
        }
        // Acquire: the consumer has read the bytes that are overwritten now.
        let tail = self.tail.0.load(Ordering::Acquire);
        seen.store(tail, Ordering::Relaxed);
        fits(tail)
    }

    /// Copies what lies behind the end to the start.
    #[cold]
    fn wrap(&self, len: usize) {
        let start = self.bytes.0.get().cast::<u8>();
        // SAFETY: `len` bytes, less than an event's room, lie in the margin; the start of the ring is free.
        unsafe { start.copy_from_nonoverlapping(start.add(RING_LEN), len.min(ROOM_LEN)) };
    }

    /// Whether the producer can go on for a while.
    pub(crate) fn is_half_empty(&self) -> bool {
        self.head().wrapping_sub(self.tail()) <= RING_LEN as u64 / 2
    }

    /// Position behind the last event.
    #[inline]
    pub fn head(&self) -> u64 {
        self.producer.0.head.load(Ordering::Acquire)
    }

    /// Position of the first byte that was not given back.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Relaxed)
    }

    /// The head and the state there; none if the producer was just changing them.
    pub(crate) fn snapshot(&self) -> Option<(u64, State)> {
        let Producer { head, begun, state, .. } = &self.producer.0;
        let at = head.load(Ordering::Acquire);
        // SAFETY: the state is plain numbers; a copy that the producer may have changed meanwhile is not used.
        let state = unsafe { state.get().read_volatile() };
        // Acquire: what was read before belongs to the time before the next load.
        fence(Ordering::Acquire);
        (begun.load(Ordering::Relaxed) == at).then_some((at, state))
    }

    /// The newest checkpoint. Only the consumer may ask.
    pub(crate) fn checkpoint(&self) -> Option<(u64, State)> {
        let count = self.producer.0.checkpoints.load(Ordering::Acquire);
        let checkpoint = &self.checkpoints.0[count.checked_sub(1)? as usize % CHECKPOINTS];
        // SAFETY: the producer comes back to this one only after the consumer has given back a ring's length behind
        // it.
        Some((checkpoint.position.load(Ordering::Relaxed), unsafe { *checkpoint.state.get() }))
    }

    /// The bytes between two positions; in two parts where they cross the end.
    ///
    /// # Safety
    /// Only the consumer may call this; `from` is not before the tail, `to` not behind the head, and nothing behind
    /// `from` is given back while the bytes are in use.
    pub(crate) unsafe fn bytes(&self, from: u64, to: u64) -> [&[u8]; 2] {
        let len = (to.wrapping_sub(from) as usize).min(RING_LEN);
        let place = from as usize % RING_LEN;
        let first = len.min(RING_LEN - place);
        let start = self.bytes.0.get().cast::<u8>().cast_const();
        // SAFETY: both parts lie in the ring; the producer leaves alone what was not given back.
        unsafe {
            [
                core::slice::from_raw_parts(start.add(place), first),
                core::slice::from_raw_parts(start, len - first),
            ]
        }
    }

    /// Gives everything before `tail` back to the producer. Only the consumer may.
    pub(crate) fn release(&self, tail: u64) {
        // Release: the bytes were read before.
        self.tail.0.store(tail, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use bytehound_format::v2::batch::{Decoder, Event};

    use super::*;

    /// A zeroed ring that is never given back.
    fn ring() -> &'static Shared {
        // SAFETY: the layout is not empty, and zeros are a valid ring.
        unsafe { &*std::alloc::alloc_zeroed(core::alloc::Layout::new::<Shared>()).cast() }
    }

    struct Shared(Ring);

    // SAFETY: the tests keep to one producer and one consumer.
    unsafe impl Sync for Shared {}

    impl Shared {
        fn push(&self, tick: u64, value: u32) -> Pushed {
            // SAFETY: each test has one producer.
            unsafe { self.0.push(|state, room| state.put(room, tick, &Event::Marker { value })) }
        }

        /// Everything up to the head, read with the state at the tail; the state there.
        fn take(&self, state: &mut State) -> Vec<u32> {
            let head = self.0.head();
            // SAFETY: each test has one consumer, and the bytes are copied before they are given back.
            let bytes = unsafe { self.0.bytes(self.0.tail(), head) }.concat();
            let mut decoder = Decoder::new(&bytes, *state);
            let values = decoder.by_ref().filter_map(|stamped| match stamped.event {
                Event::Marker { value } => Some(value),
                _ => None,
            });
            let values = values.collect();
            assert!(decoder.rest().is_empty());
            *state = *decoder.state();
            self.0.release(head);
            values
        }
    }

    #[test]
    fn an_event_whose_encoding_was_broken_off_is_taken_back() {
        let ring = ring();
        let (mut state, mut value) = (State::default(), 0);
        for round in 0..2000 {
            let first = value;
            for _ in 0..500 + round % 7 {
                ring.push(u64::from(value) * 1000, value);
                value += 1;
            }
            let Producer { head, begun, state: inner, .. } = &ring.0.producer.0;
            begun.store(head.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            // SAFETY: nobody else is here.
            unsafe {
                (*inner.get()).put(&mut [0xff; ROOM_LEN], 1 << 60, &Event::Marker { value: u32::MAX });
                ring.0.recover();
            }
            assert!(ring.take(&mut state).into_iter().eq(first..value), "round {round}");
        }
        assert!(ring.0.head() > 2 * RING_LEN as u64);
    }

    #[test]
    fn a_full_ring_takes_nothing_until_bytes_are_given_back() {
        let ring = ring();
        let count = (0..).find(|&value| ring.push(7, value) == Pushed::Full).unwrap();
        assert!(ring.0.head() as usize > RING_LEN - 2 * ROOM_LEN);
        assert!(!ring.0.is_half_empty());
        let values = ring.take(&mut State::default());
        assert_eq!(values, (0..count).collect::<Vec<_>>());
        assert_ne!(ring.push(7, 0), Pushed::Full);
    }

    #[test]
    fn the_writer_is_woken_once_every_quarter() {
        let ring = ring();
        let pushed = core::iter::from_fn(|| Some(ring.push(0, 1)).filter(|pushed| *pushed != Pushed::Full));
        assert_eq!(pushed.filter(|pushed| *pushed == Pushed::WakeWriter).count(), 4);
    }

    #[test]
    fn the_ring_may_be_cut_at_a_checkpoint() {
        let ring = ring();
        let (mut state, mut expected) = (State::default(), 0);
        for value in 0..2_000_000 {
            assert_ne!(ring.push(u64::from(value) << 20, value), Pushed::Full);
            let (at, there) = ring.0.checkpoint().unwrap();
            if at.wrapping_sub(ring.0.tail()) < 3 * CHECKPOINT_EVERY {
                continue;
            }
            // SAFETY: one thread is both producer and consumer; the bytes are copied.
            let bytes = unsafe { ring.0.bytes(ring.0.tail(), at) }.concat();
            let mut decoder = Decoder::new(&bytes, state);
            for stamped in decoder.by_ref() {
                assert_eq!(stamped.event, Event::Marker { value: expected });
                expected += 1;
            }
            assert_eq!(*decoder.state(), there);
            state = there;
            ring.0.release(at);
        }
        assert!(expected > 1_000_000);
    }

    #[test]
    fn events_arrive_whole_and_in_order_in_another_thread() {
        let ring = ring();
        let events = 1_000_000_u32;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for value in 0..events {
                    while ring.push(u64::from(value).pow(2), value) == Pushed::Full {
                        std::thread::yield_now();
                    }
                }
            });
            let (mut state, mut expected) = (State::default(), 0);
            while expected < events {
                for value in ring.take(&mut state) {
                    assert_eq!(value, expected);
                    expected += 1;
                }
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn a_snapshot_is_of_one_moment_however_busy_the_producer_is() {
        let ring = ring();
        let events = 300_000_u32;
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| {
                for value in 0..events {
                    while ring.push(u64::from(value) * 1000, value) == Pushed::Full {
                        std::thread::yield_now();
                    }
                }
            });
            let mut state = State::default();
            while !producer.is_finished() {
                let Some((head, there)) = ring.0.snapshot() else { continue };
                // SAFETY: this is the only consumer; the bytes are copied before they are given back.
                let bytes = unsafe { ring.0.bytes(ring.0.tail(), head) }.concat();
                let mut decoder = Decoder::new(&bytes, state);
                decoder.by_ref().for_each(drop);
                assert_eq!(*decoder.state(), there);
                state = there;
                ring.0.release(head);
            }
        });
        assert_eq!(ring.0.snapshot().unwrap().1.tick, u64::from(events - 1) * 1000);
    }
}
