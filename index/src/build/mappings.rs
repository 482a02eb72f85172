//! Mapped memory as the capture tells it: calls of `mmap`, and what the kernel listed now and then.

use rustc_hash::FxHashMap;

use super::defects::Defects;
use super::interner::Interner;
use super::rows::SIZE_MAX;
use super::usage::{Amounts, Changes, addresses};
use crate::layout::{NEVER, NONE, map_flags};

/// `MAP_SHARED` of mmap's flags.
const MAP_SHARED: u32 = 1;

/// Maps, regions and what they needed; names and backtraces are numbers of the capture being read.
pub(super) struct Mappings {
    pub(super) maps: Vec<Map>,
    pub(super) regions: Vec<Region>,
    pub(super) names: Interner<u8>,
    by_id: FxHashMap<u64, u32>,
    /// The newest region of a map at an address.
    newest: FxHashMap<(u32, u64), u32>,
    /// The newest region of a map at an address with a size.
    newest_of_size: FxHashMap<(u32, u64, u64), u32>,
}

/// One map as it is built.
pub(super) struct Map {
    pub(super) address: u64,
    pub(super) size: u64,
    /// [`map_flags`].
    pub(super) flags: u32,
    pub(super) name: u32,
    pub(super) mapped: u64,
    /// The call that made it, if that was seen.
    pub(super) call: Option<Call>,
    /// Numbers of its regions.
    pub(super) regions: Vec<u32>,
    pub(super) changes: Changes,
}

/// A part of a map that the kernel listed.
pub(super) struct Region {
    pub(super) place: Place,
    pub(super) added: u64,
    /// Or [`NEVER`].
    pub(super) removed: u64,
    pub(super) file: MappedFile,
    /// [`map_flags`].
    pub(super) flags: u32,
    pub(super) name: u32,
    pub(super) removals: Vec<Removal>,
    amounts: Amounts,
}

/// Where something lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) address: u64,
    pub(super) size: u64,
}

/// What a region shows.
#[derive(Clone, Copy)]
pub(super) struct MappedFile {
    pub(super) offset: u64,
    pub(super) inode: u64,
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// Who called `mmap` or `munmap`.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) time: u64,
    pub(super) thread: u32,
    /// [`NONE`] when it is not known.
    pub(super) backtrace: u32,
}

/// A call that took a part away.
pub(super) struct Removal {
    pub(super) place: Place,
    pub(super) call: Call,
}

impl Mappings {
    pub(super) fn new() -> Self {
        Self {
            maps: Vec::new(),
            regions: Vec::new(),
            names: Interner::new(),
            by_id: FxHashMap::default(),
            newest: FxHashMap::default(),
            newest_of_size: FxHashMap::default(),
        }
    }

    /// `mmap` was called. What it gave is seen later; until then the map is taken to be what was asked for.
    pub(super) fn call(
        &mut self,
        id: u64,
        place: Place,
        protection: u32,
        mmap_flags: u32,
        call: Call,
        defects: &mut Defects,
    ) {
        if place.size > SIZE_MAX {
            defects.impossible_maps += 1;
            return;
        }
        if self.by_id.contains_key(&id) {
            defects.duplicate_maps += 1;
            return;
        }
        let access = map_flags::READABLE | map_flags::WRITABLE | map_flags::EXECUTABLE;
        let shared = if mmap_flags & MAP_SHARED == 0 { 0 } else { map_flags::SHARED };
        let name = self.names.intern(b"");
        let map = self.add_map(id, place, protection & access | shared, name, call.time);
        let map = &mut self.maps[map as usize];
        map.call = Some(call);
        map.changes.take_addresses(call.time, 0, place.size);
    }

