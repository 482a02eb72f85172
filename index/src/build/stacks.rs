//! Stack traces as they come, and as they are kept: addresses placed in modules, the capture library's own frames
//! taken off, each different stack once.

use bytehound_format::{Addresses, FramesInvalidated};
use rustc_hash::FxHashMap;

use super::defects::Defects;
use super::interner::{Interner, Slices};
use super::modules::{ModuleNumber, Modules, is_profiler};
use crate::layout::NONE;

/// What one entry of a stack trace means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Location {
    /// A return address − 1 in no known module.
    Unresolved { address: u64 },
    /// A return address − 1, its module, and its place there.
    InModule { address: u64, module: ModuleNumber, relative: u64 },
    /// A frame that was decoded before it came here.
    Decoded(DecodedFrame),
}

/// A frame of a decoded capture; strings are ids of its own, [`NONE`] when absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DecodedFrame {
    pub(super) address: u64,
    pub(super) library: u32,
    pub(super) raw_function: u32,
    pub(super) function: u32,
    pub(super) source: u32,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) is_inline: bool,
}

/// A backtrace as rows refer to it while the capture is read.
type RawBacktrace = u32;

/// Grows with the capture.
pub(super) struct Stacks {
    locations: Vec<Location>,
    location_numbers: FxHashMap<Location, u32>,
    /// Address to location, and the version of the address space that this was found in.
    places: FxHashMap<u64, (u32, u32)>,
    version: u32,
    lists: Interner<u32>,
    /// The list of every raw backtrace, or [`NONE`] while it was only referred to.
    raw: Vec<u32>,
    raw_by_id: RawById,
    /// The last full address list of each thread, which partial backtraces build on.
    previous: FxHashMap<u32, Vec<u64>>,
    decoded_frames: Vec<u32>,
    decoded_backtraces: u64,
    scratch: Vec<u32>,
}

/// What the capture's ids of stacks mean at this point. Every event asks, so the small ids that our captures have are
/// looked up without hashing.
#[derive(Default)]
struct RawById {
    /// By id; [`NONE`] while it means nothing.
    small: Vec<RawBacktrace>,
    large: FxHashMap<u64, RawBacktrace>,
}

/// Ids below are small: 16 MiB of them.
const SMALL_IDS: usize = 1 << 22;

impl RawById {
    #[inline]
    fn get(&self, id: u64) -> RawBacktrace {
        let small = usize::try_from(id).ok().and_then(|id| self.small.get(id));
        small.or_else(|| self.large.get(&id)).copied().unwrap_or(NONE)
    }

    fn set(&mut self, id: u64, raw: RawBacktrace) {
        match usize::try_from(id).ok().filter(|&id| id < SMALL_IDS) {
            Some(id) => {
                if self.small.len() <= id {
                    self.small.resize(id + 1, NONE);
                }
                self.small[id] = raw;
            }
            None => drop(self.large.insert(id, raw)),
        }
    }
}

/// The distinct stacks of a capture.
pub(super) struct Backtraces {
    pub(super) locations: Vec<Location>,
    /// By dense number: locations, innermost first.
    pub(super) lists: Slices<u32>,
    /// By dense number: whether the innermost location is the hook of the capture library.
    pub(super) ends_in_hook: Vec<bool>,
    /// From what rows refer to, to the dense number.
    pub(super) dense: Vec<u32>,
}

impl Stacks {
    pub(super) fn new() -> Self {
        Self {
            locations: Vec::new(),
            location_numbers: FxHashMap::default(),
            places: FxHashMap::default(),
            version: 0,
            lists: Interner::new(),
            raw: Vec::new(),
            raw_by_id: RawById::default(),
            previous: FxHashMap::default(),
            decoded_frames: Vec::new(),
            decoded_backtraces: 0,
            scratch: Vec::new(),
        }
    }

    /// A full stack trace.
    pub(super) fn define(&mut self, id: u64, addresses: &Addresses<'_>, modules: &mut Modules) {
        self.define_addresses(id, addresses.iter(), modules);
    }

    /// A stack trace that shares its outer frames with the last one of its thread.
    pub(super) fn define_partial(
        &mut self,
        id: u64,
        thread: u32,
        invalidated: FramesInvalidated,
        addresses: &Addresses<'_>,
        modules: &mut Modules,
    ) {
        let mut full: Vec<u64> = addresses.iter().collect();
        if let FramesInvalidated::Some(count) = invalidated {
            let previous = self.previous.get(&thread).map_or(&[][..], Vec::as_slice);
            full.extend(previous.get(count as usize..).unwrap_or_default());
        }
        self.define_addresses(id, full.iter().copied(), modules);
        self.previous.insert(thread, full);
    }

    /// The next frame of a decoded capture.
    pub(super) fn add_decoded_frame(&mut self, frame: DecodedFrame) {
        let location = self.location_number(Location::Decoded(frame));
        self.decoded_frames.push(location);
    }

