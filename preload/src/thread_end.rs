//! Noticing that a thread ends, so that its record can serve another one.
#![expect(unsafe_code, reason = "registers a callback with the C library")]

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::capture;

/// The key whose destructor tells us that a thread ends, plus one.
static KEY: AtomicU32 = AtomicU32::new(0);
/// Destructors of keys run again while values are set, this often.
const ROUNDS: usize = 4;

/// Makes the key, once in the process's life.
pub(crate) fn create_key() {
    let mut key = 0;
    // SAFETY: plain registration; the destructor stays valid.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(on_thread_end)) } == 0 {
        KEY.store(key + 1, Ordering::Relaxed);
    }
}

/// Has the calling thread's record given up when the thread ends.
pub(crate) fn watch() {
    set_round(1);
}

fn set_round(round: usize) {
    if let Some(key) = KEY.load(Ordering::Relaxed).checked_sub(1) {
        // SAFETY: the key exists; the value is a number, not an address.
        unsafe { libc::pthread_setspecific(key, core::ptr::without_provenance(round)) };
    }
}

/// Waits for the last round, because destructors of other keys may still allocate.
unsafe extern "C" fn on_thread_end(round: *mut c_void) {
    if round.addr() < ROUNDS {
        capture::privately(|| set_round(round.addr() + 1));
    } else {
        capture::detach();
    }
}
