//! The program's environment, read and edited where it lies.
#![expect(unsafe_code, reason = "reads the C library's `environ`")]

use core::ffi::{CStr, c_char};

use crate::memory::zeroed;
use crate::sys;

unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// No environment that a kernel passes on has more entries.
const ENTRIES_MAX: usize = 1 << 20;

fn entries() -> impl Iterator<Item = *mut c_char> {
    // SAFETY: the C library's own variable. It is null until that library is set up.
    let first = unsafe { environ };
    (0..if first.is_null() { 0 } else { ENTRIES_MAX })
        // SAFETY: the list ends with a null pointer, at which `take_while` stops.
        .map(move |at| unsafe { *first.add(at) })
        .take_while(|entry| !entry.is_null())
}

/// Calls `visit` with every `NAME=VALUE`.
///
/// At the very start of a program the C library does not have its environment yet; the kernel does.
pub(crate) fn for_each(mut visit: impl FnMut(&[u8])) {
    let mut any = false;
    for entry in entries() {
        any = true;
        // SAFETY: every entry is a string that ends with a NUL.
        visit(unsafe { CStr::from_ptr(entry) }.to_bytes());
    }
    if !any {
        let mut buffer = zeroed(256 * 1024).unwrap_or_default();
        let environment = sys::read_file(c"/proc/self/environ", &mut buffer).unwrap_or_default();
        environment.split(|&byte| byte == 0).for_each(visit);
    }
}

/// Takes this library out of `LD_PRELOAD`, in place: programs find what the kernel put behind the environment
/// by counting its entries, so their number must not change.
pub(crate) fn hide_preload() {
    const NAME: &[u8] = b"LD_PRELOAD=";
    for entry in entries() {
        // SAFETY: every entry is a string that ends with a NUL.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        let Some(value) = text.strip_prefix(NAME) else { continue };
        let kept = without_us(value);
        // SAFETY: the new value is shorter, and the environment is the process's own writable memory.
        unsafe {
            let start = entry.add(NAME.len()).cast::<u8>();
            core::ptr::copy_nonoverlapping(kept.as_ptr(), start, kept.len());
            start.add(kept.len()).write(0);
        }
    }
}

/// The preloaded libraries but this one, joined by colons. Never longer than `value`.
fn without_us(value: &[u8]) -> Vec<u8> {
    let others = value
        .split(|byte| matches!(byte, b':' | b' '))
        .filter(|library| !library.is_empty() && !library.windows(12).any(|part| part == b"libbytehound"));
    let mut kept = Vec::with_capacity(value.len());
    for library in others {
        if !kept.is_empty() {
            kept.push(b':');
        }
        kept.extend_from_slice(library);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_library_is_taken_out_of_the_preloaded_ones() {
        let check = |value: &[u8], expected: &[u8]| assert_eq!(without_us(value), expected);
        check(b"/x/libbytehound.so", b"");
        check(b"./libbytehound.so:/usr/lib/libjemalloc.so.2", b"/usr/lib/libjemalloc.so.2");
        check(b"liba.so /x/libbytehound.so  libc.so", b"liba.so:libc.so");
        check(b"liba.so", b"liba.so");
    }

    #[test]
    fn the_environment_of_this_process_is_seen() {
        let mut found = false;
        for_each(|entry| found |= entry.starts_with(b"PATH="));
        assert!(found);
    }
}
