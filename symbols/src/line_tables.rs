//! Lines of functions that the debug information has no entry for.
//!
//! Asked for line tables only (`-gline-tables-only`, Rust's `debug = 1`, and so the standard library itself),
//! LLVM leaves out the entry of every function that nothing was inlined into. Its name is in the symbol table
//! and its lines are in the line table; here they are brought together again.

use std::collections::HashSet;
use std::ops::Range;

use gimli::{Dwarf, EndianSlice, IncompleteLineProgram, LineProgramHeader, LineRow, RunTimeEndian, Unit};
use symbolic::common::{Language, Name, NameMangling};
use symbolic::debuginfo::{FileInfo, Function, LineInfo, Symbol};

/// A piece of a debug section.
pub(crate) type Slice<'d> = EndianSlice<'d, RunTimeEndian>;

/// The addresses that functions of the debug information cover, from the load address.
pub(crate) struct Described(Vec<Range<u64>>);

impl Described {
    pub(crate) fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.sort_by_key(|range| range.start);
        ranges.dedup_by(|next, previous| {
            let overlap = next.start <= previous.end;
            if overlap {
                previous.end = previous.end.max(next.end);
            }
            overlap
        });
        Self(ranges)
    }

    fn contains(&self, address: u64) -> bool {
        let after = self.0.partition_point(|range| range.start <= address);
        self.0[..after].last().is_some_and(|range| address < range.end)
    }
}

/// Gives `sink` a function for each symbol outside of `described` that a line table has lines of.
///
/// A line table that cannot be read to its end gives the lines before the damage.
pub(crate) fn for_each_function<'d>(
    dwarf: &Dwarf<Slice<'d>>,
    symbols: impl Iterator<Item = Symbol<'d>>,
    described: &Described,
    load_address: u64,
    sink: &mut dyn FnMut(Function<'d>),
) {
    let mut symbols: Vec<_> = symbols.filter(|symbol| !described.contains(symbol.address)).collect();
    symbols.sort_by_key(|symbol| symbol.address);
    symbols.dedup_by_key(|symbol| symbol.address);
    // Units may share a table, and a file could have any number of units share a large one.
    let mut read = HashSet::new();
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let Some(program) = unit.line_program.clone() else {
            continue;
        };
        if read.insert(program.header().offset().0) {
            let rows = rows_of_symbols(dwarf, &unit, program, &symbols, load_address);
            let directory = unit.comp_dir.map_or(&[][..], |directory| directory.slice());
            for rows in rows.chunk_by(|one, other| one.symbol == other.symbol) {
                sink(function(&symbols[rows[0].symbol], rows, directory));
            }
        }
    }
}

/// A line of the table that lies in a symbol.
struct SymbolRow<'d> {
    symbol: usize,
    line: LineInfo<'d>,
}

fn function<'d>(symbol: &Symbol<'d>, rows: &[SymbolRow<'d>], compilation_dir: &'d [u8]) -> Function<'d> {
    let name = symbol.name.clone().unwrap_or_default();
    Function {
        address: symbol.address,
        size: symbol.size,
        name: Name::new(name, NameMangling::Unknown, Language::Unknown),
        compilation_dir,
        lines: rows.iter().map(|row| row.line.clone()).collect(),
        inlinees: Vec::new(),
        inline: false,
    }
}

/// The rows of one table that lie in a symbol, in the order of symbols and addresses.
fn rows_of_symbols<'d>(
    dwarf: &Dwarf<Slice<'d>>,
    unit: &Unit<Slice<'d>>,
    program: IncompleteLineProgram<Slice<'d>>,
    symbols: &[Symbol<'d>],
    load_address: u64,
) -> Vec<SymbolRow<'d>> {
    let mut found = Vec::new();
    let mut table = program.rows();
    let mut previous: Option<LineRow> = None;
    while let Ok(Some((header, row))) = table.next_row() {
        if let Some(start) = previous.filter(|start| start.address() < row.address())
            && let Some(address) = start.address().checked_sub(load_address)
            && let Some(symbol) = symbol_at(symbols, address)
        {
            // What lies beyond the symbol is another function's, or nobody's.
            let size = (row.address() - start.address())
                .min(symbols[symbol].address + symbols[symbol].size - address);
            let file = file_info(dwarf, unit, header, start.file_index());
            let line = start.line().map_or(0, |line| line.get());
            found.push(SymbolRow { symbol, line: LineInfo { address, size: Some(size), file, line } });
        }
        previous = (!row.end_sequence()).then_some(*row);
    }
    found.sort_by_key(|row| (row.symbol, row.line.address));
    found
}

fn symbol_at(symbols: &[Symbol<'_>], address: u64) -> Option<usize> {
    let last = symbols.partition_point(|symbol| symbol.address <= address).checked_sub(1)?;
    (address - symbols[last].address < symbols[last].size).then_some(last)
}

fn file_info<'d>(
    dwarf: &Dwarf<Slice<'d>>,
    unit: &Unit<Slice<'d>>,
    header: &LineProgramHeader<Slice<'d>>,
    index: u64,
) -> FileInfo<'d> {
    let text = |value| dwarf.attr_string(unit, value).map_or(&[][..], |text| text.slice());
    let Some(file) = header.file(index) else {
        return FileInfo::default();
    };
    let directory = file.directory(header).map_or(&[][..], text);
    FileInfo::new(directory.into(), text(file.path_name()).into())
}