    /// The kernel lists a region. If it is all that a call has made, it is as old as the call.
    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn add_region(
        &mut self,
        time: u64,
        id: u64,
        place: Place,
        file: MappedFile,
        flags: u32,
        name: &str,
        defects: &mut Defects,
    ) {
        if place.size > SIZE_MAX {
            defects.impossible_maps += 1;
            return;
        }
        let name = self.names.intern(name.as_bytes());
        let number = match self.by_id.get(&id) {
            Some(&number) => number,
            None => self.add_map(id, place, flags, name, time),
        };
        let region = self.regions.len() as u32;
        let map = &mut self.maps[number as usize];
        let mut added = time;
        if let (Some(call), []) = (map.call, &map.regions[..]) {
            map.name = name;
            if (map.address, map.size, map.flags) == (place.address, place.size, flags) {
                added = call.time;
            } else {
                map.changes.take_addresses(time, map.size, place.size);
            }
        } else {
            map.changes.take_addresses(time, 0, place.size);
        }
        map.regions.push(region);
        self.newest.insert((number, place.address), region);
        self.newest_of_size.insert((number, place.address, place.size), region);
        self.regions.push(Region {
            place,
            added,
            removed: NEVER,
            file,
            flags,
            name,
            removals: Vec::new(),
            amounts: addresses(place.size),
        });
    }

    /// A region needs other amounts of memory now, in KiB but for the address space.
    pub(super) fn update_usage(
        &mut self,
        time: u64,
        id: u64,
        place: Place,
        kib: [u64; 6],
        defects: &mut Defects,
    ) {
        let region = self.number(id).and_then(|map| self.newest.get(&(map, place.address)).copied());
        let Some(region) = region.filter(|&region| self.regions[region as usize].place.size == place.size)
        else {
            defects.unknown_regions += 1;
            return;
        };
        if kib.iter().any(|&kib| kib > SIZE_MAX / 1024) {
            defects.impossible_maps += 1;
            return;
        }
        let mut amounts = addresses(place.size);
        amounts[1..].iter_mut().zip(kib).for_each(|(amount, kib)| *amount = (kib * 1024).cast_signed());
        self.change(id, region, time, amounts);
    }

    /// The kernel lists a region no more.
    pub(super) fn remove_region(
        &mut self,
        time: u64,
        id: u64,
        place: Place,
        removals: Vec<Removal>,
        defects: &mut Defects,
    ) {
        let of_size = |map| self.newest_of_size.get(&(map, place.address, place.size)).copied();
        let region = self.number(id).and_then(of_size);
        let Some(region) = region.filter(|&region| self.regions[region as usize].removed == NEVER) else {
            defects.unknown_regions += 1;
            return;
        };
        self.change(id, region, time, Amounts::default());
        let region = &mut self.regions[region as usize];
        region.removed = time.max(region.added);
        region.removals = removals;
    }

    fn change(&mut self, id: u64, region: u32, time: u64, amounts: Amounts) {
        let Some(map) = self.number(id) else { return };
        let region = &mut self.regions[region as usize];
        let before = std::mem::replace(&mut region.amounts, amounts);
        self.maps[map as usize].changes.take(time, &before, &amounts);
    }

    fn number(&self, id: u64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    fn add_map(&mut self, id: u64, place: Place, flags: u32, name: u32, mapped: u64) -> u32 {
        let number = self.maps.len() as u32;
        self.by_id.insert(id, number);
        self.maps.push(Map {
            address: place.address,
            size: place.size,
            flags,
            name,
            mapped,
            call: None,
            regions: Vec::new(),
            changes: Changes::default(),
        });
        number
    }
}

impl Map {
    /// The region whose end is the end of the map: the last one to go, when none is left.
    pub(super) fn last_region<'r>(&self, regions: &'r [Region]) -> Option<&'r Region> {
        let own = || self.regions.iter().map(|&region| &regions[region as usize]);
        own().max_by_key(|region| region.removed).filter(|last| last.removed != NEVER)
    }
}

impl Call {
    /// The backtrace as rows of the index refer to it.
    pub(super) fn dense_backtrace(&self, dense: &[u32]) -> u32 {
        if self.backtrace == NONE { NONE } else { dense[self.backtrace as usize] }
    }
}
