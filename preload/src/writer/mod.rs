//! The writing thread: it empties the rings, puts all events into one order, and writes the file.
//!
//! It is a bare thread of the kernel, unknown to the C library: the program's single-threaded fast paths stay
//! on, no hook of another library sees it start, and it has file descriptors of its own. It must therefore use
//! nothing of the C library that needs a thread's state.

mod blocks;
mod container;
mod culled;
mod culling;
mod direct;
mod events;
mod generated;
mod lanes;
mod log_output;
mod merge;
mod modules;
mod output;
mod pending;
mod pipeline;
mod session;
mod stream;
mod thread;
mod thread_names;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use crate::clock::{self, Tick};
use crate::{lifecycle, signal, streaming, sys};

pub(crate) use thread::{end, path_of_descriptor, runs_here, start, start_beside, wait_until_gone};

/// Numbers the requests to write everything out.
static REQUESTED: AtomicU32 = AtomicU32::new(0);
static ANSWERED: AtomicU32 = AtomicU32::new(0);
/// The tick of the newest request.
static MOMENT: AtomicU64 = AtomicU64::new(0);

/// A request that everything that has happened so far be written to the file.
#[derive(Clone, Copy)]
pub(crate) struct FlushRequest(u32);

impl FlushRequest {
    /// Asks now.
    pub(crate) fn new() -> Self {
        // Before the number: whoever sees that sees this moment or a later one.
        MOMENT.fetch_max(clock::after().0, Ordering::AcqRel);
        let request = Self(REQUESTED.fetch_add(1, Ordering::AcqRel).wrapping_add(1));
        signal::wake_writer();
        request
    }

    /// Waits for the answer, at most for `timeout`; says whether it has come.
    pub(crate) fn wait(self, timeout: Duration) -> bool {
        let answered = ANSWERED.load(Ordering::Acquire);
        if self.is_answered_by(answered) {
            return true;
        }
        sys::futex_wait(&ANSWERED, answered, timeout);
        self.is_answered()
    }

    pub(crate) fn is_answered(self) -> bool {
        self.is_answered_by(ANSWERED.load(Ordering::Acquire))
    }

    fn is_answered_by(self, answered: u32) -> bool {
        answered.wrapping_sub(self.0) as i32 >= 0
    }

    /// The newest request that is not answered.
    fn pending() -> Option<Self> {
        let request = REQUESTED.load(Ordering::Acquire);
        (request != ANSWERED.load(Ordering::Relaxed)).then_some(Self(request))
    }

    /// The moment up to which it asks.
    fn moment() -> Tick {
        Tick(MOMENT.load(Ordering::Acquire))
    }

    /// Says that everything up to the moment of this request is in the file.
    fn answer(self) {
        ANSWERED.store(self.0, Ordering::Release);
        sys::futex_wake(&ANSWERED);
    }
}

/// The life of the writing thread.
fn run() {
    sys::name_thread(c"mem-prof");
    if let Some(start) = lifecycle::start_facts()
        && let Some(session) = session::Session::open(start)
    {
        session.run();
    }
    streaming::finish();
    lifecycle::finished();
}
