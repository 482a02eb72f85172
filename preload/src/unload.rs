//! Libraries that are unloaded: their frames are given their names by the map of the time when they were there.
#![expect(unsafe_code, reason = "the loader tells how often it has unloaded through a callback")]

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::maps::earlier;
use crate::{lifecycle, region, unwind};

/// How long unloading waits at most for the stacks of before to be written.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many stacks there were when all of them were written.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// Runs `unload`, which may give libraries up: stacks of before are named as things are now, and code that comes to
/// lie at the same addresses is not mistaken for the code that is gone.
pub(crate) fn around(unload: impl FnOnce() -> c_int) -> c_int {
    settle_stacks();
    let before = unloaded();
    let result = unload();
    if unloaded() != before {
        unwind::begin_generation();
    }
    result
}

/// Has the writer define all stacks so far, and read the map for them, if it has not. One that does not get to it finds
/// the map later.
fn settle_stacks() {
    let Some(region) = region::get().filter(|_| lifecycle::start_facts_here().is_some()) else { return };
    let next = region.stacks().next();
    if next.0 == WRITTEN.load(Ordering::Relaxed) {
        return;
    }
    // A writer that has not come for an earlier map is not waited for again.
    if !earlier::are_waiting() && lifecycle::sync(PATIENCE) {
        WRITTEN.store(next.0, Ordering::Relaxed);
    } else {
        earlier::leave(next);
    }
}

/// How many libraries were unloaded so far, by any thread.
fn unloaded() -> u64 {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, count: *mut c_void) -> c_int {
        // SAFETY: the loader passes a valid module, and `unloaded` its number.
        unsafe { *count.cast::<u64>() = (*info).dlpi_subs };
        // The first module says it.
        1
    }
    let mut count = 0_u64;
    // SAFETY: the callback gets the address of `count`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut count).cast()) };
    count
}
