//! As much debugging information as names, files and lines of functions take: DWARF 4, one unit.

use std::collections::HashMap;

/// A function as its debugging information tells it.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) source: String,
    /// Of all its code.
    pub(super) line: u32,
    pub(super) address: u64,
    pub(super) len: u64,
}

/// The contents of the sections.
pub(super) struct Sections {
    pub(super) abbreviations: Vec<u8>,
    pub(super) info: Vec<u8>,
    pub(super) lines: Vec<u8>,
}

const UNIT: u8 = 1;
const SUBPROGRAM: u8 = 2;

pub(super) fn sections(functions: &[Function]) -> Sections {
    Sections { abbreviations: abbreviations(), info: info(functions), lines: lines(functions) }
}

fn abbreviations() -> Vec<u8> {
    const TAG_COMPILE_UNIT: u8 = 0x11;
    const TAG_SUBPROGRAM: u8 = 0x2e;
    const NAME: u8 = 0x03;
    const STMT_LIST: u8 = 0x10;
    const LOW_PC: u8 = 0x11;
    const HIGH_PC: u8 = 0x12;
    const ADDR: u8 = 0x01;
    const DATA8: u8 = 0x07;
    const STRING: u8 = 0x08;
    const SEC_OFFSET: u8 = 0x17;
    let unit = [UNIT, TAG_COMPILE_UNIT, 1, NAME, STRING, STMT_LIST, SEC_OFFSET, LOW_PC, ADDR, HIGH_PC, DATA8];
    let subprogram = [SUBPROGRAM, TAG_SUBPROGRAM, 0, NAME, STRING, LOW_PC, ADDR, HIGH_PC, DATA8];
    [&unit[..], &[0, 0], &subprogram, &[0, 0], &[0]].concat()
}

fn info(functions: &[Function]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(4_u16.to_le_bytes());
    // Where the abbreviations are, and how long an address is.
    body.extend(0_u32.to_le_bytes());
    body.push(8);
    body.push(UNIT);
    put_text(&mut body, "shop");
    body.extend(0_u32.to_le_bytes());
    let start = functions.first().map_or(0, |function| function.address);
    let end = functions.last().map_or(0, |function| function.address + function.len);
    body.extend(start.to_le_bytes());
    body.extend((end - start).to_le_bytes());
    for function in functions {
        body.push(SUBPROGRAM);
        put_text(&mut body, &function.name);
        body.extend(function.address.to_le_bytes());
        body.extend(function.len.to_le_bytes());
    }
    body.push(0);
    behind_its_length(&body)
}

fn lines(functions: &[Function]) -> Vec<u8> {
    let mut files: HashMap<&str, u64> = HashMap::new();
    // Length of an instruction, operations of one, is_stmt; line base and range, which no opcode here uses.
    let mut header = vec![1, 1, 1, 0xfb, 14];
    // The standard opcodes and how many operands each has; then no directories.
    header.extend([13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0]);
    for function in functions {
        let next = files.len() as u64 + 1;
        files.entry(&function.source).or_insert_with(|| {
            put_text(&mut header, &function.source);
            header.extend([0, 0, 0]);
            next
        });
    }
    header.push(0);
    let mut body = Vec::new();
    body.extend(4_u16.to_le_bytes());
    body.extend(behind_its_length(&header));
    functions.iter().for_each(|function| put_rows(&mut body, function, files[function.source.as_str()]));
    behind_its_length(&body)
}

/// The line program of one function: two rows, for where it begins and where it ends.
fn put_rows(program: &mut Vec<u8>, function: &Function, file: u64) {
    const COPY: u8 = 1;
    const ADVANCE_PC: u8 = 2;
    const ADVANCE_LINE: u8 = 3;
    const SET_FILE: u8 = 4;
    const END_SEQUENCE: u8 = 1;
    const SET_ADDRESS: u8 = 2;
    program.extend([0, 9, SET_ADDRESS]);
    program.extend(function.address.to_le_bytes());
    program.push(SET_FILE);
    put_number(program, file);
    program.push(ADVANCE_LINE);
    // Lines begin at 1. The operand is signed: its highest bit must be clear.
    put_signed(program, u64::from(function.line) - 1);
    program.extend([COPY, ADVANCE_PC]);
    put_number(program, function.len);
    program.extend([0, 1, END_SEQUENCE]);
}

fn behind_its_length(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.as_bytes());
    out.push(0);
}

/// In LEB128.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A number that is not negative, in signed LEB128.
fn put_signed(out: &mut Vec<u8>, number: u64) {
    put_number(out, number);
    if let Some(last) = out.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        out.push(0);
    }
}
