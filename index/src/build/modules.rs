//! Which files the program had mapped where, as far as the capture has told by now.

use std::collections::BTreeSet;

use bytehound_store::{HeldSymcache, MappedVec, Scratch, Store};
use bytehound_symbols::{AddressSpace, Binary, BinaryId, MapEntry, inspect, parse_maps};
use rustc_hash::FxHashMap;

use super::defects::Defects;
use crate::IndexError;

/// How the capture library may call itself: its frames are not the program's.
const PROFILER_NAMES: [&str; 2] = ["libbytehound", "libmemory_profiler"];

/// Whether this file is the capture library.
pub(crate) fn is_profiler(path: &str) -> bool {
    PROFILER_NAMES.iter().any(|name| path.contains(name))
}

/// A file that was mapped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Module {
    pub(super) path: String,
    /// The binary whose addresses are meant; without one they are offsets in the file.
    pub(super) binary: Option<BinaryId>,
}

/// Number of a [`Module`].
pub(super) type ModuleNumber = u32;

/// Grows with the capture: files first, then the stack traces whose addresses lie in them.
pub(super) struct Modules {
    scratch: Scratch,
    binaries: FxHashMap<String, Binary>,
    /// Embedded binaries that the store has no symbols of yet: on disk until the symbolizer wants them.
    contents: FxHashMap<BinaryId, MappedVec<u8>>,
    /// None of them may go before the index is published, which refers to them.
    symcaches: Vec<HeldSymcache>,
    maps: Vec<MapEntry>,
    space: Option<AddressSpace>,
    modules: Vec<Module>,
    numbers: FxHashMap<Module, ModuleNumber>,
}

impl Modules {
    pub(super) fn new(scratch: Scratch) -> Self {
        Self {
            scratch,
            binaries: FxHashMap::default(),
            contents: FxHashMap::default(),
            symcaches: Vec::new(),
            maps: Vec::new(),
            space: None,
            modules: Vec::new(),
            numbers: FxHashMap::default(),
        }
    }

    /// A new `/proc/self/maps`.
    pub(super) fn set_maps(&mut self, text: &str) {
        self.maps = parse_maps(text);
        self.space = None;
    }

    /// An embedded binary. One that can't be used is a defect of the capture: its frames will lack names.
    pub(super) fn add_binary(
        &mut self,
        path: &str,
        elf: &[u8],
        store: &Store,
        defects: &mut Defects,
    ) -> Result<(), IndexError> {
        let binary = match inspect(elf) {
            Ok(binary) => binary,
            Err(error) => {
                defects.note(&format!("the embedded binary `{path}` gives no names: {error}"));
                return Ok(());
            }
        };
        self.symcaches.push(store.symcaches().hold(&binary.id));
        if !self.contents.contains_key(&binary.id) && store.symcaches().get(&binary.id)?.is_none() {
            let mut bytes = MappedVec::new(&self.scratch)?;
            bytes.extend_from_slice(elf)?;
            self.contents.insert(binary.id.clone(), bytes);
        }
        self.binaries.insert(path.to_owned(), binary);
        self.space = None;
        Ok(())
    }

    /// Takes in the maps and binaries that came since the last call; `false` when there were none.
    pub(super) fn refresh(&mut self) -> bool {
        if self.space.is_some() {
            return false;
        }
        self.space = Some(AddressSpace::new(&self.maps, &mut |path| self.binaries.get(path)));
        true
    }

    /// Where an address lies: in which module, and at which address of it.
    pub(super) fn resolve(&mut self, address: u64) -> Option<(ModuleNumber, u64)> {
        let place = self.space.as_ref()?.resolve(address)?;
        let module = Module { path: place.path.to_owned(), binary: place.binary.cloned() };
        let modules = &mut self.modules;
        let number = *self.numbers.entry(module).or_insert_with_key(|module| {
            modules.push(module.clone());
            (modules.len() - 1) as ModuleNumber
        });
        Some((number, place.relative))
    }

    pub(super) fn get(&self, number: ModuleNumber) -> &Module {
        &self.modules[number as usize]
    }

    /// The binaries that names come from.
    pub(super) fn binaries(&self) -> BTreeSet<BinaryId> {
        self.modules.iter().filter_map(|module| module.binary.clone()).collect()
    }

    /// The bytes of a binary that was embedded and is new to the store.
    pub(super) fn contents(&self, id: &BinaryId) -> Option<&[u8]> {
        self.contents.get(id).map(MappedVec::as_slice)
    }
}
