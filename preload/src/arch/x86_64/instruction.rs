//! How long an instruction is, and what in it depends on where it stands: enough to move a function's first
//! instructions, and to see whether it jumps back to them.
//!
//! Everything else of an instruction is its own business. What is not known here is refused. A decoder and encoder for
//! all instructions would add a quarter of a megabyte to a library that is copied into every capture; one is what the
//! tests hold this against.

/// One instruction of 64-bit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) len: usize,
    pub(super) place: Place,
}

/// How an instruction depends on its place. Distances count from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not at all.
    Free,
    /// By a 32-bit displacement at this offset.
    Displacement {
        at: usize,
    },
    Jump {
        distance: i32,
    },
    /// Jumps if the condition of this number holds.
    JumpIf {
        condition: u8,
        distance: i32,
    },
    Call {
        distance: i32,
    },
    /// Cannot be moved: a call by pointer, whose return address would be elsewhere, or a loop's short jump.
    Bound {
        distance: Option<i32>,
    },
}

/// No instruction is longer.
const LEN_MAX: usize = 15;

/// What follows the opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    /// This many bytes.
    Bytes(usize),
    /// 4 bytes, or 2 with an operand-size prefix.
    Word,
    /// As `Word`, or 8 with `REX.W`.
    Wide,
    /// An address of 8 bytes.
    Offset,
    /// An operand, then this many bytes.
    Operand(usize),
    /// An operand, then as `Word`.
    OperandWord,
    /// An operand, then this if the operand's middle field is 0 or 1 (`test`).
    Test(Immediate),
    /// A near or short branch.
    Branch(Distance, Branch),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Immediate {
    Byte,
    Word,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Distance {
    Short,
    Near,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Jump,
    If(u8),
    Call,
    Loop,
}

#[derive(Clone, Copy, Default)]
struct Prefixes {
    operand_size: bool,
    address_size: bool,
    wide: bool,
}

/// Reads the instruction that `code` starts with.
pub(super) fn read(code: &[u8]) -> Option<Instruction> {
    let (prefixes, mut at) = prefixes(code)?;
    let opcode = *code.get(at)?;
    at += 1;
    let tail = match opcode {
        0x0f => escaped(code, &mut at)?,
        0xc4 | 0xc5 | 0x62 => extended(opcode, code, &mut at)?,
        _ => plain(opcode)?,
    };
    let instruction = finish(opcode, tail, prefixes, code, at)?;
    (instruction.len <= LEN_MAX && instruction.len <= code.len()).then_some(instruction)
}

fn prefixes(code: &[u8]) -> Option<(Prefixes, usize)> {
    let mut prefixes = Prefixes::default();
    for (at, &byte) in code.iter().enumerate().take(LEN_MAX) {
        match byte {
            0x66 => prefixes.operand_size = true,
            0x67 => prefixes.address_size = true,
            0xf0 | 0xf2 | 0xf3 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 => {}
            0x40..=0x4f => {
                // It counts only right before the opcode, where compilers put it.
                prefixes.wide = byte & 8 != 0;
                let next = *code.get(at + 1)?;
                let misplaced = matches!(
                    next,
                    0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65
                );
                return (!misplaced && !matches!(next, 0x40..=0x4f)).then_some((prefixes, at + 1));
            }
            _ => return Some((prefixes, at)),
        }
    }
    None
}

/// The one-byte opcodes.
fn plain(opcode: u8) -> Option<Tail> {
    Some(match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => Tail::Operand(0),
            4 => Tail::Bytes(1),
            5 => Tail::Word,
            _ => return None,
        },
        0x63 | 0x84..=0x8e | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => Tail::Operand(0),
        0x68 | 0xa9 => Tail::Word,
        0x69 | 0x81 | 0xc7 => Tail::OperandWord,
        0x6a | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe4..=0xe7 => Tail::Bytes(1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => Tail::Operand(1),
        0x70..=0x7f => Tail::Branch(Distance::Short, Branch::If(opcode & 15)),
        0xa0..=0xa3 => Tail::Offset,
        0xb8..=0xbf => Tail::Wide,
        0xc2 | 0xca => Tail::Bytes(2),
        0xc8 => Tail::Bytes(3),
        0xe0..=0xe3 => Tail::Branch(Distance::Short, Branch::Loop),
        0xe8 => Tail::Branch(Distance::Near, Branch::Call),
        0xe9 => Tail::Branch(Distance::Near, Branch::Jump),
        0xeb => Tail::Branch(Distance::Short, Branch::Jump),
        0xf6 => Tail::Test(Immediate::Byte),
        0xf7 => Tail::Test(Immediate::Word),
        0x50..=0x5f | 0x6c..=0x6f | 0x90..=0x99 | 0x9b..=0x9f | 0xa4..=0xa7 | 0xaa..=0xaf => Tail::Nothing,
        0xc3 | 0xc9 | 0xcb | 0xcc | 0xcf | 0xd7 | 0xec..=0xef | 0xf4 | 0xf5 | 0xf8..=0xfd => Tail::Nothing,
        _ => return None,
    })
}

