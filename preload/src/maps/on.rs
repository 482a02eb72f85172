//! What the hooks of `mmap`, `munmap` and `mremap` do: make the call, and report it with its stack.
//!
//! They may run under the locks of the program's allocator, and within other hooks. A function that ends up in
//! another of them is one call: that of the outer one.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use bytehound_format::v2::batch::Node;

use crate::allocators::is_within_jemalloc;
use crate::arch::HookFrame;
use crate::calls::{self, Call, Flight, JEMALLOC, Request, What};
use crate::capture::{self, Aside, Mode};
use crate::clock::{self, Tick};
use crate::sys;

/// Whether maps are recorded at all.
static GATHERS: AtomicBool = AtomicBool::new(true);

pub(crate) fn gathers() -> bool {
    GATHERS.load(Ordering::Relaxed)
}

/// Has maps recorded, or not.
pub(crate) fn gather(wanted: bool) {
    GATHERS.store(wanted, Ordering::Relaxed);
}

pub(crate) fn mmap(request: Request, frame: &HookFrame, call: impl Fn() -> *mut c_void) -> *mut c_void {
    let Some(begun) = begin(None) else { return call() };
    let result = call();
    begun.end(frame, mapped(request, result, frame));
    result
}

pub(crate) fn munmap(address: u64, len: u64, frame: &HookFrame, call: impl Fn() -> c_int) -> c_int {
    let Some(begun) = begin(Some((address, len))) else { return call() };
    let result = call();
    begun.end(frame, unmapped(address, len, result));
    result
}

pub(crate) fn mremap(old: Moving, frame: &HookFrame, call: impl Fn() -> *mut c_void) -> *mut c_void {
    let Some(begun) = begin(None) else { return call() };
    let result = call();
    begun.end(frame, remapped(old, result, frame));
    result
}

/// What `mremap` was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Moving {
    pub(crate) old: u64,
    pub(crate) old_len: u64,
    pub(crate) new_len: u64,
    pub(crate) flags: u32,
}

pub(super) fn mapped(request: Request, result: *mut c_void, frame: &HookFrame) -> Option<What> {
    granted(result).map(|address| What::Map { address, request, caller: frame.caller().ip })
}

pub(super) fn unmapped(address: u64, len: u64, result: c_int) -> Option<What> {
    (result == 0).then_some(What::Unmap { address, len, resident: 0 })
}

pub(super) fn remapped(moving: Moving, result: *mut c_void, frame: &HookFrame) -> Option<What> {
    let Moving { old, old_len, new_len, flags } = moving;
    let caller = frame.caller().ip;
    granted(result).map(|new| What::Remap { old, old_len, new, new_len, flags, caller })
}

fn granted(result: *mut c_void) -> Option<u64> {
    (result != libc::MAP_FAILED).then(|| result.addr() as u64)
}

/// A call under way.
pub(super) struct Begun {
    inside: Aside,
    flight: Flight,
    before: Tick,
    /// Pages in memory of what the call takes away.
    pages: u32,
}

/// Bytes of which the pages in memory are counted: that takes a small part of the time that unmapping them does.
const COUNTED_MAX: u64 = 1 << 30;

/// A call is about to be made; one that takes a range away is told that. None if it is not recorded, or a part of
/// another one.
///
/// While recording is stopped, too: where the program's maps lie has to be known when it goes on.
pub(super) fn begin(taken: Option<(u64, u64)>) -> Option<Begun> {
    if !gathers() {
        return None;
    }
    let inside = capture::enter_aside(Mode::Stopped)?;
    // How much of it was in memory cannot be asked later.
    let pages = taken.map_or(0, |(address, len)| sys::resident_pages(address, len.min(COUNTED_MAX)));
    let flight = calls::take_off();
    Some(Begun { inside, flight, before: clock::before(), pages })
}

impl Begun {
    /// The call has returned; it has done this, unless it failed.
    pub(super) fn end(self, frame: &HookFrame, done: Option<What>) {
        let Some(mut what) = done else { return };
        match &mut what {
            What::Unmap { resident, .. } => *resident = u64::from(self.pages) * sys::PAGE as u64,
            What::Map { caller, .. } if self.inside.is_nested() && is_within_jemalloc(frame) => {
                *caller = JEMALLOC;
            }
            _ => {}
        }
        let after = clock::after();
        let recording = capture::is(Mode::Recording);
        let stack = if recording { self.inside.stack(frame) } else { Node::NONE };
        calls::report(&Call { before: self.before, after, thread: sys::thread_id(), stack, what });
        drop(self.flight);
    }
}
