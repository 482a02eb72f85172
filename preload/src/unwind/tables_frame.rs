//! The slow way out of a frame: every rule of the tables evaluated in full. Signal frames, stacks that were
//! realigned and hand-written code need it.

use gimli::{CfaRule, Encoding, EvaluationResult, EvaluationStorage, Register, RegisterRule, Value};

use super::memory::Stack;
use super::tables::{self, Bytes, Context, Found};
use crate::arch::{Registers, dwarf};

/// A frame's caller, and whether it was interrupted rather than called.
pub(super) struct Outer {
    pub(super) registers: Registers,
    pub(super) interrupted: bool,
}

/// Leaves the frame of code at `address`. None at the end of the stack, and where the rules ask for more than
/// the followed registers.
pub(super) fn leave(
    address: u64,
    registers: Registers,
    stack: &Stack,
    context: &mut Context,
) -> Option<Outer> {
    let found = tables::find(address, context)?;
    let frame = Evaluation { found, registers, stack };
    let cfa = frame.cfa()?;
    let registers = Registers {
        ip: frame.register(dwarf::IP, cfa)?,
        sp: frame.register(dwarf::SP, cfa)?,
        bp: frame.register(dwarf::BP, cfa)?,
        bx: frame.register(dwarf::BX, cfa)?,
    };
    Some(Outer { registers, interrupted: frame.found.is_signal_frame })
}

struct Evaluation<'a> {
    found: Found<'a>,
    registers: Registers,
    stack: &'a Stack,
}

impl Evaluation<'_> {
    fn cfa(&self) -> Option<u64> {
        match self.found.row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                Some(self.current(*register)?.wrapping_add_signed(*offset))
            }
            CfaRule::Expression(expression) => self.evaluate(expression.get(&self.found.section).ok()?, None),
        }
    }

    /// A register's value in the caller.
    fn register(&self, number: u16, cfa: u64) -> Option<u64> {
        let place = |expression: &gimli::UnwindExpression<usize>| {
            self.evaluate(expression.get(&self.found.section).ok()?, Some(cfa))
        };
        match self.found.row.register(Register(number)) {
            None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => match number {
                dwarf::IP => None,
                dwarf::SP => Some(cfa),
                _ => self.current(Register(number)),
            },
            Some(RegisterRule::Offset(offset)) => self.stack.read(cfa.wrapping_add_signed(offset)),
            Some(RegisterRule::ValOffset(offset)) => Some(cfa.wrapping_add_signed(offset)),
            Some(RegisterRule::Register(register)) => self.current(register),
            Some(RegisterRule::Expression(expression)) => self.stack.read(place(&expression)?),
            Some(RegisterRule::ValExpression(expression)) => place(&expression),
            _ => None,
        }
    }

    fn current(&self, register: Register) -> Option<u64> {
        match register.0 {
            dwarf::IP => Some(self.registers.ip),
            dwarf::SP => Some(self.registers.sp),
            dwarf::BP => Some(self.registers.bp),
            dwarf::BX => Some(self.registers.bx),
            _ => None,
        }
    }

    fn evaluate(&self, expression: gimli::Expression<Bytes>, initial: Option<u64>) -> Option<u64> {
        let mut evaluation = start(expression, self.found.encoding);
        if let Some(value) = initial {
            evaluation.set_initial_value(value);
        }
        let mut state = evaluation.evaluate().ok()?;
        loop {
            state = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresMemory { address, size: 8, .. } => {
                    evaluation.resume_with_memory(Value::Generic(self.stack.read(address)?)).ok()?
                }
                EvaluationResult::RequiresRegister { register, .. } => {
                    evaluation.resume_with_register(Value::Generic(self.current(register)?)).ok()?
                }
                _ => return None,
            };
        }
        match evaluation.as_result().first()?.location {
            gimli::Location::Address { address } => Some(address),
            _ => None,
        }
    }
}

/// Memory for evaluating expressions without allocating.
struct Storage;

impl EvaluationStorage<Bytes> for Storage {
    type Stack = [Value; 32];
    type ExpressionStack = [(Bytes, Bytes); 1];
    type Result = [gimli::Piece<Bytes>; 1];
}

/// No expression of an unwind table is longer than this many steps.
const STEPS_MAX: u32 = 1000;

fn start(expression: gimli::Expression<Bytes>, encoding: Encoding) -> gimli::Evaluation<Bytes, Storage> {
    let mut evaluation = gimli::Evaluation::new_in(expression.0, encoding);
    evaluation.set_max_iterations(STEPS_MAX);
    evaluation
}
