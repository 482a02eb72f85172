//! System calls, made directly: they leave `errno` alone and no hook of another library sees them.

mod files;
mod memory;
mod process;

pub(crate) use files::*;
pub(crate) use memory::*;
pub(crate) use process::*;

/// An error number of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

pub(crate) type Result<T> = core::result::Result<T, Errno>;

/// A file descriptor of the thread that opened it (the writer has a table of its own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor(pub(crate) i32);

pub(crate) const STDERR: Descriptor = Descriptor(2);

pub(crate) fn checked(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| Errno(result.wrapping_neg() as i32))
}

fn retry(mut call: impl FnMut() -> isize) -> Result<usize> {
    loop {
        match checked(call()) {
            Err(Errno(libc::EINTR)) => {}
            result => return result,
        }
    }
}