/// The opcodes after `0f`, `0f 38` and `0f 3a`.
fn escaped(code: &[u8], at: &mut usize) -> Option<Tail> {
    let opcode = *code.get(*at)?;
    *at += 1;
    Some(match opcode {
        0x38 | 0x3a => {
            *at += 1;
            Tail::Operand(usize::from(opcode == 0x3a))
        }
        0x05..=0x09 | 0x0b | 0x30..=0x35 | 0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => {
            Tail::Nothing
        }
        0x80..=0x8f => Tail::Branch(Distance::Near, Branch::If(opcode & 15)),
        0x04 | 0x0a | 0x0c | 0x0e | 0x0f | 0x20..=0x27 | 0x36 | 0x39..=0x3f | 0x78 | 0x79 | 0xa6 | 0xa7 => {
            return None;
        }
        _ => Tail::Operand(usize::from(has_byte(opcode) || matches!(opcode, 0xa4 | 0xac | 0xba))),
    })
}

/// The opcodes after a VEX or EVEX prefix.
fn extended(prefix: u8, code: &[u8], at: &mut usize) -> Option<Tail> {
    let first = *code.get(*at)?;
    let (len, map) = match prefix {
        0xc5 => (1, 1),
        0xc4 => (2, first & 31),
        _ => (3, first & 7),
    };
    let opcode = *code.get(*at + len)?;
    *at += len + 1;
    match map {
        1 if opcode == 0x77 && prefix != 0x62 => Some(Tail::Nothing),
        1 => Some(Tail::Operand(usize::from(has_byte(opcode)))),
        2 => Some(Tail::Operand(0)),
        3 => Some(Tail::Operand(1)),
        _ => None,
    }
}

/// Whether an opcode after `0f`, or of the same map with a VEX prefix, ends with a byte of its own.
fn has_byte(opcode: u8) -> bool {
    matches!(opcode, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6)
}

fn finish(opcode: u8, tail: Tail, prefixes: Prefixes, code: &[u8], at: usize) -> Option<Instruction> {
    let word = if prefixes.operand_size && !prefixes.wide { 2 } else { 4 };
    let free = |len| Some(Instruction { len, place: Place::Free });
    match tail {
        Tail::Nothing => free(at),
        Tail::Bytes(count) => free(at + count),
        Tail::Word => free(at + word),
        Tail::Wide => free(at + if prefixes.wide { 8 } else { word }),
        Tail::Offset => free(at + if prefixes.address_size { 4 } else { 8 }),
        Tail::Operand(count) => operand(opcode, count, prefixes, code, at),
        Tail::OperandWord => operand(opcode, word, prefixes, code, at),
        Tail::Test(immediate) => {
            let len = if immediate == Immediate::Byte { 1 } else { word };
            let tests = middle(*code.get(at)?) < 2;
            operand(opcode, if tests { len } else { 0 }, prefixes, code, at)
        }
        Tail::Branch(distance, branch) => {
            // Processors disagree on what an operand-size prefix makes of a near branch.
            let doubtful = word == 2 || prefixes.address_size;
            if doubtful { None } else { self::branch(distance, branch, code, at) }
        }
    }
}

fn middle(operand: u8) -> u8 {
    operand >> 3 & 7
}

