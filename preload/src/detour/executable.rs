//! The functions of the program itself, by the symbol tables of its file.
#![expect(unsafe_code, reason = "maps the file, and asks the loader where it put it")]

use core::ffi::{c_int, c_void};

use super::Function;
use crate::sys::{self, Open};

/// The program's file, and where it was loaded.
pub(crate) struct Executable {
    file: &'static [u8],
    /// What is added to an address of the file to make it one of memory.
    bias: u64,
}

/// A function that the file defines.
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) function: Function,
    /// Whether other files may refer to it.
    pub(crate) is_global: bool,
}

/// Larger sections are not searched: a program's start should not take longer for it.
const SEARCHED_MAX: usize = 16 << 20;

/// Where things are in ELF files of 64 bits.
mod elf {
    pub(super) const SEGMENTS: usize = 32;
    pub(super) const SECTIONS: usize = 40;
    pub(super) const SEGMENT_COUNT: usize = 56;
    pub(super) const SECTION_COUNT: usize = 60;
    pub(super) const SEGMENT_LEN: usize = 56;
    pub(super) const SECTION_LEN: usize = 64;
    pub(super) const SYMBOL_LEN: usize = 24;
    pub(super) const CONTENT: u32 = 1;
    pub(super) const WRITABLE: u64 = 1;
    pub(super) const LOADED: u64 = 2;
    pub(super) const CODE: u64 = 4;
    pub(super) const SYMBOL_TABLE: u32 = 2;
    pub(super) const DYNAMIC_SYMBOL_TABLE: u32 = 11;
    pub(super) const FUNCTION: u8 = 2;
}

impl Executable {
    /// Opens the program's file, if it is what was loaded.
    pub(crate) fn open() -> Option<Self> {
        let descriptor = sys::open(c"/proc/self/exe", Open::Read).ok()?;
        let file = sys::file_len(descriptor).and_then(|len| sys::map_file(descriptor, len as usize));
        sys::close(descriptor);
        let (bias, loaded) = program_headers()?;
        let executable = Self { file: file.ok()?, bias };
        (executable.segments()? == loaded).then_some(executable)
    }

    /// The functions that the file defines, with names of at most `name_len_max` bytes. What it only refers to is not
    /// among them.
    pub(crate) fn functions(&self, name_len_max: usize) -> impl Iterator<Item = Symbol<'_>> {
        let tables = self.sections().filter(|section| {
            let kind = number(section, 4, 4) as u32;
            kind == elf::SYMBOL_TABLE || kind == elf::DYNAMIC_SYMBOL_TABLE
        });
        tables.flat_map(move |table| {
            let names = self.sections().nth(number(table, 40, 4) as usize);
            let names = names.and_then(|names| self.content(names)).unwrap_or_default();
            let symbols = self.content(table).unwrap_or_default().chunks_exact(elf::SYMBOL_LEN);
            symbols.filter_map(move |symbol| self.symbol(symbol, names, name_len_max))
        })
    }

    /// Whether the file tells of functions that it does not export.
    pub(crate) fn has_symbol_table(&self) -> bool {
        self.sections().any(|section| number(section, 4, 4) as u32 == elf::SYMBOL_TABLE)
    }

    /// Whether this text is among the constants of the program, if these are not very many.
    pub(crate) fn mentions(&self, text: &[u8]) -> bool {
        let constants = self.sections().filter(|section| {
            let (kind, flags) = (number(section, 4, 4) as u32, number(section, 8, 8));
            kind == elf::CONTENT && flags & (elf::WRITABLE | elf::LOADED | elf::CODE) == elf::LOADED
        });
        let mut contents = constants.filter_map(|section| self.content(section));
        contents.any(|content| content.len() <= SEARCHED_MAX && contains(content, text))
    }

    /// Whether a function in memory is this file's.
    pub(crate) fn holds(&self, function: Function) -> bool {
        self.is_code(function.address.wrapping_sub(self.bias), function.len)
    }

    fn symbol<'a>(&self, symbol: &[u8], names: &'a [u8], name_len_max: usize) -> Option<Symbol<'a>> {
        let info = *symbol.get(4)?;
        let is_defined = number(symbol, 6, 2) != 0;
        if info & 15 != elf::FUNCTION || !is_defined {
            return None;
        }
        let name = names.get(number(symbol, 0, 4) as usize..)?;
        let name = name.get(..name.iter().take(name_len_max + 1).position(|&byte| byte == 0)?)?;
        let (address, len) = (number(symbol, 8, 8), number(symbol, 16, 8));
        let function = Function { address: address.wrapping_add(self.bias), len };
        self.is_code(address, len).then_some(Symbol { name, function, is_global: info >> 4 != 0 })
    }

    /// Whether the loader made code of these addresses of the file.
    fn is_code(&self, address: u64, len: u64) -> bool {
        let Some(end) = address.checked_add(len) else { return false };
        self.segments().unwrap_or_default().chunks_exact(elf::SEGMENT_LEN).any(|segment| {
            let (kind, flags) = (number(segment, 0, 4) as u32, number(segment, 4, 4) as u32);
            let (start, len) = (number(segment, 16, 8), number(segment, 32, 8));
            kind == libc::PT_LOAD && flags & libc::PF_X != 0 && start <= address && end <= start + len
        })
    }

    fn segments(&self) -> Option<&[u8]> {
        let start = number(self.file, elf::SEGMENTS, 8) as usize;
        let len = number(self.file, elf::SEGMENT_COUNT, 2) as usize * elf::SEGMENT_LEN;
        self.file.get(start..start.checked_add(len)?)
    }

    fn sections(&self) -> impl Iterator<Item = &[u8]> {
        let start = number(self.file, elf::SECTIONS, 8) as usize;
        let count = number(self.file, elf::SECTION_COUNT, 2) as usize;
        self.file.get(start..).unwrap_or_default().chunks_exact(elf::SECTION_LEN).take(count)
    }

    fn content(&self, section: &[u8]) -> Option<&[u8]> {
        let (start, len) = (number(section, 24, 8) as usize, number(section, 32, 8) as usize);
        self.file.get(start..start.checked_add(len)?)
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        // SAFETY: the file was mapped for this value alone, whose borrows have ended.
        unsafe { sys::unmap(self.file.as_ptr().addr(), self.file.len()) };
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let (place, wanted) = (bytes.as_ptr().cast(), text.as_ptr().cast());
    // SAFETY: reads within the two slices.
    !unsafe { libc::memmem(place, bytes.len(), wanted, text.len()) }.is_null()
}

