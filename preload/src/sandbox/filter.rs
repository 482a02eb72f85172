//! A program's filter of system calls, asked beforehand what it would say: the classic BPF that the kernel takes.

pub(super) use libc::sock_filter as Instruction;

/// The call that a filter judges, in the kernel's layout, as words: number, processor, address in two words, and six
/// arguments in two words each.
pub(super) struct Call([u32; 16]);

impl Call {
    pub(super) fn new(number: i64, processor: u32, address: u64, arguments: [usize; 6]) -> Self {
        let mut words = [0; 16];
        words[0] = number as u32;
        words[1] = processor;
        let doubles = core::iter::once(address).chain(arguments.map(|argument| argument as u64));
        for (pair, double) in words[2..].chunks_exact_mut(2).zip(doubles) {
            pair.copy_from_slice(&[double as u32, (double >> 32) as u32]);
        }
        Self(words)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        let whole = offset.is_multiple_of(4);
        whole.then(|| self.0.get(offset as usize / 4).copied()).flatten()
    }
}

/// Bytes of a call, as filters see it.
const CALL_LEN: u32 = 64;
/// The parts of an instruction's code.
const CLASS: u32 = 0x07;
const MODE: u32 = 0xe0;
const OPERATION: u32 = 0xf0;

/// What the filter answers; none if it is not one that the kernel would take.
pub(super) fn answer(filter: &[Instruction], call: &Call) -> Option<u32> {
    let (mut a, mut x, mut memory) = (0_u32, 0_u32, [0_u32; 16]);
    let mut rest = filter;
    // Jumps go forward alone, so it ends.
    while let Some((instruction, next)) = rest.split_first() {
        let (code, operand) = (u32::from(instruction.code), instruction.k);
        let value = if code & libc::BPF_X == 0 { operand } else { x };
        rest = next;
        match code & CLASS {
            class @ (libc::BPF_LD | libc::BPF_LDX) => {
                let loaded = match code & MODE {
                    libc::BPF_IMM => operand,
                    libc::BPF_ABS => call.word(operand)?,
                    libc::BPF_MEM => *memory.get(operand as usize)?,
                    libc::BPF_LEN => CALL_LEN,
                    _ => return None,
                };
                *(if class == libc::BPF_LD { &mut a } else { &mut x }) = loaded;
            }
            libc::BPF_ST => *memory.get_mut(operand as usize)? = a,
            libc::BPF_STX => *memory.get_mut(operand as usize)? = x,
            libc::BPF_ALU => a = calculate(code & OPERATION, a, value)?,
            libc::BPF_JMP => rest = rest.get(distance(instruction, a, value)?..)?,
            libc::BPF_RET => return Some(if code & libc::BPF_A == 0 { operand } else { a }),
            _ if code & libc::BPF_TXA == 0 => x = a,
            _ => a = x,
        }
    }
    None
}

fn calculate(operation: u32, a: u32, value: u32) -> Option<u32> {
    Some(match operation {
        libc::BPF_ADD => a.wrapping_add(value),
        libc::BPF_SUB => a.wrapping_sub(value),
        libc::BPF_MUL => a.wrapping_mul(value),
        libc::BPF_DIV => a.checked_div(value)?,
        libc::BPF_OR => a | value,
        libc::BPF_AND => a & value,
        libc::BPF_LSH => a.checked_shl(value).unwrap_or(0),
        libc::BPF_RSH => a.checked_shr(value).unwrap_or(0),
        libc::BPF_NEG => a.wrapping_neg(),
        libc::BPF_XOR => a ^ value,
        _ => return None,
    })
}

fn distance(instruction: &Instruction, a: u32, value: u32) -> Option<usize> {
    let holds = match u32::from(instruction.code) & OPERATION {
        libc::BPF_JA => return Some(instruction.k as usize),
        libc::BPF_JEQ => a == value,
        libc::BPF_JGT => a > value,
        libc::BPF_JGE => a >= value,
        libc::BPF_JSET => a & value != 0,
        _ => return None,
    };
    Some(usize::from(if holds { instruction.jt } else { instruction.jf }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    fn of(number: i64, first_argument: usize) -> Call {
        Call::new(number, 0xc000_003e, 0, [first_argument, 0, 0, 0, 0, 0])
    }

    #[test]
    fn a_filter_that_looks_at_number_and_argument_is_understood() {
        // Call 1 is allowed with 2 as its first argument, everything else ends the process.
        let filter = [
            instruction(0x20, 0, 0, 4),
            instruction(0x15, 0, 5, 0xc000_003e),
            instruction(0x20, 0, 0, 0),
            instruction(0x15, 0, 3, 1),
            instruction(0x20, 0, 0, 16),
            instruction(0x15, 0, 1, 2),
            instruction(0x06, 0, 0, 0x7fff_0000),
            instruction(0x06, 0, 0, 0x8000_0000),
        ];
        assert_eq!(answer(&filter, &of(1, 2)), Some(0x7fff_0000));
        assert_eq!(answer(&filter, &of(1, 3)), Some(0x8000_0000));
        assert_eq!(answer(&filter, &of(2, 2)), Some(0x8000_0000));
    }

    #[test]
    fn a_filter_that_calculates_is_understood() {
        // Answers (number & 0xf0) << 4, by way of a memory cell and the other register.
        let filter = [
            instruction(0x20, 0, 0, 0),
            instruction(0x54, 0, 0, 0xf0),
            instruction(0x02, 0, 0, 3),
            instruction(0x00, 0, 0, 4),
            instruction(0x07, 0, 0, 0),
            instruction(0x60, 0, 0, 3),
            instruction(0x6c, 0, 0, 0),
            instruction(0x16, 0, 0, 0),
        ];
        assert_eq!(answer(&filter, &of(0x1ab, 0)), Some(0xa00));
    }

    #[test]
    fn what_is_no_filter_has_no_answer() {
        for filter in [
            &[instruction(0x05, 0, 0, 9)][..],
            &[instruction(0x20, 0, 0, 2), instruction(0x06, 0, 0, 0)],
            &[instruction(0x34, 0, 0, 0), instruction(0x06, 0, 0, 0)],
            &[],
        ] {
            assert_eq!(answer(filter, &of(1, 2)), None);
        }
    }
}
