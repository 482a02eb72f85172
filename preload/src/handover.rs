//! The region as `bytehound run` hands it over: memory that both map, so that what a killed program leaves in its rings
//! is not lost.
//!
//! The program sees no descriptor of it: the writer, which has a table of its own, keeps it for the program that this one
//! executes in its place. Children of a fork get empty memory instead, so that nothing they do is seen by anybody.
#![expect(unsafe_code, reason = "memory shared with another process")]

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use bytehound_format::EndCause;
use bytehound_format::v2::ClockPair;
use bytehound_rings::{Blocks, Clock, HANDOVER_LEN, Handover, Region, Ticket, finish};

use crate::clock::{self, Pair};
use crate::settings::Settings;
use crate::sys::{self, Descriptor, Errno, Open, Result};
use crate::writer;

static HANDOVER: AtomicPtr<Handover> = AtomicPtr::new(null_mut());
/// Bytes of the mapping that begins with the handover.
static LEN: AtomicUsize = AtomicUsize::new(0);
/// The descriptor that leads to it: the writer's, once there is a writer; less than 0 for none.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);

fn current() -> Option<&'static Handover> {
    // SAFETY: null, or a handover in a mapping that stays for good.
    unsafe { HANDOVER.load(Ordering::Acquire).as_ref() }
}

/// Takes what the settings say is handed over; none if there is nothing, or another process has it.
pub(crate) fn take(settings: &Settings, process: u32, len_max: usize) -> Option<&'static Region> {
    let ticket = Ticket::parse(settings.region.as_deref()?)?;
    let descriptor = Descriptor(ticket.descriptor);
    let status = sys::status(descriptor).ok()?;
    if (status.st_dev, status.st_ino) != (ticket.device, ticket.inode) {
        return None;
    }
    // From here on it is known to be ours.
    let taken =
        take_memory(descriptor, process, (status.st_size as usize).min(len_max), status.st_size as u64);
    match taken {
        Some(region) => {
            sys::close_on_exec(descriptor);
            DESCRIPTOR.store(descriptor.0, Ordering::Relaxed);
            Some(region)
        }
        None => {
            sys::close(descriptor);
            None
        }
    }
}

fn take_memory(descriptor: Descriptor, process: u32, len: usize, size: u64) -> Option<&'static Region> {
    let region_len = len.checked_sub(HANDOVER_LEN)?;
    let start = sys::map_shared(descriptor, len).ok()?;
    // SAFETY: mapped just now, at a page, and never unmapped once it is used.
    let mut handover = unsafe { Handover::at(start) };
    if let Some(before) = handover.filter(|before| before.process() == Some(process)) {
        end_of_program_before(before, start);
        sys::empty_file(descriptor, size).ok()?;
        // SAFETY: as above; the pages are zeroed now.
        handover = unsafe {
            Handover::offer(start);
            Handover::at(start)
        };
    }
    let region = handover.filter(|handover| handover.take(process, region_len)).and_then(|_| {
        // SAFETY: behind the handover the mapping is zeroed, and nobody else has taken it.
        unsafe { Region::create(start + HANDOVER_LEN, region_len) }
    });
    let Some(region) = region else {
        // SAFETY: nobody has seen the mapping.
        unsafe { sys::unmap(start, len) };
        return None;
    };
    sys::keep_from_children(start, len);
    LEN.store(len, Ordering::Relaxed);
    let handover = handover.map_or(null_mut(), |handover| core::ptr::from_ref(handover).cast_mut());
    HANDOVER.store(handover, Ordering::Release);
    Some(region)
}

/// Ends the file of the program that this process has executed before this one.
fn end_of_program_before(handover: &Handover, start: usize) {
    let Some(left) = handover.left() else { return };
    // SAFETY: the same memory, and the program that filled the region is gone.
    let region = unsafe { Region::open(start + HANDOVER_LEN, left.region_len) };
    let Some((region, path)) = region.zip(std::ffi::CString::new(left.path).ok()) else { return };
    let Ok(file) = sys::open(&path, Open::Write) else { return };
    let now = Pair::now();
    let now = ClockPair { tick: now.tick.0, nanoseconds: now.nanoseconds };
    // That file is then without its end, which every reader says.
    let _ = finish(region, EndCause::Exec, now, &mut File(file));
    sys::close(file);
}

/// The file of another program.
struct File(Descriptor);

impl Blocks for File {
    type Error = Errno;

    fn cut(&mut self, len: u64) -> Result<()> {
        sys::cut_file(self.0, len)
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<()> {
        parts.iter().try_for_each(|part| sys::write_all(self.0, part))
    }
}

/// Gives the program's table of descriptors back as it was. If there is a writer by now, that has it in its own.
pub(crate) fn hide_descriptor(writer_has_it: bool) {
    if let Some(descriptor) = descriptor() {
        sys::close(descriptor);
    }
    if !writer_has_it {
        DESCRIPTOR.store(-1, Ordering::Relaxed);
    }
}

/// What the writer keeps for [`pass_on`].
pub(crate) fn descriptor() -> Option<Descriptor> {
    Some(Descriptor(DESCRIPTOR.load(Ordering::Relaxed))).filter(|descriptor| descriptor.0 >= 0)
}

static OPENED: AtomicBool = AtomicBool::new(false);

/// Whether there is memory that is handed over, but no file yet that is written from it.
pub(crate) fn is_waiting() -> bool {
    current().is_some() && !OPENED.load(Ordering::Acquire)
}

/// Says that `file` is written from the region: without us, it has to be ended by somebody else.
pub(crate) fn open(file: Option<Descriptor>) {
    let mut path = [0; 4096];
    let path = file.and_then(|file| sys::path_of(file, &mut path));
    if let Some((handover, path)) = current().zip(path) {
        let clock = if clock::counts_cycles() { Clock::Counter } else { Clock::Monotonic };
        handover.open(path, clock);
    }
    OPENED.store(true, Ordering::Release);
}

/// Says that the file has its end, or can't be written any more.
pub(crate) fn close() {
    if let Some(handover) = current() {
        handover.close();
    }
}

/// What the next program of this process is handed over; given back if this one stays after all.
pub(crate) struct PassedOn(Option<Ticket>);

/// Gets ready for another program to be executed: opens the memory once more, with a descriptor that it inherits.
pub(crate) fn pass_on() -> PassedOn {
    if let Some(handover) = current() {
        handover.set_executing(true);
    }
    PassedOn(open_once_more())
}

fn open_once_more() -> Option<Ticket> {
    let kept = descriptor()?;
    let descriptor = sys::open(&writer::path_of_descriptor(kept)?, Open::Inherited).ok()?;
    let status = sys::status(descriptor).ok()?;
    Some(Ticket { descriptor: descriptor.0, device: status.st_dev, inode: status.st_ino })
}

impl PassedOn {
    /// Where the next program finds it.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.0
    }
}

impl Drop for PassedOn {
    fn drop(&mut self) {
        if let Some(ticket) = self.0 {
            sys::close(Descriptor(ticket.descriptor));
        }
        if let Some(handover) = current() {
            handover.set_executing(false);
        }
    }
}

/// In the child of a fork the memory is not there. What a hook does that the fork has interrupted, in a signal handler,
/// it does in empty memory of the child's own.
pub(crate) extern "C" fn replace_in_child() {
    let start = HANDOVER.load(Ordering::Relaxed).expose_provenance();
    if start != 0 {
        sys::map_empty_at(start, LEN.load(Ordering::Relaxed));
    }
}