/// A number of `len` bytes; 0 beyond the end.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut word = [0; 8];
    if let (Some(from), Some(to)) = (bytes.get(at..at + len), word.get_mut(..len)) {
        to.copy_from_slice(from);
    }
    u64::from_le_bytes(word)
}

/// The bias of the program, and its program headers in memory.
fn program_headers() -> Option<(u64, &'static [u8])> {
    let mut found = None;
    // SAFETY: the callback gets the address of `found`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut found).cast()) };
    found
}

/// The loader tells of the program first.
unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid module, and `program_headers` its variable.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Option<(u64, &'static [u8])>>()) };
    let len = usize::from(info.dlpi_phnum) * elf::SEGMENT_LEN;
    // SAFETY: the loader describes its own copy of the program headers, which stays.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr.cast::<u8>(), len) };
    *found = Some((info.dlpi_addr, headers));
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[unsafe(no_mangle)]
    extern "C" fn bytehound_test_landmark() -> u32 {
        core::hint::black_box(5)
    }

    #[test]
    fn a_function_of_the_program_is_found_where_it_is() {
        let executable = Executable::open().unwrap();
        let mut found = executable.functions(40).filter(|symbol| symbol.name == b"bytehound_test_landmark");
        let here: extern "C" fn() -> u32 = bytehound_test_landmark;
        let symbol = found.next().unwrap();
        assert_eq!(symbol.function.address, here as usize as u64);
        assert!(symbol.function.len > 0);
    }

    #[test]
    fn constants_of_the_program_are_found() {
        let executable = Executable::open().unwrap();
        assert!(executable.has_symbol_table());
        assert!(executable.mentions(b"constants_of_the_program_are_found"));
        let absent: Vec<u8> = b"qnzzrf gurer".iter().rev().copied().collect();
        assert!(!executable.mentions(&absent));
    }

    #[test]
    fn a_function_that_is_only_referred_to_is_not_found() {
        let executable = Executable::open().unwrap();
        assert!(!executable.functions(40).any(|symbol| symbol.name == b"dl_iterate_phdr"));
        assert!(!executable.functions(4).any(|symbol| symbol.name.len() > 4));
    }
}
