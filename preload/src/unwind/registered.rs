//! Unwind tables that the program registered (`__register_frame`): of code that it generates at run time.
//!
//! A table belongs to the program, which may give its memory back once it has deregistered it. So a walk says that it
//! reads a table before it looks whether that is still registered, and who deregisters waits for those who read.
#![expect(unsafe_code, reason = "the tables are memory of the program")]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use core::time::Duration;

use gimli::{BaseAddresses, CieOrFde, EhFrame, EndianSlice, LittleEndian, UnwindSection};

use super::tables::{Bytes, Entry};
use crate::published::PublishedWords;
use crate::sys;

/// So many tables are kept at a time.
const TABLES_MAX: usize = 1 << 14;
/// Longest table: one without an end is not followed for ever.
const TABLE_LEN_MAX: u64 = 256 << 20;
/// Deregistering waits so many steps at most for a walk that reads the table.
const STEPS_MAX: u32 = 1000;
const STEP: Duration = Duration::from_millis(1);
/// What nobody wakes.
static NEVER: AtomicU32 = AtomicU32::new(0);

const WORDS: usize = 6;
static TABLES: PublishedWords = PublishedWords::new();
/// Places behind this one were never used.
static USED: AtomicU64 = AtomicU64::new(0);

/// The place of a table; zeros are a free one.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// What the program registered; 0 for a free place, 1 for one that is being filled.
    name: &'a AtomicU64,
    /// Walks that read the table now.
    readers: &'a AtomicU64,
    start: &'a AtomicU64,
    end: &'a AtomicU64,
    /// The code that the table tells of.
    low: &'a AtomicU64,
    high: &'a AtomicU64,
}

const FREE: u64 = 0;
const TAKEN: u64 = 1;

/// A table in the program's memory, and the code it tells of.
struct Table {
    start: u64,
    end: u64,
    low: u64,
    high: u64,
}

/// Keeps a table from being given back while it is read.
pub(super) struct Reading(Place<'static>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Release);
    }
}

/// Remembers a table that the program registers; says which code it tells of.
///
/// # Safety
/// `name` is what the program passes to `__register_frame`: the address of a table that ends with a zero, or of one
/// entry in a table.
pub(super) unsafe fn add(name: u64) -> Option<(u64, u64)> {
    // SAFETY: as this function's contract says.
    let table = unsafe { measure(name) }?;
    let is_known = used().any(|place| place.name.load(Ordering::Relaxed) == name);
    let place = if is_known { None } else { take_place() }?;
    place.start.store(table.start, Ordering::Relaxed);
    place.end.store(table.end, Ordering::Relaxed);
    place.low.store(table.low, Ordering::Relaxed);
    place.high.store(table.high, Ordering::Relaxed);
    place.name.store(name, Ordering::Release);
    Some((table.low, table.high))
}

