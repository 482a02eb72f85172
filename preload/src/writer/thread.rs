//! Starting the writing thread without the C library.
#![expect(unsafe_code, reason = "a thread of the kernel needs a stack and a thread pointer")]

use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use super::run;
use crate::arch;
use crate::sys::{self, Errno, Result};

const STACK_LEN: usize = 512 * 1024;
/// Room around the thread pointer: what code of the C library might look at must be there, zeroed.
const TLS_LEN: usize = 64 * 1024;
const TLS_BELOW: usize = 48 * 1024;

/// A thread shares memory and signals with the program, but neither descriptors nor the
/// working directory. So the program can't close the capture's file, and doesn't pass it on to its children.
const FLAGS: usize =
    (libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD | libc::CLONE_SYSVSEM | libc::CLONE_SETTLS)
        as usize;

/// Threads that there are at most: the writer, and the streaming server.
const THREADS_MAX: usize = 2;
/// Where their stacks begin.
static STACKS: [AtomicUsize; THREADS_MAX] = [const { AtomicUsize::new(0) }; THREADS_MAX];
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Whether the calling thread is one of the library's own.
pub(crate) fn runs_here() -> bool {
    let local = 0_u8;
    let here = (&raw const local).addr();
    STACKS.iter().any(|stack| here.wrapping_sub(stack.load(Ordering::Relaxed)) < STACK_LEN)
}

/// How many threads the library has.
pub(super) fn count() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// Starts the writer.
pub(crate) fn start() -> Result<()> {
    start_thread(entry, FLAGS)
}

/// Starts a thread that shares the descriptors of the calling one: of the writer.
pub(crate) fn start_beside(entry: extern "C" fn(usize) -> !) -> Result<()> {
    start_thread(entry, FLAGS | libc::CLONE_FILES as usize)
}

fn start_thread(entry: extern "C" fn(usize) -> !, flags: usize) -> Result<()> {
    let stack = sys::map(STACK_LEN)?.as_mut_ptr().expose_provenance();
    let stack_top = stack + STACK_LEN;
    if let Some(place) = STACKS.get(THREADS.fetch_add(1, Ordering::Relaxed)) {
        place.store(stack, Ordering::Relaxed);
    }
    let tls = sys::map(TLS_LEN)?.as_mut_ptr().expose_provenance() + TLS_BELOW;
    // The ABI wants the thread pointer to point at itself; the C library reads it in two places.
    for word in [tls, tls + 16] {
        // SAFETY: inside the mapping that was just made.
        unsafe { core::ptr::with_exposed_provenance_mut::<usize>(word).write(tls) };
    }
    let mask = sys::block_signals();
    // SAFETY: the stack and the block are new, and `entry` does not return.
    let thread = unsafe { arch::clone_thread(flags, stack_top, tls, entry, 0) };
    sys::restore_signals(mask);
    if thread < 0 { Err(Errno(-thread as i32)) } else { Ok(()) }
}

static STATUS: AtomicI32 = AtomicI32::new(0);

/// What the library's threads exit with: if one is the last thread, that is the status of the process.
pub(crate) fn exit_status() -> i32 {
    STATUS.load(Ordering::Relaxed)
}

/// Has the library's threads exit with this status.
pub(super) fn end_with(status: i32) {
    STATUS.store(status, Ordering::Relaxed);
}

extern "C" fn entry(_: usize) -> ! {
    run();
    sys::exit_thread(exit_status())
}
