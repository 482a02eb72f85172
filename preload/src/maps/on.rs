//! What the hooks of `mmap`, `munmap` and `mremap` do: make the call, and report it with its stack.
//!
//! They may run under the locks of the program's allocator, and within other hooks. A function that ends up in
//! another of them is one call: that of the outer one.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::HookFrame;
use crate::calls::{self, Call, Request, What};
use crate::capture::{self, Aside, Mode};
use crate::clock::{self, Tick};
use crate::stacks::StackId;
use crate::sys;

/// Whether maps are recorded at all.
static GATHERS: AtomicBool = AtomicBool::new(true);

/// Has maps recorded, or not.
pub(crate) fn gather(wanted: bool) {
    GATHERS.store(wanted, Ordering::Relaxed);
}

pub(crate) fn mmap(request: Request, frame: &HookFrame, call: impl Fn() -> *mut c_void) -> *mut c_void {
    let Some(inside) = enter() else { return call() };
    let flight = calls::take_off();
    let before = clock::before();
    let result = call();
    if let Some(address) = granted(result) {
        let caller = frame.caller().ip;
        report(&inside, frame, before, What::Map { address, request, caller });
    }
    drop(flight);
    result
}

/// Bytes of which the pages in memory are counted: that takes a small part of the time that unmapping them does.
const COUNTED_MAX: u64 = 1 << 30;

pub(crate) fn munmap(address: u64, len: u64, frame: &HookFrame, call: impl Fn() -> c_int) -> c_int {
    let Some(inside) = enter() else { return call() };
    // How much of it was in memory cannot be asked later.
    let resident = sys::resident_bytes(address, len.min(COUNTED_MAX));
    let flight = calls::take_off();
    let before = clock::before();
    let result = call();
    if result == 0 {
        report(&inside, frame, before, What::Unmap { address, len, resident });
    }
    drop(flight);
    result
}

pub(crate) fn mremap(
    old: u64,
    old_len: u64,
    new_len: u64,
    flags: u32,
    frame: &HookFrame,
    call: impl Fn() -> *mut c_void,
) -> *mut c_void {
    let Some(inside) = enter() else { return call() };
    let flight = calls::take_off();
    let before = clock::before();
    let result = call();
    if let Some(new) = granted(result) {
        let caller = frame.caller().ip;
        report(&inside, frame, before, What::Remap { old, old_len, new, new_len, flags, caller });
    }
    drop(flight);
    result
}

/// While recording is stopped, too: where the program's maps lie has to be known when it goes on.
fn enter() -> Option<Aside> {
    if GATHERS.load(Ordering::Relaxed) { capture::enter_aside(Mode::Stopped) } else { None }
}

fn granted(result: *mut c_void) -> Option<u64> {
    (result != libc::MAP_FAILED).then(|| result.addr() as u64)
}

fn report(inside: &Aside, frame: &HookFrame, before: Tick, what: What) {
    let after = clock::after();
    let recording = capture::is(Mode::Recording);
    let stack = if recording { inside.stack(frame) } else { StackId::NONE };
    calls::report(&Call { before, after, thread: sys::thread_id(), stack, what });
}
