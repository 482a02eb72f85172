//! The region that this process's rings and stacks lie in.
#![expect(unsafe_code, reason = "lays a region out in memory of the kernel's")]

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use bytehound_rings::Region;

use crate::settings::Settings;
use crate::{handover, sys};

/// Address space that is asked for first; halved until the kernel gives it. Pages that nobody writes to are never
/// there.
const LEN_MAX: usize = 8 << 30;
const LEN_MIN: usize = 16 << 20;
/// All that most programs need: behind it lie the stacks of those that have many.
const SMALL_PAGES_LEN: usize = 8 << 20;
/// Where the program's address space is limited, it keeps all but this part of it.
const SHARE: u64 = 16;

static REGION: AtomicPtr<Region> = AtomicPtr::new(null_mut());

/// The region; none before [`make`], or without memory.
#[inline(always)]
pub(crate) fn get() -> Option<&'static Region> {
    // SAFETY: null, or a region that `make` has published, which stays for good.
    unsafe { REGION.load(Ordering::Acquire).as_ref() }
}

/// Makes the region, once in the process's life: in memory that is handed over, or of its own.
pub(crate) fn make(settings: &Settings, process: u32) -> Option<&'static Region> {
    let limit = sys::address_space_limit().map_or(LEN_MAX, |limit| (limit / SHARE) as usize);
    let largest = limit.clamp(LEN_MIN, LEN_MAX).next_multiple_of(LEN_MIN);
    let region = handover::take(settings, process, largest).or_else(|| make_own(largest))?;
    REGION.store(core::ptr::from_ref(region).cast_mut(), Ordering::Release);
    Some(region)
}

fn make_own(largest: usize) -> Option<&'static Region> {
    let mut lens = (0..).map(|halvings| largest >> halvings).take_while(|&len| len >= LEN_MIN);
    let memory = lens.find_map(|len| sys::map(len).ok())?;
    let (start, rest) = memory.split_at(SMALL_PAGES_LEN.min(memory.len()));
    sys::keep_pages_small(start);
    sys::use_large_pages(rest);
    // Forked children are silent, and have nothing to do with what their parent writes.
    sys::wipe_on_fork(memory);
    let start = memory.as_mut_ptr().expose_provenance();
    // SAFETY: the mapping is new, zeroed, and never unmapped; nobody else knows it.
    unsafe { Region::create(start, memory.len()) }
}
