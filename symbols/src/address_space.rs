//! One address space: which module an address lies in, and where inside it.

use std::collections::HashMap;

use crate::binary::{Binary, BinaryId, LoadSegment};
use crate::maps::MapEntry;

/// The smallest page of the supported machines: no segment is mapped in finer steps.
const PAGE: u64 = 4096;

/// The file name of a module's path: what the frames of a backtrace show as their library.
pub fn library_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A module of one [`AddressSpace`]; small and dense, good as an index into the caller's own tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleIndex(u32);

impl ModuleIndex {
    /// The position of the module in [`AddressSpace::modules`].
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// A file that is mapped into the process, or the kernel's `[vdso]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name of the mapping: the path of the file when the program ran.
    pub path: String,
    /// The binary, if the caller has it.
    pub binary: Option<BinaryId>,
}

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place<'a> {
    /// The module.
    pub module: ModuleIndex,
    /// The name of the mapping.
    pub path: &'a str,
    /// The binary that [`relative`](Self::relative) is an address of. `None` when the binary is unknown, or
    /// when it is known but this part of it is mapped by none of its segments, as after the file was
    /// replaced.
    pub binary: Option<&'a BinaryId>,
    /// With a binary, the address in it, as its symbols count; otherwise the offset in the file.
    pub relative: u64,
}

/// The modules of a process at one moment, ready to resolve addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressSpace {
    modules: Vec<Module>,
    /// Sorted by start.
    regions: Vec<Region>,
}

#[derive(Debug, Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    module: ModuleIndex,
    /// What [`Place::relative`] is at `start`.
    relative: u64,
    /// Whether `relative` is an address of the binary.
    placed: bool,
}

impl AddressSpace {
    /// Takes the mappings of a process; `binary_of` is asked once for every distinct path.
    ///
    /// Shared mappings and those without a file hold no module and are left out.
    pub fn new<'b>(maps: &[MapEntry], binary_of: &mut dyn FnMut(&str) -> Option<&'b Binary>) -> Self {
        let mut space = Self::default();
        let mut known: HashMap<&str, (ModuleIndex, Option<&'b Binary>)> = HashMap::new();
        for entry in maps.iter().filter(|entry| entry.holds_a_module()) {
            let (module, binary) = *known.entry(&entry.name).or_insert_with(|| {
                let binary = binary_of(&entry.name);
                (space.add_module(&entry.name, binary), binary)
            });
            let address = binary.and_then(|binary| virtual_address(entry, &binary.segments));
            space.regions.push(Region {
                start: entry.start,
                end: entry.end,
                module,
                relative: address.unwrap_or(entry.file_offset),
                placed: address.is_some(),
            });
        }
        space.regions.sort_by_key(|region| region.start);
        space
    }

    /// Finds the module of an address.
    pub fn resolve(&self, address: u64) -> Option<Place<'_>> {
        let after = self.regions.partition_point(|region| region.start <= address);
        let region = self.regions[..after].last().filter(|region| address < region.end)?;
        let module = &self.modules[region.module.as_usize()];
        Some(Place {
            module: region.module,
            path: &module.path,
            binary: module.binary.as_ref().filter(|_| region.placed),
            relative: region.relative.wrapping_add(address - region.start),
        })
    }

    /// Every module, in the order of [`ModuleIndex`].
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    fn add_module(&mut self, path: &str, binary: Option<&Binary>) -> ModuleIndex {
        // A module has a line of text in the maps, so 2^32 of them would not fit into memory.
        let index = ModuleIndex(self.modules.len() as u32);
        self.modules.push(Module { path: path.to_owned(), binary: binary.map(|binary| binary.id.clone()) });
        index
    }
}

/// The address that the start of a mapping has in the binary's own counting.
///
/// The mapping must lie in a segment rounded to its alignment, as the program loader maps it, and be
/// executable if and only if the segment is. Of several, the one that starts on that page is taken, then the
/// one whose other permissions agree (a segment made read-only after relocation no longer does), then the
/// first.
fn virtual_address(entry: &MapEntry, segments: &[LoadSegment]) -> Option<u64> {
    let offset = entry.file_offset;
    let holds = |segment: &&LoadSegment| {
        let end = segment.file_offset.saturating_add(segment.file_size.max(1));
        segment.executable == entry.executable
            && (round_down(segment, segment.alignment)..end).contains(&offset)
    };
    let fitness = |segment: &&LoadSegment| {
        let permissions = segment.readable == entry.readable && segment.writable == entry.writable;
        (offset == round_down(segment, PAGE), permissions)
    };
    // `max_by_key` takes the last of equals, hence the reversal.
    let segment = segments.iter().rev().filter(holds).max_by_key(fitness)?;
    // Offset and address agree modulo the page, so no rounding enters here: pages may be larger than ours.
    Some(segment.address.wrapping_add(offset.wrapping_sub(segment.file_offset)))
}

fn round_down(segment: &LoadSegment, alignment: u64) -> u64 {
    let alignment = if alignment.is_power_of_two() { alignment.max(PAGE) } else { PAGE };
    segment.file_offset & !(alignment - 1)
}
