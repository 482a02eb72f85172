//! Detours: putting an entry of ours before functions that no symbol lookup leads past us.
//!
//! A jump replaces a function's first instructions; moved elsewhere, they go on to serve whoever is to do what the
//! function did. It is all written through `/proc/self/mem`: no page's protection changes, so none is ever both
//! writable and executable, and a kernel that forbids it forbids it before anything has happened.
#![expect(unsafe_code, reason = "reads functions")]

mod executable;
mod loaded;
mod memory;
mod slots;
#[cfg(test)]
mod tests;

use core::fmt;

use crate::arch::{self, Detoured, Patch, Refusal};
use crate::sys::{self, Errno};

pub(crate) use executable::Executable;
pub(crate) use loaded::{Module, modules};
use memory::ProcessMemory;
use slots::Slots;

/// A function of the program or of a library, as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) address: u64,
    pub(crate) len: u64,
}

impl Function {
    /// Its instructions.
    pub(crate) fn code(&self) -> &'static [u8] {
        let start = core::ptr::with_exposed_provenance(self.address as usize);
        // SAFETY: a loaded module's symbol table says that these bytes are a function's, and modules that have
        // functions of ours stay loaded.
        unsafe { core::slice::from_raw_parts(start, self.len as usize) }
    }
}

/// Why nothing can be detoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Another thread may be running in what would be replaced.
    Threads,
    NoRoom(Errno),
    NotWritable(Errno),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads => out.write_str("other threads were running already when the library was loaded"),
            Self::NoRoom(Errno(number)) => write!(out, "there is no room for code near it (error {number})"),
            Self::NotWritable(Errno(number)) => {
                write!(out, "`/proc/self/mem` cannot be written (error {number})")
            }
        }
    }
}

/// A function that is to be detoured.
pub(crate) struct Planned {
    pub(crate) function: Function,
    /// What the entry is told.
    pub(crate) detoured: &'static mut Detoured,
}

/// How it went with a function: where its detour leads, or why there is none.
pub(crate) type Outcome = Result<Patch, Refusal>;

/// Prepares detours of these functions, which lie near each other, to the entry at `hook`.
pub(crate) fn prepare(planned: &mut [Planned], hook: u64) -> Result<(Slots, Vec<Outcome>), Obstacle> {
    if sys::thread_count() != Some(1) {
        return Err(Obstacle::Threads);
    }
    let start = planned.iter().map(|planned| planned.function.address).min().unwrap_or(0);
    let end =
        planned.iter().map(|planned| planned.function.address + planned.function.len).max().unwrap_or(0);
    let slots = Slots::near(start, end, planned.len()).map_err(Obstacle::NoRoom)?;
    let outcomes =
        planned.iter_mut().enumerate().map(|(at, planned)| planned.patch(slots.at(at), hook)).collect();
    Ok((slots, outcomes))
}

/// Makes the prepared detours.
pub(crate) fn make(slots: &Slots, outcomes: &[Outcome]) -> Result<(), Obstacle> {
    let memory = ProcessMemory::open().map_err(Obstacle::NotWritable)?;
    let made = || outcomes.iter().enumerate().filter_map(|(at, outcome)| Some((at, outcome.as_ref().ok()?)));
    for (at, patch) in made() {
        memory.write(slots.at(at), &patch.slot).map_err(Obstacle::NotWritable)?;
    }
    for (_, patch) in made() {
        memory.write(patch.at, &patch.jump).map_err(Obstacle::NotWritable)?;
    }
    arch::see_new_instructions();
    Ok(())
}

impl Planned {
    fn patch(&mut self, slot: u64, hook: u64) -> Outcome {
        let Function { address, .. } = self.function;
        let call = core::ptr::from_ref::<Detoured>(self.detoured).expose_provenance() as u64;
        let patch = Patch::new(address, self.function.code(), slot, hook, call)?;
        self.detoured.original = patch.original;
        self.detoured.leaf = patch.behind();
        Ok(patch)
    }
}
