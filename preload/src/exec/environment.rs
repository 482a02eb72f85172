//! The environment of the program that is executed: it is preloaded as this one was, and knows its number.
#![expect(unsafe_code, reason = "environments are arrays of the program's strings")]

use core::ffi::{CStr, c_char};
use core::ptr::null;
use std::io::Write;

use bytehound_rings::Ticket;

use super::Strings;
use crate::environment::{self, Hidden, LD_PRELOAD};
use crate::settings::{EXECUTED, REGION};
use crate::sys;

/// An environment in memory of its own, given back if the program stays after all.
pub(super) struct NextEnvironment {
    memory: &'static mut [u8],
}

/// What the next program is told.
pub(super) struct Told {
    /// The process, which stays.
    pub(super) process: u32,
    /// How many captured programs the process has executed before it.
    pub(super) number: u64,
    /// Where it finds what is handed over to it.
    pub(super) ticket: Option<Ticket>,
}

/// Room for the variables that say the number, and where to find what is handed over.
const TOLD_LEN: usize = 200;

impl NextEnvironment {
    /// Makes it of the one that the program passes on. None if that is passed on as it is: it does not preload this
    /// library, because the program has removed it.
    pub(super) fn prepare(from: Strings, told: &Told) -> Option<Self> {
        // SAFETY: the program passes strings and a null pointer, as the function wants them.
        let entries = || unsafe { environment::entries_of(from) };
        let current = entries().find_map(|entry| text(entry).strip_prefix(LD_PRELOAD))?;
        let hidden = environment::hidden_preload();
        if hidden.is_none() && !environment::preloads_us(current) {
            return None;
        }
        // Three strings may be new, and the null pointer is one more.
        let pointers_len = (entries().count() + 4) * size_of::<*const c_char>();
        let texts_len = hidden.map_or(0, Hidden::len) + current.len() + LD_PRELOAD.len() + TOLD_LEN;
        let memory = sys::map(pointers_len + texts_len).ok()?;
        let mut next = Self { memory };
        let (pointers, texts) = next.parts(pointers_len);
        let mut texts = Texts { room: texts };
        let preload = hidden.and_then(|hidden| texts.add(|room| hidden.restore(current, room)));
        let number = texts.add(|room| {
            room.write_all(EXECUTED)?;
            write!(room, "{}:{}", told.process, told.number)
        });
        let ticket = told.ticket.and_then(|ticket| {
            texts.add(|room| {
                room.write_all(REGION)?;
                write!(room, "{ticket}")
            })
        });
        let kept = entries().filter_map(|entry| match text(entry) {
            text if text.starts_with(LD_PRELOAD) => Some(preload.unwrap_or(entry)),
            text if text.starts_with(EXECUTED) || text.starts_with(REGION) => None,
            _ => Some(entry),
        });
        pointers
            .iter_mut()
            .zip(kept.chain(number).chain(ticket).chain([null()]))
            .for_each(|(to, from)| *to = from);
        Some(next)
    }

    pub(super) fn strings(&self) -> Strings {
        self.memory.as_ptr().cast()
    }

    fn parts(&mut self, pointers_len: usize) -> (&mut [*const c_char], &mut [u8]) {
        let (pointers, texts) = self.memory.split_at_mut_checked(pointers_len).unwrap_or_default();
        let count = pointers.len() / size_of::<*const c_char>();
        // SAFETY: the mapping is aligned for pointers, and zero is a valid one.
        (unsafe { core::slice::from_raw_parts_mut(pointers.as_mut_ptr().cast(), count) }, texts)
    }
}

impl Drop for NextEnvironment {
    fn drop(&mut self) {
        // SAFETY: nobody else knows the mapping.
        unsafe { sys::unmap(self.memory.as_mut_ptr().addr(), self.memory.len()) };
    }
}

fn text(entry: *const c_char) -> &'static [u8] {
    // SAFETY: every entry is a string that ends with a NUL, and outlives the call that it is passed to.
    unsafe { CStr::from_ptr(entry) }.to_bytes()
}

/// Strings one after another, in zeroed memory.
struct Texts<'a> {
    room: &'a mut [u8],
}

impl Texts<'_> {
    /// Adds what `write` writes; none if there is not enough room.
    fn add(&mut self, write: impl FnOnce(&mut &mut [u8]) -> std::io::Result<()>) -> Option<*const c_char> {
        let mut rest = core::mem::take(&mut self.room);
        let start = rest.as_ptr();
        let written = write(&mut rest).and_then(|()| rest.write_all(b"\0"));
        self.room = rest;
        written.ok().map(|()| start.cast())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    const TICKET: Ticket = Ticket { descriptor: 9, device: 1, inode: 2 };
    const TOLD: Told = Told { process: 42, number: 3, ticket: Some(TICKET) };

    fn next(entries: &[&str]) -> Option<Vec<String>> {
        let entries: Vec<_> = entries.iter().map(|entry| CString::new(*entry).unwrap()).collect();
        let pointers: Vec<_> = entries.iter().map(|entry| entry.as_ptr()).chain([null()]).collect();
        let next = NextEnvironment::prepare(pointers.as_ptr(), &TOLD)?;
        // SAFETY: prepared as it should be.
        let entries = unsafe { environment::entries_of(next.strings()) };
        Some(entries.map(|entry| String::from_utf8(text(entry).to_vec()).unwrap()).collect())
    }

    #[test]
    fn the_next_program_is_told_its_number_and_keeps_all_else() {
        let preload = "LD_PRELOAD=/x/libbytehound.so";
        let (number, region) = ("MEMORY_PROFILER_EXECUTED=42:3", "MEMORY_PROFILER_REGION=9:1:2");
        let before = ["A=1", "MEMORY_PROFILER_EXECUTED=42:2", preload, "MEMORY_PROFILER_REGION=8:1:2", "B"];
        assert_eq!(next(&before).unwrap(), ["A=1", preload, "B", number, region]);
    }

    #[test]
    fn an_environment_without_this_library_is_left_alone() {
        assert_eq!(next(&[]), None);
        assert_eq!(next(&["A=1", "LD_PRELOAD=x.so"]), None);
        assert!(NextEnvironment::prepare(null(), &TOLD).is_none());
    }
}
