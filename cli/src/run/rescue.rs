//! What a program left in memory that it shared with us: it goes into its capture once the program is gone, so that
//! nothing is lost that a killed program did not get to write.
#![expect(unsafe_code, reason = "memory that is shared with the program, and the processor's counter")]

use anyhow::{Context, Result, ensure};
use bytehound_format::EndCause;
use bytehound_format::v2::ClockPair;
use bytehound_rings::{Blocks, Clock, Finished, HANDOVER_LEN, Handover, Left, Region, Ticket, finish};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::ptr::null_mut;

/// Bytes of the memory, of which those are there that are used.
const LEN: u64 = 16 << 30;
/// The program inherits a descriptor with a number that few programs expect to be free.
const DESCRIPTOR_MIN: libc::c_int = 100;

/// Memory that is shared with a program.
pub(crate) struct Shared {
    file: File,
    handover: &'static Handover,
}

/// A capture that was completed.
#[derive(Debug)]
pub(crate) struct Rescued {
    pub(crate) path: PathBuf,
    pub(crate) finished: Finished,
}

impl Shared {
    /// Makes such memory, and hands it over to the program that the command starts.
    pub(crate) fn with(command: &mut Command) -> Result<Self> {
        let shared = Self::new()?;
        shared.hand_over_to(command)?;
        Ok(shared)
    }

    fn new() -> Result<Self> {
        ensure!(files_may_grow(), "the size of files is limited");
        // SAFETY: the name ends with a NUL.
        let made = unsafe { libc::memfd_create(c"bytehound".as_ptr(), libc::MFD_CLOEXEC) };
        ensure!(made >= 0, io::Error::last_os_error());
        // SAFETY: a new descriptor, which nobody else closes.
        let made = unsafe { File::from_raw_fd(made) };
        // SAFETY: a new descriptor disturbs no other.
        let high = unsafe { libc::fcntl(made.as_raw_fd(), libc::F_DUPFD_CLOEXEC, DESCRIPTOR_MIN) };
        // SAFETY: as above.
        let file = if high >= 0 { unsafe { File::from_raw_fd(high) } } else { made };
        file.set_len(LEN)?;
        let start = map(&file, HANDOVER_LEN)?;
        // SAFETY: mapped just now, zeroed, and never unmapped.
        let handover = unsafe {
            Handover::offer(start);
            Handover::at(start)
        };
        Ok(Self { file, handover: handover.context("the memory is not as it should be")? })
    }

    fn hand_over_to(&self, command: &mut Command) -> Result<()> {
        let (descriptor, metadata) = (self.file.as_raw_fd(), self.file.metadata()?);
        let ticket = Ticket { descriptor, device: metadata.dev(), inode: metadata.ino() };
        command.env("MEMORY_PROFILER_REGION", ticket.to_string());
        let inherit = move || {
            // SAFETY: changes a flag of a descriptor that the child has from us.
            let result = unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) };
            if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
        };
        // SAFETY: between fork and exec only `fcntl` is called, which is async-signal-safe.
        unsafe { command.pre_exec(inherit) };
        Ok(())
    }

    /// Completes the capture of the program, which has ended so; none if nothing is missing.
    pub(crate) fn rescue(&self, status: ExitStatus) -> Result<Option<Rescued>> {
        let Some(left) = self.handover.left() else { return Ok(None) };
        let path = PathBuf::from(OsStr::from_bytes(&left.path));
        let finished = self.complete(&left, cause(&left, status)).with_context(|| {
            format!("`{}` could not be completed with what the program left in memory", path.display())
        })?;
        Ok(Some(Rescued { path, finished }))
    }

    fn complete(&self, left: &Left, cause: EndCause) -> Result<Finished> {
        let start = map(&self.file, HANDOVER_LEN + left.region_len)?;
        // SAFETY: the mapping is of a file that long, stays for good, and who wrote to it is gone.
        let region = unsafe { Region::open(start + HANDOVER_LEN, left.region_len) };
        let region = region.context("the memory is damaged")?;
        let mut capture = Capture(OpenOptions::new().write(true).open(OsStr::from_bytes(&left.path))?);
        Ok(finish(region, cause, now(left.clock), &mut capture)?)
    }
}

fn cause(left: &Left, status: ExitStatus) -> EndCause {
    match (left.executing, status.signal(), status.code()) {
        (true, ..) => EndCause::Exec,
        (_, Some(signal), _) => EndCause::Killed { signal },
        (_, None, status) => EndCause::Exit { status: status.unwrap_or(0) },
    }
}

/// The file that is completed.
struct Capture(File);

impl Blocks for Capture {
    type Error = io::Error;

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.seek(SeekFrom::Start(len)).map(drop)
    }

    fn put(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        parts.iter().try_for_each(|part| self.0.write_all(part))
    }
}

/// Whether a file may have the size that the memory has: else the system would end us for it.
fn files_may_grow() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live value of the right type.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    limit.rlim_cur >= LEN
}

/// Maps the beginning of a file for good; its address.
fn map(file: &File, len: usize) -> Result<usize> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a new mapping touches nothing that exists.
    let start = unsafe { libc::mmap(null_mut(), len, protection, flags, file.as_raw_fd(), 0) };
    ensure!(start != libc::MAP_FAILED, io::Error::last_os_error());
    Ok(start.expose_provenance())
}

/// This moment on both clocks.
fn now(clock: Clock) -> ClockPair {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let nanoseconds = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    let tick = match clock {
        Clock::Monotonic => nanoseconds,
        Clock::Counter => counter(),
    };
    ClockPair { tick, nanoseconds }
}

#[cfg(target_arch = "x86_64")]
fn counter() -> u64 {
    // SAFETY: every x86_64 has the instruction, and Linux leaves it to programs.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    // The capture library is not there for other processors, and so nothing is ever left by one.
    0
}