    /// The next stack trace of a decoded capture: its id is its ordinal.
    pub(super) fn add_decoded_backtrace(&mut self, frames: impl Iterator<Item = u32>, defects: &mut Defects) {
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        for frame in frames {
            match self.decoded_frames.get(frame as usize) {
                Some(&location) => list.push(location),
                None => defects.unknown_frames += 1,
            }
        }
        self.define_list(self.decoded_backtraces, &list);
        self.decoded_backtraces += 1;
        self.scratch = list;
    }

    /// What an allocation refers to; it may be told later, or never.
    pub(super) fn refer(&mut self, id: u64) -> RawBacktrace {
        match self.raw_by_id.get(id) {
            NONE => {
                let raw = self.raw.len() as RawBacktrace;
                self.raw.push(NONE);
                self.raw_by_id.set(id, raw);
                raw
            }
            raw => raw,
        }
    }

    /// What a free refers to: [`NONE`] when no such stack trace was told, which is how "not gathered" is written.
    pub(super) fn find(&self, id: u64) -> RawBacktrace {
        self.raw_by_id.get(id)
    }

    /// Takes in what the modules were told of. What comes next may take the place of it.
    pub(super) fn settle(&mut self, modules: &mut Modules) {
        if modules.refresh() {
            self.place_again(modules);
        }
    }

    fn define_addresses(&mut self, id: u64, addresses: impl Iterator<Item = u64>, modules: &mut Modules) {
        self.settle(modules);
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        // A return address points behind its call.
        list.extend(addresses.map(|address| self.place(address.saturating_sub(1), modules)));
        self.define_list(id, &list);
        self.scratch = list;
    }

    fn define_list(&mut self, id: u64, list: &[u32]) {
        let list = self.lists.intern(list);
        let raw = self.refer(id);
        if self.raw[raw as usize] == NONE {
            self.raw[raw as usize] = list;
        } else if self.raw[raw as usize] != list {
            // The id is used again for another stack: from here on it means that one.
            self.raw_by_id.set(id, self.raw.len() as RawBacktrace);
            self.raw.push(list);
        }
    }

    fn place(&mut self, address: u64, modules: &mut Modules) -> u32 {
        let known = self.places.get(&address).copied();
        if let Some((location, version)) = known
            && version == self.version
        {
            return location;
        }
        let location = match (modules.resolve(address), known) {
            (Some((module, relative)), _) => {
                self.location_number(Location::InModule { address, module, relative })
            }
            // Its module is gone: it was there when the address was first met.
            (None, Some((location, _))) => location,
            (None, None) => self.location_number(Location::Unresolved { address }),
        };
        self.places.insert(address, (location, self.version));
        location
    }

    /// The address space changed: addresses may mean something else now, and the unresolved ones get another chance.
    fn place_again(&mut self, modules: &mut Modules) {
        self.version += 1;
        for number in 0..self.locations.len() {
            let Location::Unresolved { address } = self.locations[number] else { continue };
            if let Some((module, relative)) = modules.resolve(address) {
                let location = Location::InModule { address, module, relative };
                self.locations[number] = location;
                self.location_numbers.entry(location).or_insert(number as u32);
            }
        }
    }

    fn location_number(&mut self, location: Location) -> u32 {
        *self.location_numbers.entry(location).or_insert_with(|| {
            self.locations.push(location);
            (self.locations.len() - 1) as u32
        })
    }

    /// Trims and numbers the stacks, in order of first appearance.
    pub(super) fn finish(mut self, modules: &mut Modules, defects: &mut Defects) -> Backtraces {
        self.settle(modules);
        let hooks: Vec<bool> =
            self.locations.iter().map(|location| is_in_profiler(location, modules)).collect();
        let mut lists = Interner::new();
        let mut ends_in_hook = Vec::new();
        let mut number_of = |list: &[u32]| {
            let trimmed = trim(list, &hooks);
            let number = lists.intern(trimmed);
            if number as usize == ends_in_hook.len() {
                ends_in_hook.push(trimmed.first().is_some_and(|&location| hooks[location as usize]));
            }
            number
        };
        let dense = self.raw.iter().map(|&list| {
            if list == NONE {
                defects.unknown_backtraces += 1;
                number_of(&[])
            } else {
                number_of(self.lists.slices().get(list))
            }
        });
        let dense = dense.collect();
        Backtraces { locations: self.locations, lists: lists.into_slices(), ends_in_hook, dense }
    }
}

/// Of the capture library's frames at the innermost end, only the outermost says something: which hook was called.
fn trim<'a>(list: &'a [u32], hooks: &[bool]) -> &'a [u32] {
    let own = list.iter().take_while(|&&location| hooks[location as usize]).count();
    &list[own.saturating_sub(1)..]
}

fn is_in_profiler(location: &Location, modules: &Modules) -> bool {
    match location {
        Location::InModule { module, .. } => is_profiler(&modules.get(*module).path),
        // Decoded stacks were trimmed when they were decoded.
        Location::Unresolved { .. } | Location::Decoded(_) => false,
    }
}
