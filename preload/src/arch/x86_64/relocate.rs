//! Moving the first instructions of a function out of the way of a jump.
//!
//! ```text
//! function:   endbr64            stays, if it is there
//!             jmp slot           5 bytes over the first instructions
//!
//! slot:       mov r11, call      what the hook is to know; no function expects anything in r11
//!             jmp [hook]
//! trampoline: the first instructions
//!             jmp function, behind them
//! ```

use core::fmt;

use super::instruction::{self, Place};

/// Bytes that a slot has, at most.
pub(crate) const SLOT_LEN: usize = 128;
/// A jump with a 32-bit distance.
const JUMP_LEN: usize = 5;
/// A landing place for indirect jumps.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// Why a function is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooShort,
    UnknownInstruction { at: usize },
    ImmovableInstruction { at: usize },
    JumpsBack { at: usize },
    TooFar,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => out.write_str("it is too short for a jump"),
            Self::UnknownInstruction { at } => write!(out, "its instruction at +{at} is not known"),
            Self::ImmovableInstruction { at } => write!(out, "its instruction at +{at} cannot be moved"),
            Self::JumpsBack { at } => write!(out, "at +{at} it jumps back to its first instructions"),
            Self::TooFar => out.write_str("what its first instructions refer to is too far away"),
        }
    }
}

/// What a function's detour is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// What comes to stand in the slot.
    pub(crate) slot: [u8; SLOT_LEN],
    /// Address of what does what the function did.
    pub(crate) original: u64,
    /// Where the jump comes to stand.
    pub(crate) at: u64,
    pub(crate) jump: [u8; JUMP_LEN],
}

impl Patch {
    /// The address behind the jump: the function's, as the return address of a call would be.
    pub(crate) fn behind(&self) -> u64 {
        self.at + JUMP_LEN as u64
    }

    /// The detour of the function that `code` is, to `hook`, which finds `call` in `r11`.
    pub(crate) fn new(function: u64, code: &[u8], slot: u64, hook: u64, call: u64) -> Result<Self, Refusal> {
        let kept = if code.starts_with(&ENDBR64) { ENDBR64.len() } else { 0 };
        let moved = first_instructions(code, kept)?;
        check_jumps(code, moved.clone())?;
        let mut writer = Writer { bytes: [0xcc; SLOT_LEN], len: 0, start: slot };
        writer.put(&[0x49, 0xbb])?;
        writer.put(&call.to_le_bytes())?;
        writer.put(&[0xff, 0x25, 0, 0, 0, 0])?;
        writer.put(&hook.to_le_bytes())?;
        let original = writer.here();
        let behind = function + moved.end as u64;
        let mut at = moved.start;
        while at < moved.end {
            let bytes = code.get(at..moved.end).unwrap_or_default();
            at += writer.relocate(bytes, function + at as u64, at)?;
        }
        writer.branch(&[0xe9], behind)?;
        let at = function + kept as u64;
        let [a, b, c, d] = distance(at + JUMP_LEN as u64, slot)?.to_le_bytes();
        Ok(Self { slot: writer.bytes, original, at, jump: [0xe9, a, b, c, d] })
    }
}

/// The whole instructions, behind the first `kept` bytes, that a jump replaces.
fn first_instructions(code: &[u8], kept: usize) -> Result<core::ops::Range<usize>, Refusal> {
    let mut end = kept;
    while end < kept + JUMP_LEN {
        let rest = code.get(end..).filter(|rest| !rest.is_empty()).ok_or(Refusal::TooShort)?;
        end += instruction::read(rest).ok_or(Refusal::UnknownInstruction { at: end })?.len;
    }
    Ok(kept..end)
}

/// No branch of the function may lead into bytes that are replaced, but to their first.
fn check_jumps(code: &[u8], moved: core::ops::Range<usize>) -> Result<(), Refusal> {
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        let instruction = instruction::read(rest).ok_or(Refusal::UnknownInstruction { at })?;
        let distance = match instruction.place {
            Place::Jump { distance } | Place::JumpIf { distance, .. } | Place::Call { distance } => {
                Some(distance)
            }
            Place::Bound { distance } => distance,
            Place::Free | Place::Displacement { .. } => None,
        };
        let end = at + instruction.len;
        let target = distance.and_then(|distance| end.checked_add_signed(distance as isize));
        if target.is_some_and(|target| target > moved.start && target < moved.end) {
            return Err(Refusal::JumpsBack { at });
        }
        at = end;
    }
    Ok(())
}

fn distance(from: u64, to: u64) -> Result<i32, Refusal> {
    i32::try_from(to.wrapping_sub(from) as i64).map_err(|_| Refusal::TooFar)
}

struct Writer {
    bytes: [u8; SLOT_LEN],
    len: usize,
    /// Address of the first byte.
    start: u64,
}

impl Writer {
    fn here(&self) -> u64 {
        self.start + self.len as u64
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let room = self.bytes.get_mut(self.len..self.len + bytes.len()).ok_or(Refusal::TooFar)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    /// A branch with a 32-bit distance.
    fn branch(&mut self, opcode: &[u8], target: u64) -> Result<(), Refusal> {
        let end = self.here() + opcode.len() as u64 + 4;
        self.put(opcode)?;
        self.put(&distance(end, target)?.to_le_bytes())
    }

    /// Puts the first instruction of `code`, which stands at `address`, to where it does the same.
    fn relocate(&mut self, code: &[u8], address: u64, at: usize) -> Result<usize, Refusal> {
        let instruction = instruction::read(code).ok_or(Refusal::UnknownInstruction { at })?;
        let bytes = code.get(..instruction.len).unwrap_or_default();
        let end = address + instruction.len as u64;
        let target = |distance: i32| end.wrapping_add_signed(i64::from(distance));
        match instruction.place {
            Place::Free => self.put(bytes)?,
            Place::Displacement { at } => {
                let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
                let old = i32::from_le_bytes(*field.ok_or(Refusal::TooShort)?);
                let new = distance(self.here() + instruction.len as u64, target(old))?;
                let start = self.len + at;
                self.put(bytes)?;
                if let Some(field) = self.bytes.get_mut(start..start + 4) {
                    field.copy_from_slice(&new.to_le_bytes());
                }
            }
            Place::Jump { distance } => self.branch(&[0xe9], target(distance))?,
            Place::JumpIf { condition, distance } => {
                self.branch(&[0x0f, 0x80 | condition], target(distance))?;
            }
            Place::Call { distance } => self.call(end, target(distance), at)?,
            Place::Bound { .. } => return Err(Refusal::ImmovableInstruction { at }),
        }
        Ok(instruction.len)
    }

    /// A call that returns to the function itself, which has unwind information where a trampoline has none.
    /// A call is as long as the jump, so nothing that is moved comes after it.
    fn call(&mut self, back: u64, target: u64, at: usize) -> Result<(), Refusal> {
        if super::has_shadow_stack() {
            return Err(Refusal::ImmovableInstruction { at });
        }
        let [low, high] = [back as u32, (back >> 32) as u32].map(u32::to_le_bytes);
        self.put(&[0x68])?;
        self.put(&low)?;
        self.put(&[0xc7, 0x44, 0x24, 0x04])?;
        self.put(&high)?;
        self.branch(&[0xe9], target)
    }
}
