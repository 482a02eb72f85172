//! The record of a thread: its ring, whether it is inside a hook, and whether it waits for room.
//!
//! Records are made at a thread's first event, stay in one list for good, and are taken over by later threads
//! when theirs ends: the events in the ring say which thread it speaks for.
#![expect(unsafe_code, reason = "records are memory with one owner")]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence, fence};

use bytehound_format::v2::batch::State;

use crate::region::{Plain, Region};
use crate::ring::Ring;
use crate::tick::Tick;

/// One thread's record.
#[repr(C, align(128))]
pub struct Thread {
    /// Odd while the owner is inside a hook.
    sequence: AtomicU32,
    owned: AtomicU32,
    /// 1 while the owner waits for room in the ring.
    wants_room: AtomicU32,
    number: AtomicU32,
    /// The stamp of the event that the owner wants room for; 0 for none.
    waiting: AtomicU64,
    /// Events that found no room.
    lost: AtomicU64,
    /// Offset of the record that was the newest before this one; 0 for none.
    next: AtomicU64,
    /// Whatever the owner's process keeps beside the record.
    companion: AtomicU64,
    /// How far the ring was written, at the last two times; see `commit`.
    pub(crate) marks: [Mark; 2],
    /// The bytes of events.
    pub ring: Ring,
}

/// How far a ring was written.
#[repr(C)]
pub(crate) struct Mark {
    pub(crate) epoch: AtomicU64,
    pub(crate) tail: AtomicU64,
    /// The state at the tail.
    pub(crate) state: UnsafeCell<State>,
}

// SAFETY: numbers, behind atomics or behind cells with one owner: the producer has the ring's, the writer the marks'.
unsafe impl Plain for Thread {}
// SAFETY: as above; what shares the cells says itself who may.
unsafe impl Sync for Thread {}

impl Thread {
    /// All records, the newest first.
    pub fn all(region: &Region) -> impl Iterator<Item = &Self> {
        Self::newest(region).into_iter().flat_map(|newest| newest.and_older(region))
    }

    /// The record that was made last.
    pub(crate) fn newest(region: &Region) -> Option<&Self> {
        region.get(region.newest.load(Ordering::Acquire))
    }

    /// This record, and all that were made before it.
    pub(crate) fn and_older<'a>(&'a self, region: &'a Region) -> impl Iterator<Item = &'a Self> {
        // Numbers fall from record to record: damaged offsets make no circle.
        core::iter::successors(Some(self), |thread| {
            let next: &Self = region.get(thread.next.load(Ordering::Acquire))?;
            (next.number() < thread.number()).then_some(next)
        })
    }

    /// Takes over a record without an owner, or makes one. None if the region is used up.
    ///
    /// The fence makes the record visible before the owner's first time stamp is taken.
    pub fn take(region: &'static Region) -> Option<&'static Self> {
        let free = Self::all(region).find(|thread| {
            let owned = &thread.owned;
            owned.load(Ordering::Relaxed) == 0
                && owned.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
        });
        let thread = free.or_else(|| Self::make(region));
        fence(Ordering::SeqCst);
        thread
    }

    fn make(region: &'static Region) -> Option<&'static Self> {
        let offset = region.allocate::<Self>(1)?;
        let thread = region.get::<Self>(offset)?;
        thread.owned.store(1, Ordering::Relaxed);
        let mut newest = region.newest.load(Ordering::Acquire);
        loop {
            let before = region.get::<Self>(newest).map_or(0, Self::number);
            thread.number.store(before + 1, Ordering::Relaxed);
            thread.next.store(newest, Ordering::Relaxed);
            // Release: whoever finds the record finds it whole.
            match region.newest.compare_exchange_weak(newest, offset, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(thread),
                Err(current) => newest = current,
            }
        }
    }

    /// Gives the record up: another thread may take it.
    pub fn give_up(&self) {
        self.owned.store(0, Ordering::Release);
    }

    /// Numbers the records from 1 on, in the order in which they were made.
    pub fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    /// A number that the owner's process keeps beside the record, for whichever of its threads owns it. 0 at first.
    pub fn companion(&self) -> &AtomicU64 {
        &self.companion
    }

    /// Tells the writer that time stamps may be taken from here on. Only the owner may.
    #[inline(always)]
    pub fn begin(&self) {
        // Odd also if a hook before was left without an end.
        self.sequence.store(self.sequence.load(Ordering::Relaxed).wrapping_add(1) | 1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Tells the writer that all events of this hook are in the ring. Only the owner may.
    #[inline(always)]
    pub fn end(&self) {
        // Release: whoever sees the even number sees the events.
        self.sequence.store((self.sequence.load(Ordering::Relaxed) | 1).wrapping_add(1), Ordering::Release);
    }

    /// Makes good what a hook that was left without an end has left undone.
    ///
    /// # Safety
    /// Only the owner may call this, outside of any push that goes on.
    pub unsafe fn recover(&self) {
        self.got_room();
        // SAFETY: as the caller vouches.
        unsafe { self.ring.recover() };
    }

    /// Odd while the owner is inside a hook; another number for every hook.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Announces that the owner is going to wait for room for an event. It should look for room once more
    /// before it does.
    pub fn ask_for_room(&self, event: Tick) {
        self.waiting.store(event.0, Ordering::Relaxed);
        self.wants_room.store(1, Ordering::Relaxed);
        // Either the writer sees the wish when it has made room, or the owner sees the room.
        fence(Ordering::SeqCst);
    }

    /// The owner's event is in the ring, or given up.
    pub fn got_room(&self) {
        self.wants_room.store(0, Ordering::Relaxed);
        // Release: whoever sees this sees the event.
        self.waiting.store(0, Ordering::Release);
    }

    /// The stamp of the event that the owner waits with.
    pub(crate) fn waits_with(&self) -> Option<Tick> {
        Some(Tick(self.waiting.load(Ordering::Acquire))).filter(|&tick| tick != Tick(0))
    }

    /// The word to wait at until the writer has made room: it is 1 until then.
    pub fn room_wanted(&self) -> &AtomicU32 {
        &self.wants_room
    }

    /// Whether the owner waits, and there is room for a while now: then it has to be woken. The writer's part.
    pub(crate) fn takes_offer(&self) -> bool {
        fence(Ordering::SeqCst);
        let takes = self.wants_room.load(Ordering::Relaxed) != 0 && self.ring.is_half_empty();
        if takes {
            self.wants_room.store(0, Ordering::Relaxed);
        }
        takes
    }

    /// Notes that an event found no room.
    pub fn lose_event(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events found no room.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::region;

    #[test]
    fn a_record_that_was_given_up_is_taken_again_and_one_in_use_is_not() {
        let region = region(8 << 20);
        let one = Thread::take(region).unwrap();
        let two = Thread::take(region).unwrap();
        assert_eq!((one.number(), two.number()), (1, 2));
        one.give_up();
        assert!(core::ptr::eq(Thread::take(region).unwrap(), one));
        assert!(Thread::all(region).map(Thread::number).eq([2, 1]));
    }

    #[test]
    fn without_memory_there_is_no_record() {
        assert!(Thread::take(region(1 << 16)).is_none());
    }

    #[test]
    fn room_is_offered_to_those_who_wait() {
        let thread = Thread::take(region(8 << 20)).unwrap();
        assert!(!thread.takes_offer());
        thread.ask_for_room(Tick(7));
        assert_eq!(thread.waits_with(), Some(Tick(7)));
        assert!(thread.takes_offer() && !thread.takes_offer());
        thread.got_room();
        assert_eq!(thread.waits_with(), None);
    }
}
