//! Starting the writing thread without the C library.
#![expect(unsafe_code, reason = "a thread of the kernel needs a stack and a thread pointer")]

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;
use std::ffi::CString;

use super::run;
use crate::arch;
use crate::sys::{self, Descriptor, Errno, Result};

const STACK_LEN: usize = 512 * 1024;
/// Room around the thread pointer: what code of the C library might look at must be there, zeroed.
const TLS_LEN: usize = 64 * 1024;
const TLS_BELOW: usize = 48 * 1024;

/// A thread shares memory and signals with the program, but neither descriptors nor the
/// working directory. So the program can't close the capture's file, and doesn't pass it on to its children.
const FLAGS: usize = (libc::CLONE_VM
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_CHILD_CLEARTID) as usize;

/// A thread of the library.
struct Own {
    /// Where its stack begins; 0 before it is started.
    stack: AtomicUsize,
    /// 0 before it is started, and when it has gone: the kernel sees to that.
    alive: AtomicU32,
}

/// The writer, and the streaming server.
static OWN: [Own; 2] = [const { Own { stack: AtomicUsize::new(0), alive: AtomicU32::new(0) } }; 2];

/// Whether the calling thread is one of the library's own.
pub(crate) fn runs_here() -> bool {
    let local = 0_u8;
    let here = (&raw const local).addr();
    OWN.iter().any(|own| here.wrapping_sub(own.stack.load(Ordering::Relaxed)) < STACK_LEN)
}

/// How many threads the library has.
pub(super) fn count() -> usize {
    OWN.iter().filter(|own| own.alive.load(Ordering::Acquire) != 0).count()
}

/// Waits a while until the library's threads, which have nothing more to do, have gone.
pub(crate) fn wait_until_gone() {
    for _ in 0..GONE_STEPS {
        let Some(own) = OWN.iter().find(|own| own.alive.load(Ordering::Acquire) != 0) else { return };
        // The kernel wakes nobody who waits privately.
        sys::futex_wait(&own.alive, 1, GONE_STEP);
    }
}

const GONE_STEP: Duration = Duration::from_millis(1);
const GONE_STEPS: u32 = 1000;

/// The writer's number.
static WRITER: AtomicU32 = AtomicU32::new(0);

/// Where the rest of the process finds a descriptor of the writer.
pub(crate) fn path_of_descriptor(Descriptor(number): Descriptor) -> Option<CString> {
    let writer = WRITER.load(Ordering::Relaxed);
    CString::new(format!("/proc/self/task/{writer}/fd/{number}")).ok()
}

/// Starts the writer.
pub(crate) fn start() -> Result<()> {
    WRITER.store(start_thread(entry, FLAGS)?, Ordering::Relaxed);
    Ok(())
}

/// Starts a thread that shares the descriptors of the calling one: of the writer.
pub(crate) fn start_beside(entry: extern "C" fn(usize) -> !) -> Result<()> {
    start_thread(entry, FLAGS | libc::CLONE_FILES as usize).map(drop)
}

/// Gives the thread's number.
fn start_thread(entry: extern "C" fn(usize) -> !, flags: usize) -> Result<u32> {
    let unused = OWN.iter().find(|own| own.stack.load(Ordering::Relaxed) == 0);
    let own = unused.ok_or(Errno(libc::EAGAIN))?;
    let stack = sys::map(STACK_LEN)?.as_mut_ptr().expose_provenance();
    let stack_top = stack + STACK_LEN;
    let tls = sys::map(TLS_LEN)?.as_mut_ptr().expose_provenance() + TLS_BELOW;
    // The ABI wants the thread pointer to point at itself; the C library reads it in two places.
    for word in [tls, tls + 16] {
        // SAFETY: inside the mapping that was just made.
        unsafe { core::ptr::with_exposed_provenance_mut::<usize>(word).write(tls) };
    }
    own.stack.store(stack, Ordering::Relaxed);
    own.alive.store(1, Ordering::Relaxed);
    let mask = sys::block_signals();
    // SAFETY: the stack and the block are new, and `entry` does not return.
    let thread = unsafe { arch::clone_thread(flags, stack_top, tls, entry, 0, &own.alive) };
    sys::restore_signals(mask);
    if thread < 0 {
        own.alive.store(0, Ordering::Relaxed);
        return Err(Errno(-thread as i32));
    }
    Ok(thread as u32)
}

static STATUS: AtomicI32 = AtomicI32::new(0);

/// Ends the calling thread, which is one of the library's own.
pub(crate) fn end() -> ! {
    sys::exit_thread(STATUS.load(Ordering::Relaxed))
}

/// Has the library's threads exit with this status: if one is the last thread, that is the status of the process.
pub(super) fn end_with(status: i32) {
    STATUS.store(status, Ordering::Relaxed);
}

extern "C" fn entry(_: usize) -> ! {
    run();
    end()
}
