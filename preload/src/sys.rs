//! System calls, made directly: they leave `errno` alone and no hook of another library sees them.
#![expect(unsafe_code, reason = "system calls")]

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use crate::calls::{self, What};
use crate::sandbox::syscall;

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

/// Private zeroed memory, never given back.
pub(crate) fn map(len: usize) -> Result<&'static mut [u8]> {
    let _flight = calls::take_off();
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as usize;
    // SAFETY: a new anonymous mapping touches nothing that exists.
    let address = checked(unsafe { syscall(libc::SYS_mmap, [0, len, protection, flags, usize::MAX, 0]) })?;
    calls::report_own(What::OwnMap { address: address as u64, len: len as u64 });
    // SAFETY: the kernel just gave us `len` zeroed bytes, and nobody else knows them.
    Ok(unsafe { core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(address), len) })
}

/// As [`map`], in words that threads may share.
pub(crate) fn map_words(count: usize) -> Result<&'static [AtomicU64]> {
    let bytes = map(count.checked_mul(size_of::<u64>()).ok_or(Errno(libc::ENOMEM))?)?;
    // SAFETY: the mapping is page-aligned, zeroed, as long as asked for, and nobody else knows it.
    Ok(unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), count) })
}

/// Executable memory that can't be written, at this place if nothing is there.
pub(crate) fn map_code(place: usize, len: usize) -> Result<()> {
    let protection = (libc::PROT_READ | libc::PROT_EXEC) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as usize;
    // SAFETY: with this flag a new mapping replaces nothing that exists.
    let found = checked(unsafe { syscall(libc::SYS_mmap, [place, len, protection, flags, usize::MAX, 0]) })?;
    if found == place {
        calls::report_own(What::OwnMap { address: place as u64, len: len as u64 });
        return Ok(());
    }
    // Kernels before 4.17 take the place for a hint.
    // SAFETY: the mapping is new, and nobody knows it.
    unsafe { unmap(found, len) };
    Err(Errno(libc::EEXIST))
}

/// A file's bytes, which [`unmap`] gives back.
pub(crate) fn map_file(descriptor: Descriptor, len: usize) -> Result<&'static [u8]> {
    let (protection, flags) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
    let arguments = [0, len, protection, flags, descriptor.0 as usize, 0];
    // SAFETY: a new mapping touches nothing that exists.
    let address = checked(unsafe { syscall(libc::SYS_mmap, arguments) })?;
    // SAFETY: the kernel just mapped `len` bytes there.
    Ok(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address), len) })
}

/// Gives memory of [`map`] back.
///
/// # Safety
/// Nothing refers to it any more.
pub(crate) unsafe fn unmap(address: usize, len: usize) {
    let _flight = calls::take_off();
    calls::report_own(What::OwnUnmap { address: address as u64, len: len as u64 });
    // SAFETY: the caller gives the range up.
    let _ = checked(unsafe { syscall(libc::SYS_munmap, [address, len, 0, 0, 0, 0]) });
}

/// A file's memory, shared with whoever else maps it; its address.
pub(crate) fn map_shared(file: Descriptor, len: usize) -> Result<usize> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_SHARED | libc::MAP_NORESERVE) as usize;
    // SAFETY: a new mapping touches nothing that exists.
    checked(unsafe { syscall(libc::SYS_mmap, [0, len, protection, flags, file.0 as usize, 0]) })
}

/// Leaves these pages out of the children of forks, and out of cores.
pub(crate) fn keep_from_children(start: usize, len: usize) {
    for advice in [libc::MADV_DONTFORK, libc::MADV_DONTDUMP, libc::MADV_NOHUGEPAGE] {
        // SAFETY: the advice does not change what this process sees.
        unsafe { syscall(libc::SYS_madvise, [start, len, advice as usize, 0, 0, 0]) };
    }
}

/// Maps private zeroed memory where [`keep_from_children`] has left a hole.
pub(crate) fn map_empty_at(start: usize, len: usize) {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: it replaces nothing that is there.
    unsafe { syscall(libc::SYS_mmap, [start, len, protection, flags as usize, usize::MAX, 0]) };
}