/// Forgets a table; says which code it told of. From here on, nobody reads it.
pub(super) fn remove(name: u64) -> Option<(u64, u64)> {
    let place = used().find(|place| {
        place.name.compare_exchange(name, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })?;
    // Those who read and have not seen that: see `Place::read`.
    fence(Ordering::SeqCst);
    // For ever, if the walk is that of this very thread, and a handler of a signal has interrupted it.
    for _ in 0..STEPS_MAX {
        if place.readers.load(Ordering::Acquire) == 0 {
            break;
        }
        sys::futex_wait(&NEVER, 0, STEP);
    }
    let code = (place.low.load(Ordering::Relaxed), place.high.load(Ordering::Relaxed));
    place.name.store(FREE, Ordering::Release);
    Some(code)
}

/// Whether a registered table tells of code at `address`.
pub(super) fn covers(address: u64) -> bool {
    used().any(|place| place.covers(address))
}

/// Looks `address` up in the registered tables.
pub(super) fn entry(address: u64) -> Option<Entry> {
    used().filter(|place| place.covers(address)).find_map(|place| {
        let reading = place.read()?;
        let section = EhFrame::from(place.bytes());
        let bases = BaseAddresses::default().set_eh_frame(place.start.load(Ordering::Relaxed));
        let description = section.fde_for_address(&bases, address, EhFrame::cie_from_offset).ok()?;
        Some(Entry { description, section, bases, reading: Some(reading) })
    })
}

impl Place<'static> {
    fn covers(self, address: u64) -> bool {
        let code = self.low.load(Ordering::Relaxed)..self.high.load(Ordering::Relaxed);
        self.name.load(Ordering::Acquire) > TAKEN && code.contains(&address)
    }

    /// Begins to read, if the table is still registered.
    fn read(self) -> Option<Reading> {
        self.readers.fetch_add(1, Ordering::Relaxed);
        let reading = Reading(self);
        // Either this is seen by who deregisters, or that is seen here.
        fence(Ordering::SeqCst);
        (self.name.load(Ordering::Acquire) > TAKEN).then_some(reading)
    }

    /// The table; only while it is kept by a [`Reading`].
    fn bytes(self) -> Bytes {
        let (start, end) = (self.start.load(Ordering::Relaxed), self.end.load(Ordering::Relaxed));
        bytes(start, end)
    }
}

fn bytes(start: u64, end: u64) -> Bytes {
    let place = core::ptr::with_exposed_provenance(start as usize);
    // SAFETY: `measure` found this range to be one whole table, which is registered or about to be.
    let bytes = unsafe { core::slice::from_raw_parts(place, (end - start) as usize) };
    EndianSlice::new(bytes, LittleEndian)
}

fn used() -> impl Iterator<Item = Place<'static>> {
    let used = USED.load(Ordering::Acquire) as usize;
    places(TABLES.get().unwrap_or_default()).take(used)
}

fn places(words: &'static [AtomicU64]) -> impl Iterator<Item = Place<'static>> {
    let (places, _) = words.as_chunks::<WORDS>();
    places.iter().map(|[name, readers, start, end, low, high]| Place { name, readers, start, end, low, high })
}

fn take_place() -> Option<Place<'static>> {
    let words = TABLES.get_or_map(TABLES_MAX * WORDS)?;
    let is_free = |(_, place): &(usize, Place<'_>)| {
        place.name.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let (at, place) = places(words).enumerate().find(is_free)?;
    USED.fetch_max(at as u64 + 1, Ordering::AcqRel);
    Some(place)
}

/// Finds where a table ends, and which code it tells of.
///
/// # Safety
/// As for [`add`].
unsafe fn measure(name: u64) -> Option<Table> {
    let word = |at: u64| {
        // SAFETY: the caller vouches for a table up to the zero at its end; nothing behind that is read.
        unsafe { core::ptr::with_exposed_provenance::<u32>(at as usize).read_unaligned() }
    };
    let is_end = |at| word(at) == 0 || word(at) == u32::MAX;
    if name < 4096 || is_end(name) {
        return None;
    }
    let next = |at| at + 4 + u64::from(word(at));
    // An entry begins with the distance to what it has in common with others; that itself with a zero.
    let is_single = word(name + 4) != 0;
    let start = if is_single { name + 4 - u64::from(word(name + 4)) } else { name };
    let mut end = next(name);
    while !is_single && !is_end(end) && end - start < TABLE_LEN_MAX {
        end = next(end);
    }
    let section = EhFrame::from(bytes(start, end));
    let bases = BaseAddresses::default().set_eh_frame(start);
    let mut entries = section.entries(&bases);
    let (mut low, mut high) = (u64::MAX, 0);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(entry) = entry else { continue };
        let Ok(entry) = entry.parse(EhFrame::cie_from_offset) else { continue };
        if !is_single || start + entry.offset() as u64 == name {
            low = low.min(entry.initial_address());
            high = high.max(entry.initial_address().saturating_add(entry.len()));
        }
    }
    (low < high).then_some(Table { start, end, low, high })
}
