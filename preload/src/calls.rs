//! Rare calls on their way to the writer: what the program maps, and how it tunes its allocator.
//!
//! They go through one queue for all threads: a call may come from within another hook (an allocator maps memory
//! under its own locks), where the thread's ring is in use. Adding takes no lock and allocates nothing.

mod call;
mod flight;
mod queue;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use bytehound_format::v2::batch::Node;

use crate::{clock, lifecycle, signal};
use queue::Queue;

pub(crate) use call::{Call, JEMALLOC, Request, What};
pub(crate) use flight::{Flight, Landing, await_landing, take_off};

/// Calls that find room while the writer is busy: what a program can make in a tenth of a second.
const LEN: usize = 1 << 15;

/// 4 MiB of zeroed memory, of which only what is used is ever there.
static QUEUE: Queue<LEN> = Queue::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// How long a thread waits for room before it gives a call up.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(1);

/// Calls after which the writer is woken.
const WAKE_EVERY: u64 = LEN as u64 / 8;

/// Hands a call of the program to the writer.
pub(crate) fn report(call: &Call) {
    let words = call.to_words();
    match QUEUE.push(words) {
        Some(position) if position % WAKE_EVERY == WAKE_EVERY - 1 || call.is_urgent() => {
            signal::wake_writer()
        }
        Some(_) => {}
        None if push_when_drained(words) => {}
        None => _ = LOST.fetch_add(1, Ordering::Relaxed),
    }
}

/// Tells the writer of memory of this library itself, if there is room: the writer may be the caller. Memory is told
/// of before it is given back, and after it was mapped.
pub(crate) fn report_own(what: What) {
    let (before, after) = (clock::before(), clock::after());
    let call = Call { before, after, thread: 0, stack: Node::NONE, what };
    QUEUE.push(call.to_words());
}

#[cold]
fn push_when_drained(words: [u64; queue::WORDS]) -> bool {
    let start = clock::nanoseconds();
    while lifecycle::writer_runs_here() {
        signal::wake_writer();
        signal::pause(STEP);
        if QUEUE.push(words).is_some() {
            return true;
        }
        if u128::from(clock::nanoseconds().saturating_sub(start)) > PATIENCE.as_nanos() {
            break;
        }
    }
    false
}

/// Takes the next call. Only the writer may.
pub(crate) fn take() -> Option<Call> {
    core::iter::from_fn(|| QUEUE.pop(clock::nanoseconds())).find_map(|words| Call::from_words(&words))
}

/// Calls that found no room.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// The pages that the queue has for itself: from, to.
pub(crate) fn memory() -> (u64, u64) {
    let start = core::ptr::from_ref(&QUEUE).addr() as u64;
    let end = start + size_of_val(&QUEUE) as u64;
    (start.next_multiple_of(4096), end & !4095)
}
