//! What one thread of the program has inside the library: a record in the region, and beside it, in memory that is
//! this process's own, what it needs to walk its stacks.
#![expect(unsafe_code, reason = "memory with one owner")]

use core::cell::UnsafeCell;
use core::sync::atomic::Ordering;
use core::time::Duration;

use bytehound_format::v2::batch::{Node, Room, State};
use bytehound_rings::{Pushed, Region, Tick};

use crate::unwind::Unwinder;
use crate::{arch, clock, lifecycle, region, signal, sys, unwind};

/// A thread's side of the library.
pub(crate) struct Thread {
    region: &'static Region,
    record: &'static bytehound_rings::Thread,
    /// What only the owner touches.
    unwinder: UnsafeCell<Unwinder>,
}

// SAFETY: `unwinder` is only reached through `Thread::stack`, which only the owner may call.
unsafe impl Sync for Thread {}

/// Takes over what no thread owns, or makes it. None if there is no memory.
pub(crate) fn take() -> Option<&'static Thread> {
    let region = region::get()?;
    let record = bytehound_rings::Thread::take(region);
    let thread = record.and_then(|record| of(region, record));
    if thread.is_none() {
        region.lose_event();
    }
    thread
}

/// The record's companion: made when it is taken first.
fn of(region: &'static Region, record: &'static bytehound_rings::Thread) -> Option<&'static Thread> {
    let known = record.companion().load(Ordering::Relaxed) as usize;
    if known != 0 {
        // SAFETY: only `make` sets the companion, and what it makes stays for good.
        return Some(unsafe { &*core::ptr::with_exposed_provenance(known) });
    }
    let Some(thread) = make(region, record) else {
        record.give_up();
        return None;
    };
    record.companion().store(core::ptr::from_ref(thread).expose_provenance() as u64, Ordering::Relaxed);
    Some(thread)
}

fn make(region: &'static Region, record: &'static bytehound_rings::Thread) -> Option<&'static Thread> {
    let thread: *mut Thread = sys::map(size_of::<Thread>()).ok()?.as_mut_ptr().cast();
    // SAFETY: the mapping is page-aligned, zeroed and ours; zero is a valid value of every field that is not written.
    unsafe {
        (&raw mut (*thread).region).write(region);
        (&raw mut (*thread).record).write(record);
        Unwinder::prepare((*thread).unwinder.get());
        Some(&*thread)
    }
}

/// How long a thread waits for room before it gives an event up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it sleeps before it looks again by itself.
const STEP: Duration = Duration::from_millis(20);

impl Thread {
    /// Tells the writer that time stamps may be taken from here on. Only the owner may.
    #[inline(always)]
    pub(crate) fn begin(&self) {
        self.record.begin();
    }

    /// Tells the writer that all events of this hook are in the ring. Only the owner may.
    #[inline(always)]
    pub(crate) fn end(&self) {
        self.record.end();
    }

    /// Gives it all up: another thread may take it.
    pub(crate) fn give_up(&self) {
        self.record.give_up();
    }

    /// Adds an event that was stamped with `tick` and that `encode` puts in; waits for room if there is none.
    ///
    /// # Safety
    /// Only the owner may call this, and not from within `encode`.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, tick: Tick, encode: impl Fn(&mut State, &mut Room) -> usize) {
        // SAFETY: as the caller vouches.
        match unsafe { self.record.ring.push(&encode) } {
            Pushed::Quietly => {}
            Pushed::WakeWriter => signal::wake_writer(),
            Pushed::Full => self.push_when_drained(tick, &encode),
        }
    }

    #[cold]
    fn push_when_drained(&self, tick: Tick, encode: &dyn Fn(&mut State, &mut Room) -> usize) {
        let start = clock::nanoseconds();
        while lifecycle::writer_runs_here() {
            self.record.ask_for_room(tick);
            signal::wake_writer();
            // SAFETY: `push`, which alone calls this, is called by the owner.
            if unsafe { self.record.ring.push(encode) } != Pushed::Full {
                self.record.got_room();
                return;
            }
            if u128::from(clock::nanoseconds().saturating_sub(start)) > PATIENCE.as_nanos() {
                break;
            }
            sys::futex_wait(self.record.room_wanted(), 1, STEP);
        }
        self.record.got_room();
        self.record.lose_event();
    }

    /// Whether all of these lie on the stack that was walked last.
    pub(crate) fn knows_stack_of(&self, addresses: [u64; 2]) -> bool {
        // SAFETY: only numbers are read, whatever the hook is doing that was interrupted.
        unsafe { Unwinder::knows_stack_of(self.unwinder.get(), addresses) }
    }

    /// Makes good what a hook that was left has left undone.
    ///
    /// # Safety
    /// Only the owner may call this; the hook that it was in does not go on.
    #[cold]
    pub(crate) unsafe fn recover(&self) {
        // SAFETY: as the caller vouches, nobody is in there; zero is a valid value of all that `prepare` does not write.
        unsafe {
            self.record.recover();
            self.unwinder.get().write_bytes(0, 1);
            Unwinder::prepare(self.unwinder.get());
        }
    }

    /// The stack of a hook's caller, with the hook itself innermost.
    ///
    /// # Safety
    /// Only the owner may call this, and not while it is in it already (in a signal handler).
    #[inline(never)]
    pub(crate) unsafe fn stack(&self, frame: &arch::HookFrame) -> Node {
        // SAFETY: by this function's contract nobody else has a reference.
        let unwinder = unsafe { &mut *self.unwinder.get() };
        let node = unwinder.trace(frame, self.region);
        if unwind::are_backtraces_checked() {
            unwinder.check(frame, node, self.region);
        }
        node
    }
}
