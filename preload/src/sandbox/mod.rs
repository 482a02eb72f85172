//! Programs that give up system calls: what a filter forbids, this library does not try either.
//!
//! A filter may end the process for a call that the program itself never makes. So every filter is noticed when it is
//! installed, and asked before each call of ours. What is refused is done without: nobody wakes the writer then, it
//! looks by itself; a thread that may not open a file has shorter stacks. A filter that is laid on all threads, the
//! writer too, and forbids what that cannot do without, ends the capture before it holds.
#![expect(unsafe_code, reason = "system calls, and copies of filters behind atomic pointers")]

mod filter;
mod hooks;

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::{arch, sys, writer};
use filter::{Call, Instruction};

pub(crate) use hooks::look_up_all;

/// More filters than this, and everything is refused.
const FILTERS_MAX: usize = 32;

/// A filter that was installed; its instructions follow.
#[repr(C)]
struct Installed {
    reach: Reach,
    len: usize,
}

/// Which threads a filter holds for, beside those that these start later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Reach {
    CallingThread,
    AllThreads,
}

static FILTERS: [AtomicPtr<Installed>; FILTERS_MAX] = [const { AtomicPtr::new(null_mut()) }; FILTERS_MAX];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether the program has given up any system call.
#[inline(always)]
pub(crate) fn is_active() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// A system call, if the program's filters allow it; else the answer is as if the kernel had refused it.
///
/// # Safety
/// As the system call itself.
#[inline(always)]
pub(crate) unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    if is_active() && !is_allowed(number, arguments) {
        return -libc::EPERM as isize;
    }
    // SAFETY: as the caller vouches.
    unsafe { arch::syscall(number, arguments) }
}

#[cold]
fn is_allowed(number: i64, arguments: [usize; 6]) -> bool {
    let count = COUNT.load(Ordering::Acquire);
    let by_writer = writer::runs_here();
    let mut filters = FILTERS.iter().take(count).map(|filter| filter.load(Ordering::Acquire));
    count <= FILTERS_MAX
        && filters.all(|filter| {
            // SAFETY: only whole copies are published, and they stay for good.
            let Some(filter) = (unsafe { filter.as_ref() }) else { return false };
            by_writer && filter.reach == Reach::CallingThread
                || allows(filter.instructions(), number, arguments)
        })
}

/// Whether a call is made as if there were no filter.
fn allows(filter: &[Instruction], number: i64, arguments: [usize; 6]) -> bool {
    let here = allows as fn(&[Instruction], i64, [usize; 6]) -> bool as usize as u64;
    let call = Call::new(number, arch::AUDIT_NUMBER, here, arguments);
    let action = filter::answer(filter, &call).map(|answer| answer & libc::SECCOMP_RET_ACTION_FULL);
    matches!(action, Some(libc::SECCOMP_RET_ALLOW | libc::SECCOMP_RET_LOG))
}

/// Respects a filter from now on.
fn add(reach: Reach, instructions: &[Instruction]) {
    let Some(copy) = Installed::copy(reach, instructions) else {
        COUNT.store(FILTERS_MAX + 1, Ordering::Release);
        return;
    };
    let count = COUNT.load(Ordering::Relaxed);
    if let Some(place) = FILTERS.get(count) {
        place.store(copy, Ordering::Release);
    }
    COUNT.store(count + 1, Ordering::Release);
}

/// Forgets the filter that was added last: the kernel did not take it.
fn remove_last() {
    let _ = COUNT.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| count.checked_sub(1));
}

impl Installed {
    fn copy(reach: Reach, instructions: &[Instruction]) -> Option<*mut Self> {
        let memory = sys::map(size_of::<Self>() + size_of_val(instructions)).ok()?;
        let copy: *mut Self = memory.as_mut_ptr().cast();
        // SAFETY: the new mapping is page-aligned, and has room for the head and for the instructions after it.
        unsafe {
            copy.write(Self { reach, len: instructions.len() });
            let to = copy.add(1).cast::<Instruction>();
            core::ptr::copy_nonoverlapping(instructions.as_ptr(), to, instructions.len());
        }
        Some(copy)
    }

    fn instructions(&self) -> &[Instruction] {
        let start = (&raw const *self).wrapping_add(1).cast();
        // SAFETY: `copy`, which alone makes these, has put as many behind the head.
        unsafe { core::slice::from_raw_parts(start, self.len) }
    }
}
