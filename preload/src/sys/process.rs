//! The process, its threads, signals and clocks.
#![expect(unsafe_code, reason = "system calls")]

use core::ffi::CStr;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

use super::checked;
use crate::sandbox::syscall;

/// None if the program has given up asking for it.
pub(crate) fn process_id() -> Option<u32> {
    // SAFETY: no arguments.
    checked(unsafe { syscall(libc::SYS_getpid, [0; 6]) }).ok().map(|id| id as u32)
}

/// Stands for threads that may not ask for their number.
const UNKNOWN_THREAD: u32 = u32::MAX;

pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments.
    checked(unsafe { syscall(libc::SYS_gettid, [0; 6]) }).map_or(UNKNOWN_THREAD, |id| id as u32)
}

/// How many threads the process has.
pub(crate) fn thread_count() -> Option<u64> {
    // SAFETY: zeroes are a valid `stat`.
    let mut facts: libc::stat = unsafe { core::mem::zeroed() };
    let at = libc::AT_FDCWD as isize as usize;
    let arguments = [at, c"/proc/self/task".as_ptr().addr(), (&raw mut facts).addr(), 0, 0, 0];
    // SAFETY: the path ends with a NUL, and the kernel writes into `facts` only.
    checked(unsafe { syscall(libc::SYS_newfstatat, arguments) }).ok()?;
    // A folder of two entries and one a thread.
    facts.st_nlink.checked_sub(2)
}

/// Fills `bytes` with random ones, as far as the kernel gives any.
pub(crate) fn random(bytes: &mut [u8]) {
    let flags = libc::GRND_NONBLOCK as usize;
    // SAFETY: the kernel writes into `bytes` only.
    let _ = unsafe { syscall(libc::SYS_getrandom, [bytes.as_mut_ptr().addr(), bytes.len(), flags, 0, 0, 0]) };
}

/// Sleeps until `word` is woken, is not `expected` any more, or `timeout` is over.
///
/// A thread that may not sleep comes back at once, having given way a little.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    let timeout =
        libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    let operation = (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: both pointers are valid for the call.
    unsafe {
        let (word, timeout) = (word.as_ptr().addr(), (&raw const timeout).addr());
        let result = syscall(libc::SYS_futex, [word, operation, expected as usize, timeout, 0, 0]);
        if result == -libc::EPERM as isize {
            (0..1000).for_each(|_| core::hint::spin_loop());
        }
    }
}

/// Whether two addresses both lie on the stack for this thread's signal handlers, or neither does. If the kernel can't
/// be asked, they do not.
pub(crate) fn are_on_one_stack(one: usize, other: usize) -> bool {
    // SAFETY: zeros are a valid `stack_t`.
    let mut alternate: libc::stack_t = unsafe { core::mem::zeroed() };
    let into = (&raw mut alternate).expose_provenance();
    // SAFETY: only asks.
    let asked = checked(unsafe { syscall(libc::SYS_sigaltstack, [0, into, 0, 0, 0, 0]) });
    let start = alternate.ss_sp.addr();
    let holds = |address| (start..start.saturating_add(alternate.ss_size)).contains(&address);
    asked.is_ok() && holds(one) == holds(other)
}

/// Wakes all that wait for `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let operation = (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: the word is valid; waking is harmless.
    unsafe { syscall(libc::SYS_futex, [word.as_ptr().addr(), operation, i32::MAX as usize, 0, 0, 0]) };
}

/// Blocks all signals of the calling thread and returns which were blocked before.
pub(crate) fn block_signals() -> u64 {
    exchange_signal_mask(u64::MAX)
}

/// Undoes [`block_signals`].
pub(crate) fn restore_signals(mask: u64) {
    exchange_signal_mask(mask);
}

fn exchange_signal_mask(new: u64) -> u64 {
    let mut old = 0_u64;
    let how = libc::SIG_SETMASK as usize;
    // SAFETY: both pointers are valid for the call, and 8 is the kernel's size of a signal set.
    unsafe {
        let (new, old) = ((&raw const new).addr(), (&raw mut old).addr());
        syscall(libc::SYS_rt_sigprocmask, [how, new, old, 8, 0, 0]);
    }
    old
}

/// Names the calling thread; at most 15 bytes count.
pub(crate) fn name_thread(name: &CStr) {
    // SAFETY: the name ends with a NUL.
    unsafe { syscall(libc::SYS_prctl, [libc::PR_SET_NAME as usize, name.as_ptr().addr(), 0, 0, 0, 0]) };
}

/// Ends the calling thread.
pub(crate) fn exit_thread(status: i32) -> ! {
    loop {
        // SAFETY: ends this thread alone.
        unsafe { syscall(libc::SYS_exit, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Ends the process.
pub(crate) fn exit_process(status: i32) -> ! {
    loop {
        // SAFETY: this is what the program asked for.
        unsafe { syscall(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

/// A clock's time in nanoseconds.
pub(crate) fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the C library's wrapper reads the vDSO; it takes no lock, and sets `errno` only when it fails.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
