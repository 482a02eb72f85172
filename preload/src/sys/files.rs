//! Files and descriptors.
#![expect(unsafe_code, reason = "system calls")]

use core::ffi::CStr;

use super::{Descriptor, Errno, Result, checked, retry};
use crate::sandbox::syscall;

pub(crate) enum Open {
    Read,
    /// What exists, as it is.
    Write,
    /// Created with mode 0600, or emptied.
    Create,
    /// Created with mode 0600, to be written and read; it must not exist.
    New,
    /// Created with mode 0600, or added to.
    Append,
    /// To be read and written, by a program that is executed, too.
    Inherited,
}

pub(crate) fn open(path: &CStr, how: Open) -> Result<Descriptor> {
    let flags = match how {
        Open::Inherited => 0,
        _ => libc::O_CLOEXEC,
    } | match how {
        Open::Read => libc::O_RDONLY,
        Open::Create => libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
        Open::New => libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
        Open::Append => libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND,
        Open::Write => libc::O_WRONLY,
        Open::Inherited => libc::O_RDWR,
    };
    let at = libc::AT_FDCWD as isize as usize;
    retry(|| {
        // SAFETY: the path ends with a NUL.
        unsafe { syscall(libc::SYS_openat, [at, path.as_ptr().addr(), flags as usize, 0o600, 0, 0]) }
    })
    .map(|descriptor| Descriptor(descriptor as i32))
}

pub(crate) fn close(descriptor: Descriptor) {
    // SAFETY: only descriptors that this library opened come here.
    let _ = checked(unsafe { syscall(libc::SYS_close, [descriptor.0 as usize, 0, 0, 0, 0, 0]) });
}

/// Takes a name from a file.
pub(crate) fn unlink(path: &CStr) -> Result<()> {
    let at = libc::AT_FDCWD as isize as usize;
    // SAFETY: the path ends with a NUL.
    checked(unsafe { syscall(libc::SYS_unlinkat, [at, path.as_ptr().addr(), 0, 0, 0, 0]) }).map(drop)
}

/// Has a descriptor closed when another program is executed.
pub(crate) fn close_on_exec(descriptor: Descriptor) {
    let (command, flag) = (libc::F_SETFD as usize, libc::FD_CLOEXEC as usize);
    // SAFETY: only descriptors that are this library's come here.
    unsafe { syscall(libc::SYS_fcntl, [descriptor.0 as usize, command, flag, 0, 0, 0]) };
}

/// Takes from a file what it has beyond `len` bytes, and goes on there.
pub(crate) fn cut_file(file: Descriptor, len: u64) -> Result<()> {
    // SAFETY: changes the file only.
    checked(unsafe { syscall(libc::SYS_ftruncate, [file.0 as usize, len as usize, 0, 0, 0, 0]) })?;
    let arguments = [file.0 as usize, len as usize, libc::SEEK_SET as usize, 0, 0, 0];
    // SAFETY: seeking moves this descriptor's offset only.
    checked(unsafe { syscall(libc::SYS_lseek, arguments) }).map(drop)
}

/// Zeroes a file of `len` bytes.
pub(crate) fn empty_file(file: Descriptor, len: u64) -> Result<()> {
    cut_file(file, 0)?;
    cut_file(file, len)
}

/// The path of an open file, if it has one.
pub(crate) fn path_of(descriptor: Descriptor, buffer: &mut [u8]) -> Option<&[u8]> {
    let link = std::ffi::CString::new(format!("/proc/thread-self/fd/{}", descriptor.0)).ok()?;
    let path = read_link(&link, buffer).ok()?;
    (path.starts_with(b"/") && !path.ends_with(b" (deleted)")).then_some(path)
}

