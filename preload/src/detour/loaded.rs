//! The functions that loaded modules export, found as the loader finds them.
//!
//! `dlsym` would do, but what it does when there is no such function shifts the program's heap.
#![expect(unsafe_code, reason = "reads the symbol tables of loaded modules")]

use core::ffi::{c_int, c_void};

use super::Function;

/// A module of the process. Those of the start, which are all we look at, stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module {
    start: u64,
    end: u64,
    bias: u64,
    tables: Tables,
}

/// Addresses of what a lookup reads.
#[derive(Clone, Copy, Debug)]
struct Tables {
    symbols: u64,
    names: u64,
    hashes: u64,
}

const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const STT_FUNC: u8 = 2;

/// The modules in the order in which the loader searches them.
pub(crate) fn modules() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::with_capacity(64);
    // SAFETY: the callback gets the address of `modules`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, modules: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid module, and `modules` its list.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<Module>>()) };
    // SAFETY: the loader describes its own copy of the program headers.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    modules.extend(Module::new(info.dlpi_addr, headers));
    0
}

impl Module {
    fn new(bias: u64, headers: &[libc::Elf64_Phdr]) -> Option<Self> {
        let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let start = bias.wrapping_add(loaded().map(|header| header.p_vaddr).min()?);
        let end = bias.wrapping_add(loaded().map(|header| header.p_vaddr + header.p_memsz).max()?);
        let dynamic = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC)?;
        let entry = |wanted| dynamic_entry(bias.wrapping_add(dynamic.p_vaddr), wanted);
        // The loader has added the bias already, but not in modules that the kernel brings.
        let within = |address: u64| if address < start { address.wrapping_add(bias) } else { address };
        let table = |wanted| entry(wanted).map(within).filter(|address| (start..end).contains(address));
        let [symbols, names, hashes] = [table(DT_SYMTAB)?, table(DT_STRTAB)?, table(DT_GNU_HASH)?];
        Some(Self { start, end, bias, tables: Tables { symbols, names, hashes } })
    }

    pub(crate) fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// The function that this module exports by this name. What it only refers to is none.
    pub(crate) fn function(&self, name: &[u8]) -> Option<Function> {
        let Tables { symbols, names, hashes } = self.tables;
        let hash = hash(name);
        // SAFETY: the table begins with these four numbers.
        let [buckets, first, filters, _] = unsafe { read::<[u32; 4]>(hashes) };
        let start = hashes + 16 + 8 * u64::from(filters);
        let chains = start + 4 * u64::from(buckets);
        // SAFETY: a bucket that the table has; without any there is no remainder.
        let mut at = unsafe { read::<u32>(start + 4 * u64::from(hash.checked_rem(buckets)?)) };
        while at >= first && at != 0 {
            // SAFETY: chains have an entry for each symbol from `first` on, and end with an odd one.
            let chained = unsafe { read::<u32>(chains + 4 * u64::from(at - first)) };
            if chained | 1 == hash | 1 {
                // SAFETY: symbols that are in a chain are in the table.
                let symbol = unsafe { read::<libc::Elf64_Sym>(symbols + 24 * u64::from(at)) };
                // SAFETY: every symbol has a name, which ends with a NUL.
                if unsafe { is_name(names + u64::from(symbol.st_name), name) } {
                    let is_function = symbol.st_info & 15 == STT_FUNC && symbol.st_shndx != 0;
                    let address = self.bias.wrapping_add(symbol.st_value);
                    return is_function.then_some(Function { address, len: symbol.st_size });
                }
            }
            if chained & 1 != 0 {
                break;
            }
            at += 1;
        }
        None
    }
}

/// The value of the entry of this kind in the table at `at`.
fn dynamic_entry(mut at: u64, wanted: u64) -> Option<u64> {
    loop {
        // SAFETY: the table ends with an entry of kind 0.
        match unsafe { read::<[u64; 2]>(at) } {
            [0, _] => return None,
            [kind, value] if kind == wanted => return Some(value),
            _ => at += 16,
        }
    }
}

fn hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

/// # Safety
/// There is such a value at `address`.
unsafe fn read<T: Copy>(address: u64) -> T {
    // SAFETY: by this function's contract.
    unsafe { core::ptr::with_exposed_provenance::<T>(address as usize).read_unaligned() }
}

/// # Safety
/// There is a text at `address`, which ends with a NUL.
unsafe fn is_name(address: u64, name: &[u8]) -> bool {
    // SAFETY: nothing is read beyond the first byte that differs, of which the NUL is one.
    let begins = (0..).zip(name).all(|(at, &byte)| unsafe { read::<u8>(address + at) } == byte);
    // SAFETY: all bytes before were not the NUL.
    begins && unsafe { read::<u8>(address + name.len() as u64) } == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::{Scope, symbol};

    fn find(name: &[u8]) -> Option<Function> {
        modules().iter().find_map(|module| module.function(name))
    }

    #[test]
    fn functions_are_found_where_the_loader_finds_them() {
        for name in [c"malloc", c"free", c"dlsym", c"_Unwind_Resume"] {
            let found = find(name.to_bytes()).unwrap();
            assert_eq!(found.address, symbol(Scope::Anywhere, name).unwrap() as u64, "{name:?}");
            assert!(found.len > 4);
        }
    }

    #[test]
    fn what_nobody_exports_is_not_found() {
        assert_eq!(find(b"there is no such function"), None);
        assert_eq!(find(b"mallo"), None);
        assert_eq!(find(b""), None);
    }
}
