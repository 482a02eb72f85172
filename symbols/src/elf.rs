//! The little of ELF that identifies a binary and places it in memory: the header, the program headers and
//! the notes. Section headers are a second chance only; a binary in memory or after `sstrip` has none.

use std::ops::Range;

use crate::binary::{Binary, BinaryId, LoadSegment, MAX_BUILD_ID_BYTES};
use crate::error::Error;

const MAGIC: &[u8; 4] = b"\x7fELF";
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const SHT_NOTE: u32 = 7;
const PF_EXECUTABLE: u32 = 1;
const PF_WRITABLE: u32 = 2;
const PF_READABLE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;

/// More program headers than any linker writes (a dozen); a file that has more is refused.
const MAX_PROGRAM_HEADERS: u64 = 4096;
/// How much of one note segment is searched for the build-id; real ones have some hundred bytes.
const MAX_NOTE_BYTES: u64 = 64 << 10;
/// How many note segments and sections are searched; a binary has two or three.
const MAX_NOTE_PLACES: usize = 64;

/// Reads the identity and the load segments of a program or shared library.
///
/// It looks at headers and notes only, unless the binary has no build-id: then its whole content is hashed.
pub fn inspect(elf: &[u8]) -> Result<Binary, Error> {
    let file = File::open(elf)?;
    let headers = file.program_headers()?;
    let segments =
        headers.iter().filter(|header| header.kind == PT_LOAD).map(|header| header.segment).collect();
    let id = build_id(&file, &headers).unwrap_or_else(|| BinaryId::from_content(elf));
    Ok(Binary { id, segments })
}

fn build_id(file: &File<'_>, headers: &[ProgramHeader]) -> Option<BinaryId> {
    let segments = headers
        .iter()
        .filter(|header| header.kind == PT_NOTE)
        .map(|header| (header.segment.file_offset, header.segment.file_size, header.segment.alignment));
    segments.chain(file.note_sections()).take(MAX_NOTE_PLACES).find_map(|(offset, size, alignment)| {
        let notes = file.slice(offset, size.min(MAX_NOTE_BYTES))?;
        BinaryId::from_build_id(find_build_id(file, notes, alignment)?)
    })
}

/// A note is three words (size of the name, size of the description, type), the name and the description,
/// both padded.
fn find_build_id<'a>(file: &File<'_>, mut notes: &'a [u8], alignment: u64) -> Option<&'a [u8]> {
    let alignment = if alignment == 8 { 8 } else { 4 };
    loop {
        let name_size = file.u32_in(notes, 0)? as usize;
        let description_size = file.u32_in(notes, 4)? as usize;
        let kind = file.u32_in(notes, 8)?;
        let description_start = 12_usize.checked_add(name_size)?.checked_next_multiple_of(alignment)?;
        let description_end = description_start.checked_add(description_size)?;
        let name = notes.get(12..)?.get(..name_size)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" && description_size <= MAX_BUILD_ID_BYTES {
            return notes.get(description_start..description_end);
        }
        notes = notes.get(description_end.checked_next_multiple_of(alignment)?..)?;
    }
}

/// A program header in the terms of [`LoadSegment`], whatever its kind is.
struct ProgramHeader {
    kind: u32,
    segment: LoadSegment,
}

/// The bytes of an ELF file, with its word size and byte order.
struct File<'a> {
    bytes: &'a [u8],
    wide: bool,
    big_endian: bool,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::NotElf);
        }
        let wide = match bytes.get(4) {
            Some(1) => false,
            Some(2) => true,
            _ => return Err(Error::Damaged { what: "class" }),
        };
        let big_endian = match bytes.get(5) {
            Some(1) => false,
            Some(2) => true,
            _ => return Err(Error::Damaged { what: "byte order" }),
        };
        let file = Self { bytes, wide, big_endian };
        match file.u16(16) {
            Some(ET_EXEC | ET_DYN) => Ok(file),
            Some(kind) => Err(Error::NotLoadable { kind }),
            None => Err(Error::Damaged { what: "file type" }),
        }
    }

    fn program_headers(&self) -> Result<Vec<ProgramHeader>, Error> {
        let table = if self.wide { self.table(32, 54, 56) } else { self.table(28, 42, 44) };
        let damaged = Error::Damaged { what: "program headers" };
        let Some((start, step, count)) = table.filter(|&(_, _, count)| count <= MAX_PROGRAM_HEADERS) else {
            return Err(damaged);
        };
        let headers: Option<Vec<_>> =
            (0..count).map(|index| self.program_header(start, step, index)).collect();
        headers.ok_or(damaged)
    }

    fn program_header(&self, start: u64, step: u64, index: u64) -> Option<ProgramHeader> {
        let at = start.checked_add(index.checked_mul(step)?)?;
        let field = |narrow: u64, wide: u64| at.checked_add(if self.wide { wide } else { narrow });
        let flags = self.u32(field(24, 4)?)?;
        Some(ProgramHeader {
            kind: self.u32(at)?,
            segment: LoadSegment {
                file_offset: self.word(field(4, 8)?)?,
                address: self.word(field(8, 16)?)?,
                file_size: self.word(field(16, 32)?)?,
                memory_size: self.word(field(20, 40)?)?,
                readable: flags & PF_READABLE != 0,
                writable: flags & PF_WRITABLE != 0,
                executable: flags & PF_EXECUTABLE != 0,
                alignment: self.word(field(28, 48)?)?,
            },
        })
    }

    /// Offset, size and alignment of the note sections; none when the section headers cannot be read.
    fn note_sections(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let table = if self.wide { self.table(40, 58, 60) } else { self.table(32, 46, 48) };
        let (start, step, count) = table.unwrap_or_default();
        (0..count).map_while(move |index| self.section(start, step, index)).flatten()
    }

    /// A readable section header, and in it the place of the section if it holds notes.
    fn section(&self, start: u64, step: u64, index: u64) -> Option<Option<(u64, u64, u64)>> {
        let at = start.checked_add(index.checked_mul(step)?)?;
        let field = |narrow: u64, wide: u64| at.checked_add(if self.wide { wide } else { narrow });
        let kind = self.u32(at.checked_add(4)?)?;
        let place = (self.word(field(16, 24)?)?, self.word(field(20, 32)?)?, self.word(field(32, 48)?)?);
        Some((kind == SHT_NOTE).then_some(place))
    }

    /// Start, entry size and length of a header table, from the places where the file header states them.
    fn table(&self, start: u64, entry_size: u64, count: u64) -> Option<(u64, u64, u64)> {
        Some((self.word(start)?, self.u16(entry_size)?.into(), self.u16(count)?.into()))
    }

    fn slice(&self, offset: u64, size: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        self.bytes.get(Range { start, end })
    }

    fn u16(&self, offset: u64) -> Option<u16> {
        let bytes = self.slice(offset, 2)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, offset: u64) -> Option<u32> {
        self.u32_in(self.slice(offset, 4)?, 0)
    }

    fn u32_in(&self, bytes: &[u8], offset: usize) -> Option<u32> {
        let bytes = bytes.get(offset..)?.get(..4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn word(&self, offset: u64) -> Option<u64> {
        if !self.wide {
            return self.u32(offset).map(u64::from);
        }
        let bytes = self.slice(offset, 8)?.try_into().ok()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }
}
