//! A shared object with functions, their debugging information, and perhaps a build-id.

use super::dwarf::{self, Function};

/// Where the functions begin, in the file and in memory alike.
pub(super) const TEXT: u64 = 0x1000;

const HEADER_LEN: u64 = 64;
const SEGMENT_LEN: u16 = 56;
const SECTION_LEN: u16 = 64;
/// The note with the build-id lies behind the headers.
const NOTE: u64 = 0x200;

/// 20 bytes that stand for a module: others for one with other functions.
pub(super) fn build_id(path: &str, functions: &[Function]) -> [u8; 20] {
    let mut id = [0_u8; 20];
    let names = functions.iter().flat_map(|function| function.name.bytes());
    for (at, byte) in path.bytes().chain(names).enumerate() {
        id[at % 20] = byte.wrapping_add(id[at % 20].rotate_left(3));
    }
    id
}

struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    /// 0 if it is not mapped.
    address: u64,
    contents: Vec<u8>,
}

pub(super) fn shared_object(functions: &[Function], build_id: Option<[u8; 20]>) -> Vec<u8> {
    const PROGBITS: u32 = 1;
    const NOTES: u32 = 7;
    const ALLOC: u64 = 2;
    const EXECINSTR: u64 = 4;
    let end = functions.last().map_or(TEXT, |function| function.address + function.len);
    let debug = dwarf::sections(functions);
    let plain = |name, contents| Section { name, kind: PROGBITS, flags: 0, address: 0, contents };
    let mut sections = Vec::new();
    if let Some(id) = build_id {
        let contents = note(&id);
        sections.push(Section {
            name: ".note.gnu.build-id",
            kind: NOTES,
            flags: ALLOC,
            address: NOTE,
            contents,
        });
    }
    let code = vec![0x90; (end - TEXT) as usize];
    sections.push(Section {
        name: ".text",
        kind: PROGBITS,
        flags: ALLOC | EXECINSTR,
        address: TEXT,
        contents: code,
    });
    sections.push(plain(".debug_abbrev", debug.abbreviations));
    sections.push(plain(".debug_info", debug.info));
    sections.push(plain(".debug_line", debug.lines));
    file(sections, build_id.is_some(), end)
}

fn note(id: &[u8; 20]) -> Vec<u8> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let words = [4, id.len() as u32, NT_GNU_BUILD_ID].map(u32::to_le_bytes);
    [words.as_flattened(), b"GNU\0", id].concat()
}

/// Puts the sections one after another, and what describes them around.
fn file(mut sections: Vec<Section>, has_note: bool, end: u64) -> Vec<u8> {
    const STRTAB: u32 = 3;
    let mut names = vec![0];
    let mut starts = Vec::new();
    let last = Section { name: ".shstrtab", kind: STRTAB, flags: 0, address: 0, contents: Vec::new() };
    sections.push(last);
    for section in &sections {
        starts.push(names.len() as u32);
        names.extend(section.name.as_bytes());
        names.push(0);
    }
    if let Some(last) = sections.last_mut() {
        last.contents = names;
    }
    let mut bytes = vec![0; HEADER_LEN as usize];
    put_segments(&mut bytes, has_note, end);
    // The first one is none.
    let mut table = vec![0; usize::from(SECTION_LEN)];
    for (section, name) in sections.iter().zip(starts) {
        if section.address > 0 {
            bytes.resize(section.address as usize, 0);
        }
        put_section(&mut table, section, name, bytes.len() as u64);
        bytes.extend(&section.contents);
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let header = header(bytes.len() as u64, 1 + u16::from(has_note), sections.len() as u16 + 1);
    bytes[..header.len()].copy_from_slice(&header);
    bytes.extend(table);
    bytes
}

fn header(sections: u64, segment_count: u16, section_count: u16) -> Vec<u8> {
    const DYN: u16 = 3;
    const X86_64: u16 = 62;
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([DYN, X86_64].map(u16::to_le_bytes).as_flattened());
    out.extend(1_u32.to_le_bytes());
    out.extend([0, HEADER_LEN, sections].map(u64::to_le_bytes).as_flattened());
    out.extend(0_u32.to_le_bytes());
    let rest = [HEADER_LEN as u16, SEGMENT_LEN, segment_count, SECTION_LEN, section_count, section_count - 1];
    out.extend(rest.map(u16::to_le_bytes).as_flattened());
    out
}

fn put_segments(out: &mut Vec<u8>, has_note: bool, end: u64) {
    const LOAD: u32 = 1;
    const NOTES: u32 = 4;
    const EXECUTE: u32 = 1;
    const READ: u32 = 4;
    let mut put = |kind: u32, flags: u32, start: u64, len: u64, align: u64| {
        out.extend([kind, flags].map(u32::to_le_bytes).as_flattened());
        out.extend([start, start, start, len, len, align].map(u64::to_le_bytes).as_flattened());
    };
    put(LOAD, READ | EXECUTE, 0, end, 0x1000);
    if has_note {
        put(NOTES, READ, NOTE, note(&[0; 20]).len() as u64, 4);
    }
}

fn put_section(table: &mut Vec<u8>, section: &Section, name: u32, offset: u64) {
    table.extend([name, section.kind].map(u32::to_le_bytes).as_flattened());
    let place = [section.flags, section.address, offset, section.contents.len() as u64];
    table.extend(place.map(u64::to_le_bytes).as_flattened());
    table.extend(0_u64.to_le_bytes());
    let align = if section.kind == 7 { 4 } else { 1 };
    table.extend([align, 0].map(u64::to_le_bytes).as_flattened());
}
