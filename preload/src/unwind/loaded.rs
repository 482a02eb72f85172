//! The modules that were loaded at the start, for C libraries without `_dl_find_object` (before glibc 2.35).
//! Modules that come later are not known then: their frames are left by frame pointers, if they keep any.
#![expect(unsafe_code, reason = "the loader tells of its modules through a callback")]

use core::ffi::{c_int, c_void};
use std::sync::OnceLock;

use super::tables::Object;

/// A module's address range, and where its unwind tables are.
type Loaded = (u64, u64, Object);

static LOADED: OnceLock<Vec<Loaded>> = OnceLock::new();

/// Takes the list of modules. The loader holds its lock meanwhile: not for hooks.
pub(crate) fn note_loaded() {
    let mut modules: Vec<Loaded> = Vec::with_capacity(64);
    // SAFETY: the callback gets the address of `modules`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut modules).cast()) };
    let _ = LOADED.set(modules);
}

/// The module that `address` lies in.
pub(super) fn find(address: u64) -> Option<Object> {
    let lies_in = |(start, end, _): &&Loaded| (*start..*end).contains(&address);
    LOADED.get()?.iter().find(lies_in).map(|&(.., object)| object)
}

unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, modules: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid module, and `note_loaded` its list.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<Loaded>>()) };
    // SAFETY: the loader describes its own copy of the program headers.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let start = loaded().map(|header| header.p_vaddr & !0xfff).min();
    let end = loaded().map(|header| header.p_vaddr + header.p_memsz).max();
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME);
    if let (Some(start), Some(end), Some(index)) = (start, end, index) {
        let at = |address: u64| info.dlpi_addr.wrapping_add(address);
        modules.push((at(start), at(end), Object { start: at(start), index: at(index.p_vaddr) }));
    }
    0
}

#[cfg(test)]
mod tests {
    use super::super::tables;
    use super::*;

    #[test]
    fn modules_of_the_start_are_found_as_the_c_library_finds_them() {
        note_loaded();
        let here: fn() = modules_of_the_start_are_found_as_the_c_library_finds_them;
        let find_object = crate::real::symbol(crate::real::Scope::Anywhere, c"_dl_find_object");
        let malloc = crate::real::symbol(crate::real::Scope::Anywhere, c"malloc");
        for address in [here as usize as u64, malloc.unwrap() as u64] {
            let found = find(address).unwrap();
            tables::set_find_object(find_object.unwrap());
            assert_eq!(tables::find_object(address), Some(found));
        }
        assert_eq!(find(0x10), None);
    }
}