/// An operand in a register or in memory, and `count` bytes after it.
fn operand(opcode: u8, count: usize, prefixes: Prefixes, code: &[u8], at: usize) -> Option<Instruction> {
    let byte = *code.get(at)?;
    let (mode, register) = (byte >> 6, byte & 7);
    // `xbegin`, and the prefix of instructions that only some processors ever had.
    if (opcode == 0xc7 && byte == 0xf8) || (opcode == 0x8f && middle(byte) != 0) {
        return None;
    }
    let in_memory = mode != 3;
    let scaled = in_memory && register == 4;
    let base = if scaled { *code.get(at + 1)? & 7 } else { register };
    let displacement = match mode {
        0 if base == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    let start = at + 1 + usize::from(scaled);
    let len = start + displacement + count;
    let calls = opcode == 0xff && matches!(middle(byte), 2 | 3);
    let place = match (calls, mode == 0 && register == 5) {
        (true, _) => Place::Bound { distance: None },
        (false, true) if prefixes.address_size => return None,
        (false, true) => Place::Displacement { at: start },
        (false, false) => Place::Free,
    };
    Some(Instruction { len, place })
}

fn branch(distance: Distance, branch: Branch, code: &[u8], at: usize) -> Option<Instruction> {
    let (len, distance) = match distance {
        Distance::Short => (at + 1, i32::from(*code.get(at)? as i8)),
        Distance::Near => (at + 4, i32::from_le_bytes(*code.get(at..)?.first_chunk()?)),
    };
    let place = match branch {
        Branch::Jump => Place::Jump { distance },
        Branch::If(condition) => Place::JumpIf { condition, distance },
        Branch::Call => Place::Call { distance },
        Branch::Loop => Place::Bound { distance: Some(distance) },
    };
    Some(Instruction { len, place })
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction as Known, OpKind};

    use super::*;
    use crate::detour::{Executable, modules};

    /// What another decoder says of the same bytes.
    fn known(code: &[u8]) -> Option<Known> {
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let instruction = decoder.decode();
        (!instruction.is_invalid()).then_some(instruction)
    }

    fn is_same(ours: Instruction, known: &Known) -> bool {
        let distance = || known.near_branch_target().wrapping_sub(known.len() as u64) as i64;
        let is_near = known.op_count() > 0
            && matches!(known.op_kind(0), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64);
        ours.len == known.len()
            && match ours.place {
                Place::Free => !is_near && !known.is_ip_rel_memory_operand(),
                Place::Displacement { .. } => known.is_ip_rel_memory_operand(),
                Place::Jump { distance: ours } => {
                    known.flow_control() == FlowControl::UnconditionalBranch && i64::from(ours) == distance()
                }
                Place::JumpIf { distance: ours, .. } => {
                    known.flow_control() == FlowControl::ConditionalBranch && i64::from(ours) == distance()
                }
                Place::Call { distance: ours } => {
                    known.flow_control() == FlowControl::Call && i64::from(ours) == distance()
                }
                Place::Bound { distance: Some(ours) } => is_near && i64::from(ours) == distance(),
                Place::Bound { distance: None } => known.flow_control() == FlowControl::IndirectCall,
            }
    }

    #[test]
    fn instructions_of_this_program_and_of_the_c_library_are_read_as_another_decoder_reads_them() {
        let executable = Executable::open().unwrap();
        let functions =
            executable.functions(200).map(|symbol| symbol.function).filter(|function| function.len > 0);
        let of_c =
            [&b"malloc"[..], b"printf", b"qsort", b"strtod", b"mmap", b"memcpy", b"regcomp", b"getaddrinfo"];
        let modules = modules();
        let of_c = of_c.iter().filter_map(|name| modules.iter().find_map(|module| module.function(name)));
        let (mut read_count, mut refused) = (0, 0);
        for function in functions.chain(of_c) {
            let mut code = function.code();
            while let Some(known) = known(code) {
                match read(code) {
                    Some(ours) => assert!(
                        is_same(ours, &known),
                        "{:?} as {ours:?}: {:x?}",
                        known.code(),
                        &code[..known.len()]
                    ),
                    None => refused += 1,
                }
                read_count += 1;
                code = &code[known.len()..];
            }
        }
        assert!(read_count > 100_000 && refused * 1000 < read_count, "{refused} of {read_count} refused");
    }

    #[test]
    fn any_bytes_that_are_read_as_an_instruction_are_read_as_another_decoder_reads_them() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut compared = 0;
        for _ in 0..300_000 {
            let mut code = [0; 16];
            code[..8].copy_from_slice(&next().to_le_bytes());
            code[8..].copy_from_slice(&next().to_le_bytes());
            if let (Some(ours), Some(known)) = (read(&code), known(&code)) {
                assert!(is_same(ours, &known), "{:?} as {ours:?}: {code:x?}", known.code());
                compared += 1;
            }
        }
        assert!(compared > 100_000, "{compared}");
    }
}
