//! The writing thread: it empties the rings, puts all events into one order, and writes the file.
//!
//! It is a bare thread of the kernel, unknown to the C library: the program's single-threaded fast paths stay
//! on, no hook of another library sees it start, and it has file descriptors of its own. It must therefore use
//! nothing of the C library that needs a thread's state.

mod events;
mod merge;
pub(crate) mod modules;
mod output;
mod progress;
mod session;
mod stream;
mod thread;

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::{lifecycle, signal, sys};

pub(crate) use thread::start;

/// Numbers the requests to write everything out.
static REQUESTED: AtomicU32 = AtomicU32::new(0);
static FLUSHED: AtomicU32 = AtomicU32::new(0);

/// A request that everything in the rings be written to the file.
#[derive(Clone, Copy)]
pub(crate) struct FlushRequest(u32);

impl FlushRequest {
    /// Asks now.
    pub(crate) fn new() -> Self {
        let request = Self(REQUESTED.fetch_add(1, Ordering::AcqRel).wrapping_add(1));
        signal::wake_writer();
        request
    }

    /// Waits for the answer, at most for `timeout`; says whether it has come.
    pub(crate) fn wait(self, timeout: Duration) -> bool {
        let flushed = FLUSHED.load(Ordering::Acquire);
        let answered = flushed.wrapping_sub(self.0) as i32 >= 0;
        if !answered {
            sys::futex_wait(&FLUSHED, flushed, timeout);
        }
        answered
    }
}

/// The newest request that is not answered.
fn flush_request() -> Option<FlushRequest> {
    let request = REQUESTED.load(Ordering::Acquire);
    (request != FLUSHED.load(Ordering::Relaxed)).then_some(FlushRequest(request))
}

/// Says that everything is written that was in the rings when `request` was seen.
fn answer_flush(request: FlushRequest) {
    FLUSHED.store(request.0, Ordering::Release);
    sys::futex_wake(&FLUSHED);
}

/// The life of the writing thread.
fn run() {
    sys::name_thread(c"mem-prof");
    if let Some(start) = lifecycle::start_facts()
        && let Some(session) = session::Session::open(start)
    {
        session.run();
    }
    lifecycle::finished();
}
