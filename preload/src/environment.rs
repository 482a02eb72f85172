//! The program's environment, read and edited where it lies.
#![expect(unsafe_code, reason = "reads the C library's `environ`")]

use core::ffi::{CStr, c_char};
use std::io::Write;
use std::sync::OnceLock;

use crate::memory::zeroed;
use crate::sys;

unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// No environment that a kernel passes on has more entries.
const ENTRIES_MAX: usize = 1 << 20;

/// The program's environment as it is now.
pub(crate) fn current() -> *const *const c_char {
    // SAFETY: the C library's own variable. It is null until that library is set up.
    unsafe { environ }.cast()
}

fn entries() -> impl Iterator<Item = *mut c_char> + Clone {
    // SAFETY: the C library's own list.
    unsafe { entries_of(current()) }.map(<*const c_char>::cast_mut)
}

/// The strings of an environment.
///
/// # Safety
/// `first` is null or begins a list that ends with a null pointer.
pub(crate) unsafe fn entries_of(first: *const *const c_char) -> impl Iterator<Item = *const c_char> + Clone {
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
        let environment = sys::read_file(c"/proc/thread-self/environ", &mut buffer).unwrap_or_default();
        environment.split(|&byte| byte == 0).for_each(visit);
    }
}

/// How the variable begins that names the preloaded libraries.
pub(crate) const LD_PRELOAD: &[u8] = b"LD_PRELOAD=";

/// What `LD_PRELOAD` was, and what this library has made of it.
pub(crate) struct Hidden {
    original: Vec<u8>,
    kept: Vec<u8>,
}

static HIDDEN: OnceLock<Hidden> = OnceLock::new();

/// What was hidden, if anything was.
pub(crate) fn hidden_preload() -> Option<&'static Hidden> {
    HIDDEN.get()
}

/// Takes this library out of `LD_PRELOAD`, in place: programs find what the kernel put behind the environment
/// by counting its entries, so their number must not change.
pub(crate) fn hide_preload() {
    for entry in entries() {
        // SAFETY: every entry is a string that ends with a NUL.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        let Some(value) = text.strip_prefix(LD_PRELOAD) else { continue };
        let kept = without_us(value);
        let _ = HIDDEN.set(Hidden { original: value.to_vec(), kept: kept.clone() });
        // SAFETY: the new value is shorter, and the environment is the process's own writable memory.
        unsafe {
            let start = entry.add(LD_PRELOAD.len()).cast::<u8>();
            core::ptr::copy_nonoverlapping(kept.as_ptr(), start, kept.len());
            start.add(kept.len()).write(0);
        }
    }
}

impl Hidden {
    /// An upper bound of what [`restore`](Self::restore) adds.
    pub(crate) fn len(&self) -> usize {
        self.original.len() + 1
    }

    /// Writes the variable with this library in it again. The program may have added others: they stay.
    pub(crate) fn restore(&self, current: &[u8], to: &mut impl Write) -> std::io::Result<()> {
        to.write_all(LD_PRELOAD)?;
        if current == self.kept {
            return to.write_all(&self.original);
        }
        for library in libraries(&self.original).filter(|library| is_us(library)) {
            to.write_all(library)?;
            to.write_all(if current.is_empty() { b"" } else { b":" })?;
        }
        to.write_all(current)
    }
}

/// The preloaded libraries but this one, joined by colons. Never longer than `value`.
fn without_us(value: &[u8]) -> Vec<u8> {
    let others = libraries(value).filter(|library| !is_us(library));
    let mut kept = Vec::with_capacity(value.len());
    for library in others {
        if !kept.is_empty() {
            kept.push(b':');
        }
        kept.extend_from_slice(library);
    }
    kept
}

/// Whether this library is among the preloaded ones.
pub(crate) fn preloads_us(value: &[u8]) -> bool {
    libraries(value).any(is_us)
}

fn libraries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b':' | b' ')).filter(|library| !library.is_empty())
}

fn is_us(library: &[u8]) -> bool {
    library.windows(12).any(|part| part == b"libbytehound")
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
    fn this_library_comes_back_beside_what_the_program_has_added() {
        let check = |original: &[u8], current: &[u8], expected: &[u8]| {
            let hidden = Hidden { original: original.to_vec(), kept: without_us(original) };
            let mut restored = Vec::new();
            hidden.restore(current, &mut restored).unwrap();
            assert_eq!(restored.strip_prefix(LD_PRELOAD).unwrap(), expected);
        };
        check(b"/x/libbytehound.so", b"", b"/x/libbytehound.so");
        check(b"a.so:/x/libbytehound.so:b.so", b"a.so:b.so", b"a.so:/x/libbytehound.so:b.so");
        check(b"a.so:/x/libbytehound.so", b"libstdbuf.so", b"/x/libbytehound.so:libstdbuf.so");
    }

    #[test]
    fn the_environment_of_this_process_is_seen() {
        let mut found = false;
        for_each(|entry| found |= entry.starts_with(b"PATH="));
        assert!(found);
    }
}
