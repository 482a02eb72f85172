//! The functions that a program may call to steer its own capture.
#![cfg(not(test))]
#![expect(unsafe_code, reason = "exported by name")]

use core::time::Duration;

use bytehound_format::v2::batch::Event;

use crate::capture::{Mode, enter};
use crate::lifecycle;

/// How long a program waits at most for its capture to be written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts recording, or goes on with it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memory_profiler_start() {
    lifecycle::start();
}

/// Stops recording; frees of recorded blocks are still noted.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memory_profiler_stop() {
    lifecycle::stop();
}

/// Returns when everything so far is in the file.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memory_profiler_sync() {
    lifecycle::sync(PATIENCE);
}

/// Marks all later events with `value`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memory_profiler_set_marker(value: u32) {
    if let Some(inside) = enter(Mode::Stopped) {
        inside.note(&Event::Marker { value });
    }
}

/// Gives the next event this time, in microseconds of the monotonic clock.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memory_profiler_override_next_timestamp(microseconds: u64) {
    if let Some(inside) = enter(Mode::Stopped) {
        inside.note(&Event::OverrideTime { microseconds });
    }
}
