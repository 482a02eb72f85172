//! How hooks wake the writer.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::{sandbox, sys};

/// Counts what the writer was woken for.
static WAKES: AtomicU32 = AtomicU32::new(0);

pub(crate) fn wake_writer() {
    WAKES.fetch_add(1, Ordering::Release);
    sys::futex_wake(&WAKES);
}

pub(crate) fn wakes() -> u32 {
    WAKES.load(Ordering::Acquire)
}

/// Lets the writer sleep until it is woken again, at most for `timeout`.
pub(crate) fn wait_for_wake(seen: u32, timeout: Duration) {
    let timeout = if sandbox::is_active() { UNWOKEN } else { timeout };
    sys::futex_wait(&WAKES, seen, timeout);
}

/// How long the writer sleeps at most if the program's threads may not wake it.
const UNWOKEN: Duration = Duration::from_millis(1);

/// Sleeps, whoever wakes whom.
pub(crate) fn pause(time: Duration) {
    sys::futex_wait(&AtomicU32::new(0), 0, time);
}
