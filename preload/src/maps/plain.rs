//! The calls themselves, while the functions behind the hooks are not known.
#![expect(unsafe_code, reason = "the program's own system calls, and its `errno`")]

use core::ffi::{c_int, c_void};
use core::ptr::with_exposed_provenance_mut;

use crate::arch::syscall;
use crate::calls::Request;

pub(crate) fn mmap(request: Request) -> *mut c_void {
    let Request { address, len, protection, flags, descriptor, offset } = request;
    let arguments = [address, len, protection.into(), flags.into(), descriptor as i32 as u64, offset];
    // SAFETY: the program itself makes this call, with these arguments.
    let result = unsafe { syscall(libc::SYS_mmap, arguments.map(|argument| argument as usize)) };
    pointer(result)
}

pub(crate) fn munmap(address: *mut c_void, len: usize) -> c_int {
    // SAFETY: as above.
    let result = unsafe { syscall(libc::SYS_munmap, [address.addr(), len, 0, 0, 0, 0]) };
    checked(result).map_or(-1, |_| 0)
}

pub(crate) fn mremap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: c_int,
    new: *mut c_void,
) -> *mut c_void {
    // SAFETY: as above.
    let result =
        unsafe { syscall(libc::SYS_mremap, [old.addr(), old_len, new_len, flags as usize, new.addr(), 0]) };
    pointer(result)
}

fn pointer(result: isize) -> *mut c_void {
    checked(result).map_or(libc::MAP_FAILED, with_exposed_provenance_mut)
}

/// As the C library has it: an error goes to `errno`.
fn checked(result: isize) -> Option<usize> {
    if (-4095..0).contains(&result) {
        // SAFETY: the calling thread's own `errno`.
        unsafe { *libc::__errno_location() = -result as c_int };
        return None;
    }
    Some(result as usize)
}
