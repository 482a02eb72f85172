//! The threads of the program: each has a record with its ring, its unwinder and its part of the stack table.
//!
//! Records are made at a thread's first event, stay in one list for good, and are taken over by later threads
//! when theirs ends: the ring itself says which thread it speaks for.
#![expect(unsafe_code, reason = "records are shared memory with one owner")]

use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence, fence};
use core::time::Duration;

use crate::clock::Tick;
use crate::ring::Ring;
use crate::stacks::{Interner, StackId};
use crate::unwind::Unwinder;
use crate::{arch, sys};

/// One thread's record.
#[repr(C)]
pub(crate) struct Thread {
    /// Odd while the owner is inside a hook.
    sequence: AtomicU32,
    owned: AtomicU32,
    /// 1 while the owner waits for room in the ring.
    wants_room: AtomicU32,
    /// The stamp of the event that the owner wants room for; 0 for none.
    waiting: AtomicU64,
    /// Events that found no room.
    lost: AtomicU64,
    next: AtomicPtr<Self>,
    own: UnsafeCell<Own>,
    pub(crate) ring: Ring,
}

/// What only the owner touches.
struct Own {
    unwinder: Unwinder,
    interner: Interner,
}

// SAFETY: `own` is only reached through `Thread::stack`, which only the owner of the record may call.
unsafe impl Sync for Thread {}

static FIRST: AtomicPtr<Thread> = AtomicPtr::new(null_mut());

/// All records, the newest first.
pub(crate) fn all() -> impl Iterator<Item = &'static Thread> {
    from(record(FIRST.load(Ordering::Acquire)))
}

/// A record, and all older ones.
pub(crate) fn from(thread: Option<&'static Thread>) -> impl Iterator<Item = &'static Thread> {
    core::iter::successors(thread, |thread| record(thread.next.load(Ordering::Acquire)))
}

fn record(pointer: *mut Thread) -> Option<&'static Thread> {
    // SAFETY: only whole records get into the list, and they stay for good.
    unsafe { pointer.as_ref() }
}

/// Takes over a record without an owner, or makes one. None if there is no memory.
///
/// The fence makes the record visible before the owner's first time stamp is taken.
pub(crate) fn take() -> Option<&'static Thread> {
    let free = all().find(|thread| {
        let owned = &thread.owned;
        owned.load(Ordering::Relaxed) == 0
            && owned.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    });
    let thread = free.or_else(make);
    fence(Ordering::SeqCst);
    thread
}

fn make() -> Option<&'static Thread> {
    let thread: *mut Thread = sys::map(size_of::<Thread>()).ok()?.as_mut_ptr().cast();
    // SAFETY: the mapping is page-aligned, zeroed and ours; zero is a valid value of every other field.
    let thread = unsafe {
        Unwinder::prepare(&raw mut (*(*thread).own.get()).unwinder);
        &*thread
    };
    thread.owned.store(1, Ordering::Relaxed);
    let mut first = FIRST.load(Ordering::Relaxed);
    loop {
        thread.next.store(first, Ordering::Relaxed);
        let pointer = core::ptr::from_ref(thread).cast_mut();
        // Release: whoever finds the record finds it whole.
        match FIRST.compare_exchange_weak(first, pointer, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return Some(thread),
            Err(current) => first = current,
        }
    }
}

impl Thread {
    /// Gives the record up: another thread may take it.
    pub(crate) fn give_up(&self) {
        self.owned.store(0, Ordering::Release);
    }

    /// Tells the writer that time stamps may be taken from here on. Only the owner may.
    #[inline(always)]
    pub(crate) fn begin(&self) {
        self.sequence.store(self.sequence.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Tells the writer that all events of this hook are in the ring. Only the owner may.
    #[inline(always)]
    pub(crate) fn end(&self) {
        // Release: whoever sees the even number sees the events.
        self.sequence.store(self.sequence.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Odd while the owner is inside a hook; another number for every hook.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Announces that the owner is going to wait for room for an event. It should look for room once more
    /// before it does.
    pub(crate) fn ask_for_room(&self, event: Tick) {
        self.waiting.store(event.0, Ordering::Relaxed);
        self.wants_room.store(1, Ordering::Relaxed);
        // Either the writer sees the wish when it has made room, or the owner sees the room.
        fence(Ordering::SeqCst);
    }

    /// The owner's event is in the ring, or given up.
    pub(crate) fn got_room(&self) {
        self.wants_room.store(0, Ordering::Relaxed);
        // Release: whoever sees this sees the event.
        self.waiting.store(0, Ordering::Release);
    }

    /// The stamp of the event that the owner waits with.
    pub(crate) fn waits_with(&self) -> Option<Tick> {
        Some(Tick(self.waiting.load(Ordering::Acquire))).filter(|&tick| tick != Tick(0))
    }

    /// Waits until the writer has made room, at most for `timeout`.
    pub(crate) fn wait_for_room(&self, timeout: Duration) {
        sys::futex_wait(&self.wants_room, 1, timeout);
    }

    /// Wakes the owner if it waits and there is room for a while. The writer's part.
    pub(crate) fn offer_room(&self) {
        fence(Ordering::SeqCst);
        if self.wants_room.load(Ordering::Relaxed) != 0 && self.ring.is_half_empty() {
            self.wants_room.store(0, Ordering::Relaxed);
            sys::futex_wake(&self.wants_room);
        }
    }

    pub(crate) fn lose_event(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that found no room since this was asked last.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// The stack of a hook's caller.
    ///
    /// # Safety
    /// Only the owner may call this, and not while it is in it already (in a signal handler).
    #[inline(always)]
    pub(crate) unsafe fn stack(&self, frame: &arch::HookFrame) -> StackId {
        // SAFETY: by this function's contract nobody else has a reference.
        let own = unsafe { &mut *self.own.get() };
        let trace = own.unwinder.trace(frame);
        own.interner.intern(trace.hash, trace.generation, trace.addresses())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_given_up_is_taken_again_and_one_in_use_is_not() {
        let one = take().unwrap();
        let two = take().unwrap();
        assert!(!core::ptr::eq(one, two));
        one.give_up();
        assert!(core::ptr::eq(take().unwrap(), one));
        assert!(all().any(|thread| core::ptr::eq(thread, two)));
    }
}