/// A copy of `descriptor` at 3 or above.
pub(crate) fn duplicate(descriptor: Descriptor) -> Result<Descriptor> {
    let command = libc::F_DUPFD_CLOEXEC as usize;
    // SAFETY: a new descriptor disturbs no other.
    checked(unsafe { syscall(libc::SYS_fcntl, [descriptor.0 as usize, command, 3, 0, 0, 0]) })
        .map(|copy| Descriptor(copy as i32))
}

/// Closes the descriptors between two others, which stay open. Only for a thread with a table of its own.
pub(crate) fn close_between(below: i32, above: i32) {
    let (first, last) = (below.saturating_add(1), above.saturating_sub(1));
    if first > last {
        return;
    }
    // SAFETY: the writer, which alone calls this, was started without sharing the program's descriptors.
    let closed =
        checked(unsafe { syscall(libc::SYS_close_range, [first as usize, last as usize, 0, 0, 0, 0]) });
    if closed.is_err() {
        // Kernels before 5.9: one by one, up to the usual limit.
        (first..=last.min(4095)).for_each(|number| close(Descriptor(number)));
    }
}

pub(crate) fn read(descriptor: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    retry(|| {
        // SAFETY: the kernel writes into `buffer` only.
        unsafe {
            let memory = buffer.as_mut_ptr().addr();
            syscall(libc::SYS_read, [descriptor.0 as usize, memory, buffer.len(), 0, 0, 0])
        }
    })
}

/// Reads until `buffer` is full or the file ends.
pub(crate) fn read_full(descriptor: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(descriptor, rest)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// Reads from `position` on, wherever the descriptor itself stands.
pub(crate) fn read_at(descriptor: Descriptor, position: u64, buffer: &mut [u8]) -> Result<usize> {
    retry(|| {
        // SAFETY: the kernel writes into `buffer` only.
        unsafe {
            let memory = buffer.as_mut_ptr().addr();
            let arguments = [descriptor.0 as usize, memory, buffer.len(), position as usize, 0, 0];
            syscall(libc::SYS_pread64, arguments)
        }
    })
}

/// Reads the start of a small file such as those of `/proc`.
pub(crate) fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let descriptor = open(path, Open::Read)?;
    let read = read_full(descriptor, buffer);
    close(descriptor);
    Ok(buffer.get(..read?).unwrap_or_default())
}

/// Whether a path leads to a regular file: opening another kind may block, or do something.
pub(crate) fn is_regular_file(path: &CStr) -> bool {
    status_of(path).is_ok_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFREG)
}

/// How many links lead to what lies at a path.
pub(crate) fn links(path: &CStr) -> Result<u64> {
    status_of(path).map(|status| status.st_nlink)
}

fn status_of(path: &CStr) -> Result<libc::stat> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    let at = libc::AT_FDCWD as isize as usize;
    // SAFETY: the path ends with a NUL, and the kernel writes into `status` only.
    checked(unsafe {
        let (path, status) = (path.as_ptr().addr(), (&raw mut status).addr());
        syscall(libc::SYS_newfstatat, [at, path, status, 0, 0, 0])
    })
    .map(|_| status)
}

/// The next entries of an open folder, as `struct linux_dirent64`; 0 bytes at its end.
pub(crate) fn read_folder(descriptor: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes into `buffer` only.
    checked(unsafe {
        let memory = buffer.as_mut_ptr().addr();
        syscall(libc::SYS_getdents64, [descriptor.0 as usize, memory, buffer.len(), 0, 0, 0])
    })
}

/// Gives an open file to a user, and to the group of this process.
pub(crate) fn give_to(descriptor: Descriptor, user: u32) -> Result<()> {
    // SAFETY: no arguments.
    let group = unsafe { syscall(libc::SYS_getgid, [0; 6]) } as usize;
    // SAFETY: changes the file's owner only.
    checked(unsafe { syscall(libc::SYS_fchown, [descriptor.0 as usize, user as usize, group, 0, 0, 0]) })
        .map(drop)
}

