//! Noticing that a program installs a filter: the functions of the C library by which that is done.
#![expect(unsafe_code, reason = "hooks pass the program's arguments on, and read its filters")]

use core::ffi::{c_int, c_long, c_ulong};

use super::filter::Instruction;
use super::{Reach, add, allows, remove_last};
use crate::arch::{HookFrame, hook_entry, syscall_entry};
use crate::lifecycle;
use crate::log::{self, Level};
use crate::real::Real;
use crate::writer;

static PRCTL: Real = Real::new(c"prctl");
static SYSCALL: Real = Real::new(c"syscall");

/// Looks the functions up, so that children of a fork need not.
pub(crate) fn look_up_all() {
    let _ = [&PRCTL, &SYSCALL].map(Real::address);
}

const SECCOMP: usize = libc::SYS_seccomp as usize;
const EXIT_GROUP: usize = libc::SYS_exit_group as usize;
/// What forbids a thread to read the time stamp counter, as the strict mode of seccomp does, too.
const TSC_FORBIDDEN: u32 = libc::PR_TSC_SIGSEGV as u32;
/// The kernel takes no longer ones.
const INSTRUCTIONS_MAX: usize = 4096;
/// Without these the writer can't write, wait, and end.
const NEEDS: [i64; 3] = [libc::SYS_write, libc::SYS_futex, libc::SYS_exit];

unsafe extern "C" fn on_prctl(
    option: c_int,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    _: *const HookFrame,
) -> c_int {
    type Function = unsafe extern "C" fn(c_int, ...) -> c_int;
    let Some(address) = PRCTL.address() else { return -1 };
    // SAFETY: the function of this name has this type.
    let real = unsafe { core::mem::transmute::<usize, Function>(address) };
    // SAFETY: the program itself makes this call.
    let call = || unsafe { real(option, a, b, c, d) };
    match (option, a as u32) {
        (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER) => {
            installing(b, Reach::CallingThread, call, |&result| result == 0)
        }
        (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) | (libc::PR_SET_TSC, TSC_FORBIDDEN) => {
            end();
            call()
        }
        _ => call(),
    }
}

/// `syscall`, for the two calls of which something has to be known before.
unsafe extern "C" fn on_syscall(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    type Function = unsafe extern "C" fn(usize, ...) -> c_long;
    let Some(address) = SYSCALL.address() else { return -1 };
    // SAFETY: the function of this name has this type.
    let real = unsafe { core::mem::transmute::<usize, Function>(address) };
    // SAFETY: the program itself makes this call; the function passes all on that the kernel can take.
    let call = || unsafe { real(number, a, b, c, d, e, f) };
    match (number, a as u32) {
        (EXIT_GROUP, _) => {
            lifecycle::finish();
            call()
        }
        (SECCOMP, libc::SECCOMP_SET_MODE_STRICT) => {
            end();
            call()
        }
        (SECCOMP, libc::SECCOMP_SET_MODE_FILTER) => {
            let all = b as c_ulong & libc::SECCOMP_FILTER_FLAG_TSYNC != 0;
            let reach = if all { Reach::AllThreads } else { Reach::CallingThread };
            // A thread that can't be reached is a positive answer.
            installing(c, reach, call, |&result| result == 0 || result > 0 && !all)
        }
        _ => call(),
    }
}

/// Runs `call`, which installs the filter at the address `program`, if that is one.
fn installing<R>(
    program: usize,
    reach: Reach,
    call: impl FnOnce() -> R,
    succeeded: impl FnOnce(&R) -> bool,
) -> R {
    // SAFETY: the program passes it to the kernel as one.
    let instructions = unsafe { instructions(program) };
    if instructions.is_empty() {
        return call();
    }
    let is_refused = |&number: &i64| !allows(instructions, number, [0; 6]);
    if reach == Reach::AllThreads && NEEDS.iter().any(is_refused) {
        end();
    }
    add(reach, instructions);
    let result = call();
    if !succeeded(&result) {
        remove_last();
    }
    result
}

/// Ends the capture, because it can't go on in the sandbox that comes.
fn end() {
    log::say(Level::Warn, format_args!("the capture ends here: the program shuts itself into a sandbox"));
    if lifecycle::writer_runs_here() {
        lifecycle::finish();
        // The last thread's exit status is that of the process, which must not be ours by chance.
        writer::wait_until_gone();
    }
}

/// # Safety
/// At `program`, unless that is null, lies a `sock_fprog`, with its instructions where it says.
unsafe fn instructions<'a>(program: usize) -> &'a [Instruction] {
    let program: *const libc::sock_fprog = core::ptr::with_exposed_provenance(program);
    // SAFETY: as the caller vouches.
    let Some(program) = (unsafe { program.as_ref() }) else { return &[] };
    let len = usize::from(program.len);
    if program.filter.is_null() || len > INSTRUCTIONS_MAX {
        return &[];
    }
    // SAFETY: as the caller vouches.
    unsafe { core::slice::from_raw_parts(program.filter, len) }
}

/// The exported functions.
#[cfg_attr(test, expect(dead_code, reason = "tests keep the program's own functions"))]
mod exported {
    use super::{hook_entry, syscall_entry};

    hook_entry!(
        #[cfg_attr(not(test), unsafe(no_mangle))]
        prctl,
        5,
        super::on_prctl
    );
    syscall_entry!(
        #[cfg_attr(not(test), unsafe(no_mangle))]
        syscall,
        super::SYSCALL,
        super::on_syscall
    );
}
