//! Libraries that are unloaded: their frames are given their names by the map of the time when they were there.
#![expect(unsafe_code, reason = "reads the loader's description of a library")]

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::{lifecycle, region, unwind};

/// How long unloading waits at most for the stacks of before to be written.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many stacks there were when all of them were written.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// Runs `unload`, which gives `library` up: new stacks are written before it, and code that comes to lie at the
/// same addresses is not mistaken for the code that is gone.
pub(crate) fn around(library: *const c_void, unload: impl FnOnce() -> c_int) -> c_int {
    write_new_stacks();
    let place = place(library);
    let result = unload();
    if place.is_none_or(|place| !unwind::is_loaded(place)) {
        unwind::begin_generation();
    }
    result
}

/// Has the writer define all stacks so far, and read the map for them, if it has not.
fn write_new_stacks() {
    let now = region::get().map_or(0, |region| region.stacks().next().0);
    if now != WRITTEN.load(Ordering::Relaxed) && lifecycle::sync(PATIENCE) {
        WRITTEN.store(now, Ordering::Relaxed);
    }
}

/// `struct link_map` of the loader, as far as it is public.
#[repr(C)]
struct LinkMap {
    bias: usize,
    name: *const c_void,
    dynamic: usize,
}

/// An address inside a loaded library.
fn place(library: *const c_void) -> Option<u64> {
    // SAFETY: a handle is the address of the loader's description, which the loader is about to read too.
    unsafe { library.cast::<LinkMap>().as_ref() }.map(|library| library.dynamic as u64)
}