/// Gives a file another name, in place of what had it.
pub(crate) fn rename(from: &CStr, to: &CStr) -> Result<()> {
    // SAFETY: both paths end with a NUL.
    checked(unsafe { syscall(libc::SYS_rename, [from.as_ptr().addr(), to.as_ptr().addr(), 0, 0, 0, 0]) })
        .map(drop)
}

/// What an open file is.
pub(crate) fn status(descriptor: Descriptor) -> Result<libc::stat> {
    // SAFETY: all zeroes is a valid value of this plain structure.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the kernel writes into `status` only, which is its own structure on 64-bit processors.
    checked(unsafe {
        syscall(libc::SYS_fstat, [descriptor.0 as usize, (&raw mut status).addr(), 0, 0, 0, 0])
    })?;
    Ok(status)
}

/// Size of an open file.
pub(crate) fn file_len(descriptor: Descriptor) -> Result<u64> {
    // SAFETY: seeking moves this descriptor's offset only.
    let len = checked(unsafe {
        syscall(libc::SYS_lseek, [descriptor.0 as usize, 0, libc::SEEK_END as usize, 0, 0, 0])
    })?;
    // SAFETY: as above.
    checked(unsafe {
        syscall(libc::SYS_lseek, [descriptor.0 as usize, 0, libc::SEEK_SET as usize, 0, 0, 0])
    })?;
    Ok(len as u64)
}

pub(crate) fn write_all(descriptor: Descriptor, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = retry(|| {
            // SAFETY: the kernel reads from `bytes` only.
            unsafe {
                syscall(libc::SYS_write, [descriptor.0 as usize, bytes.as_ptr().addr(), bytes.len(), 0, 0, 0])
            }
        })?;
        if written == 0 {
            return Err(Errno(libc::EIO));
        }
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Writes to a place in a file, as much as goes.
pub(crate) fn write_at(descriptor: Descriptor, bytes: &[u8], place: u64) -> Result<usize> {
    let arguments = [descriptor.0 as usize, bytes.as_ptr().addr(), bytes.len(), place as usize, 0, 0];
    // SAFETY: the kernel reads from `bytes` only; what the file means is the caller's business.
    retry(|| unsafe { syscall(libc::SYS_pwrite64, arguments) })
}

/// As [`write_all`], of at most eight parts, one after another.
pub(crate) fn write_parts(descriptor: Descriptor, parts: &[&[u8]]) -> Result<()> {
    let mut written = 0;
    let len: usize = parts.iter().map(|part| part.len()).sum();
    while written < len {
        let mut skip = written;
        let rests = parts.iter().map(move |part| {
            let rest = part.get(skip.min(part.len())..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            rest
        });
        written += match write_vectors(descriptor, rests.clone()) {
            Ok(0) => return Err(Errno(libc::EIO)),
            Ok(more) => more,
            // A sandbox may know of the plain call only.
            Err(Errno(libc::EPERM)) => {
                return rests.into_iter().try_for_each(|rest| write_all(descriptor, rest));
            }
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

fn write_vectors<'a>(descriptor: Descriptor, parts: impl Iterator<Item = &'a [u8]>) -> Result<usize> {
    let mut vectors = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; 8];
    for (vector, part) in vectors.iter_mut().zip(parts) {
        *vector = libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
    }
    let arguments = [descriptor.0 as usize, vectors.as_ptr().addr(), vectors.len(), 0, 0, 0];
    // SAFETY: the kernel reads from the parts only; an empty one is none.
    retry(|| unsafe { syscall(libc::SYS_writev, arguments) })
}

pub(crate) fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    // SAFETY: the path ends with a NUL, and the kernel writes into `buffer` only.
    let len = checked(unsafe {
        syscall(libc::SYS_readlink, [path.as_ptr().addr(), buffer.as_mut_ptr().addr(), buffer.len(), 0, 0, 0])
    })?;
    Ok(buffer.get(..len).unwrap_or_default())
}
