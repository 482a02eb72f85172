//! Ctrl-C: what has arrived is kept, and said to be.
#![expect(unsafe_code, reason = "signal handlers have no safe wrapper in std")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on the first SIGINT or SIGTERM asks for an end; the next one ends at once.
pub(super) fn watch() {
    extern "C" fn stop(_: libc::c_int) {
        STOPPED.store(true, Ordering::Relaxed);
    }
    let handler: extern "C" fn(libc::c_int) = stop;
    // SAFETY: all zeroes is a valid `sigaction`: no flags, and an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESETHAND;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only changes an atomic.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
}

/// Whether an end was asked for.
pub(super) fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}
