//! The embedded server: a capture on its way to others while it is made.
//!
//! The capture is in a file anyhow (or in a spool, if nobody wants the file), so that is what each client gets:
//! from its first byte, at the client's own pace, following the file as it grows. A client that reads slowly, or
//! not at all, is behind in a file and holds nobody up.
//!
//! The server is a bare thread like the writer's, started by it, with which it shares file descriptors: the
//! program sees no socket and its children inherit none. It allocates nothing once it runs.

mod announcement;
mod capture_file;
mod client;
mod server;
mod socket;

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use core::time::Duration;
use std::sync::Mutex;

use bytehound_format::HeaderBody;

pub(crate) use capture_file::spool;
use server::Server;

use crate::log::{self, Level};
use crate::settings::Settings;
use crate::sys::{self, Descriptor, Errno};
use crate::{clock, writer};

/// How long a program at its end waits at most for its clients. For one that takes nothing at all it waits less.
const FINISH_PATIENCE: Duration = Duration::from_secs(30);

/// The server on its way to its thread.
static HANDED_OVER: Mutex<Option<Server>> = Mutex::new(None);
/// No descriptor.
const NOBODY: i32 = -1;
/// Where the server that runs listens.
static LISTENER: AtomicI32 = AtomicI32::new(NOBODY);
/// Clients that are connected.
static CLIENTS: AtomicU32 = AtomicU32::new(0);
/// Whether the capture is complete.
static COMPLETE: AtomicBool = AtomicBool::new(false);
/// 1 when the server has ended.
static ENDED: AtomicU32 = AtomicU32::new(0);
/// Numbers the requests that all clients catch up, and says which one was met last.
static ASKED: AtomicU32 = AtomicU32::new(0);
static MET: AtomicU32 = AtomicU32::new(0);

/// Starts the server, if it is wanted, for the capture that the writer writes to `capture`.
pub(crate) fn start(settings: &Settings, header: &HeaderBody<'_>, capture: Option<Descriptor>) {
    if !settings.enable_server {
        return;
    }
    let Some(server) = capture.and_then(|capture| Server::open(settings, header, capture)) else { return };
    let listener = server.listener();
    hand_over(Some(server));
    match writer::start_beside(entry) {
        Ok(()) => LISTENER.store(listener.0, Ordering::Relaxed),
        Err(Errno(number)) => {
            log::say(Level::Error, format_args!("cannot start the streaming thread (error {number})"));
            drop(hand_over(None));
        }
    }
}

/// Puts a server there, or takes the one that is.
fn hand_over(server: Option<Server>) -> Option<Server> {
    let mut place = HANDED_OVER.lock().ok()?;
    core::mem::replace(&mut place, server)
}

extern "C" fn entry(_: usize) -> ! {
    sys::name_thread(c"mem-prof-stream");
    if let Some(server) = hand_over(None) {
        server.run();
    }
    CLIENTS.store(0, Ordering::Release);
    ENDED.store(1, Ordering::Release);
    sys::futex_wake(&ENDED);
    writer::end()
}

/// Says that the capture is complete, and waits until the clients have it and the server has ended.
pub(crate) fn finish() {
    COMPLETE.store(true, Ordering::Release);
    let listener = LISTENER.load(Ordering::Relaxed);
    if listener != NOBODY {
        // Nobody new is let in, which wakes the server, too.
        socket::stop_listening(Descriptor(listener));
        wait(&ENDED, 1, FINISH_PATIENCE, || true);
    }
}

/// Waits until the clients have what is in the file now.
pub(crate) fn catch_up(patience: Duration) {
    let asked = ASKED.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
    wait(&MET, asked, patience, || CLIENTS.load(Ordering::Acquire) != 0);
}

/// Waits until `word` has reached `wanted`, as long as there is reason to.
fn wait(word: &AtomicU32, wanted: u32, patience: Duration, reason: impl Fn() -> bool) {
    let until = clock::nanoseconds().saturating_add(patience.as_nanos() as u64);
    loop {
        let seen = word.load(Ordering::Acquire);
        let left = until.saturating_sub(clock::nanoseconds());
        let reached = seen.wrapping_sub(wanted) as i32 >= 0;
        if reached || left == 0 || !reason() {
            return;
        }
        sys::futex_wait(word, seen, Duration::from_nanos(left).min(server::TICK));
    }
}