/// Makes the kernel zero these pages in the child of a fork.
pub(crate) fn wipe_on_fork<T>(memory: &[T]) {
    advise(memory, libc::MADV_WIPEONFORK);
}

/// Keeps large pages out of memory that is used here and there.
pub(crate) fn keep_pages_small<T>(memory: &[T]) {
    advise(memory, libc::MADV_NOHUGEPAGE);
}

fn advise<T>(memory: &[T], advice: i32) {
    // SAFETY: these pieces of advice change neither contents nor protection in this process.
    unsafe {
        let (start, len) = (memory.as_ptr().addr(), size_of_val(memory));
        syscall(libc::SYS_madvise, [start, len, advice as usize, 0, 0, 0])
    };
}

/// How much address space the process may use at most; none for any amount.
pub(crate) fn address_space_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let resource = libc::RLIMIT_AS as usize;
    // SAFETY: the kernel writes into `limit` only.
    unsafe { syscall(libc::SYS_prlimit64, [0, resource, 0, (&raw mut limit).addr(), 0, 0]) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

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

pub(crate) const PAGE: usize = 4096;

/// How many pages of a range are in memory; 0 if not all of the range is mapped.
pub(crate) fn resident_pages(address: u64, len: u64) -> u32 {
    const PAGES: usize = 512;
    let mut found = [0_u8; PAGES];
    let mut pages = 0;
    for from in (0..len as usize).step_by(PAGES * PAGE) {
        let part = (len as usize - from).min(PAGES * PAGE);
        // SAFETY: the kernel writes a byte a page into `found`.
        let asked = checked(unsafe {
            let found = found.as_mut_ptr().addr();
            syscall(libc::SYS_mincore, [address as usize + from, part, found, 0, 0, 0])
        });
        if asked.is_err() {
            return 0;
        }
        let asked = found.get(..part.div_ceil(PAGE)).unwrap_or_default();
        pages += asked.iter().filter(|&page| page & 1 != 0).count() as u32;
    }
    pages
}

/// `struct page_region` of the kernel.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct PageRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) categories: u64,
}

/// `struct pm_scan_arg` of the kernel.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ScanRequest {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    /// Where the scan stopped.
    pub(crate) walked_to: u64,
    ranges: u64,
    ranges_len: u64,
    pages_max: u64,
    inverted: u64,
    all_of: u64,
    /// Pages with one of these categories are told.
    any_of: u64,
    /// Categories that are told of them.
    wanted: u64,
}

impl ScanRequest {
    /// Asks for the pages of a range that are of one of some categories, and which of `wanted` they are of.
    pub(crate) fn new(start: u64, end: u64, any_of: u64, wanted: u64) -> Self {
        Self { start, end, any_of, wanted, ..Self::default() }
    }
}

/// Finds pages by category (`PAGEMAP_SCAN`).
pub(crate) fn scan_pages<'a>(
    pagemap: Descriptor,
    request: &mut ScanRequest,
    found: &'a mut [PageRange],
) -> Result<&'a [PageRange]> {
    const PAGEMAP_SCAN: usize = 0xc060_6610;
    request.size = size_of::<ScanRequest>() as u64;
    request.ranges = found.as_mut_ptr().addr() as u64;
    request.ranges_len = found.len() as u64;
    let count = retry(|| {
        // SAFETY: the kernel writes into the request and, as it says, into `found`.
        unsafe {
            let request = (&raw mut *request).addr();
            syscall(libc::SYS_ioctl, [pagemap.0 as usize, PAGEMAP_SCAN, request, 0, 0, 0])
        }
    })?;
    Ok(found.get(..count).unwrap_or_default())
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

fn retry(mut call: impl FnMut() -> isize) -> Result<usize> {
    loop {
        match checked(call()) {
            Err(Errno(libc::EINTR)) => {}
            result => return result,
        }
    }
}
