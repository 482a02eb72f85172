//! The dear step, done once for each binary: symbol table and DWARF become a symcache.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use gimli::{DwarfSections, EndianSlice, RunTimeEndian, SectionId};
use symbolic::debuginfo::dwarf::{Dwarf, Endian};
use symbolic::debuginfo::elf::ElfObject;
use symbolic::debuginfo::{ParseObjectOptions, Symbol};
use symbolic::symcache::SymCacheConverter;

use crate::error::Error;
use crate::line_tables::Described;
use crate::{die_depth, elf, line_tables, symcache};

/// Larger debug sections are not decompressed. The usual 32-bit DWARF cannot address more than 4 GiB anyway.
const MAX_DECOMPRESSED_SECTION: usize = 3 << 30;
/// Deflate packs at most 1032 to 1, and real debug information about 4 to 1: what claims more is a trap.
const MAX_COMPRESSION: usize = 1100;
/// Entries of debug information nest a few dozen deep in C and some hundred deep in heavily inlined Rust.
const MAX_DEPTH: isize = 2000;
/// Enough for the recursion over `MAX_DEPTH` entries in an unoptimised build, four times over.
const STACK_SIZE: usize = 64 << 20;

/// Extracts the symbols of a binary: functions, inlined functions, source files and lines.
///
/// The bytes that it gives are for [`Symcache::parse`](crate::Symcache::parse). A binary without debug
/// information gives the functions of its symbol table, a stripped one those that it exports. Debug
/// information that is damaged is left out, unit by unit. It works in a thread of its own, because it needs a
/// deep stack.
///
/// For what compilers write, its memory is about the size of the debug sections and of what is made of them.
/// A file *built* to describe very much in few bytes can still take long and much memory: who accepts
/// binaries from strangers should bound the size of a file and give this function a process of its own.
pub fn digest(elf: &[u8]) -> Result<Vec<u8>, Error> {
    elf::inspect(elf)?;
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("digest".to_owned()).stack_size(STACK_SIZE);
        let running =
            worker.spawn_scoped(scope, || digest_here(elf)).map_err(|error| undigestible(&error))?;
        running.join().unwrap_or_else(|_| Err(undigestible(&"the reader of symbols failed")))
    })
}

fn digest_here(elf: &[u8]) -> Result<Vec<u8>, Error> {
    let mut options = ParseObjectOptions::default();
    let decompressed = elf.len().saturating_mul(MAX_COMPRESSION).min(MAX_DECOMPRESSED_SECTION);
    options.max_decompressed_section_size = Some(decompressed);
    // The reader of debug information is large and was written for well-meant files. A panic in it must cost
    // one binary its lines, not the service its life; nothing that it touched is used afterwards.
    let attempt = |depth| catch_unwind(AssertUnwindSafe(|| convert(elf, options, depth)));
    attempt(Depth::WithDebugInfo)
        .or_else(|_| attempt(Depth::SymbolsOnly))
        .unwrap_or_else(|_| Err(undigestible(&"the reader of symbols failed")))
}

/// How much of a binary to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    WithDebugInfo,
    SymbolsOnly,
}

fn convert(elf: &[u8], options: ParseObjectOptions, depth: Depth) -> Result<Vec<u8>, Error> {
    let object = ElfObject::parse_with_opts(elf, options).map_err(|error| undigestible(&error))?;
    let mut converter = SymCacheConverter::new();
    converter.set_arch(object.arch());
    converter.set_debug_id(object.debug_id());
    if depth == Depth::WithDebugInfo {
        add_debug_information(&object, &mut converter);
    }
    for symbol in object.symbols().filter(is_usable) {
        converter.process_symbolic_symbol(&symbol);
    }
    let mut body = Vec::new();
    converter.serialize(&mut body).map_err(|error| undigestible(&error))?;
    Ok(symcache::seal(object.load_address(), &body))
}

fn add_debug_information(object: &ElfObject<'_>, converter: &mut SymCacheConverter<'_>) {
    let endian = match object.endianity() {
        Endian::Little => RunTimeEndian::Little,
        Endian::Big => RunTimeEndian::Big,
    };
    let section = |id: SectionId| {
        object.section(id.name().trim_start_matches('.')).map_or_else(Cow::default, |section| section.data)
    };
    let sections =
        DwarfSections::load(|id| Ok::<_, Infallible>(section(id))).unwrap_or_else(|never| match never {});
    let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
    if die_depth::exceeds(MAX_DEPTH, &dwarf) {
        return;
    }
    let described = Described::new(add_functions(object, converter));
    let symbols = object.symbols().filter(is_usable);
    line_tables::for_each_function(&dwarf, symbols, &described, object.load_address(), &mut |function| {
        converter.process_symbolic_function(&function);
    });
}

/// Adds the functions that have an entry in the debug information; gives the addresses that they cover.
fn add_functions(object: &ElfObject<'_>, converter: &mut SymCacheConverter<'_>) -> Vec<Range<u64>> {
    let mut described = Vec::new();
    let Ok(session) = object.debug_session() else {
        return described;
    };
    // An error is one unit that cannot be read; the iterator goes on with the next.
    for function in session.functions().flatten() {
        if fits(function.address, function.size) {
            converter.process_symbolic_function(&function);
            described.push(function.address..function.end_address());
        }
    }
    described
}

/// Symbols without a size are labels: they would claim everything up to the next symbol.
fn is_usable(symbol: &Symbol<'_>) -> bool {
    symbol.size > 0 && fits(symbol.address, symbol.size)
}

/// The cache has addresses of 32 bits.
fn fits(address: u64, size: u64) -> bool {
    address.checked_add(size).is_some_and(|end| end <= u32::MAX.into())
}

fn undigestible(reason: &dyn std::fmt::Display) -> Error {
    Error::Undigestible { reason: reason.to_string() }
}
