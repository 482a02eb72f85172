//! Ctrl-C: the first asks for an end, so that what there is can be kept.
#![expect(unsafe_code, reason = "signal handlers have no safe wrapper in std")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on the next SIGINT or SIGTERM asks for an end, and the one after it ends at once.
pub(crate) fn watch() {
    extern "C" fn stop(_: libc::c_int) {
        STOPPED.store(true, Ordering::Relaxed);
    }
    STOPPED.store(false, Ordering::Relaxed);
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
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}
