//! Writing to memory that is not writable: as a debugger does, for ourselves.
#![cfg_attr(test, expect(unsafe_code, reason = "runs what it has written"))]

use crate::sys::{self, Descriptor, Errno, Open, Result};

pub(super) struct ProcessMemory(Descriptor);

impl ProcessMemory {
    pub(super) fn open() -> Result<Self> {
        sys::open(c"/proc/self/mem", Open::Write).map(Self)
    }

    /// Writes all of `bytes`, or nothing of them.
    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        match sys::write_at(self.0, bytes, address)? {
            len if len == bytes.len() => Ok(()),
            _ => Err(Errno(libc::EIO)),
        }
    }
}

impl Drop for ProcessMemory {
    fn drop(&mut self) {
        sys::close(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Slots;
    use super::*;

    #[test]
    fn code_is_written_and_what_is_not_there_is_not() {
        let here = ProcessMemory::open as fn() -> Result<ProcessMemory> as usize as u64;
        let slots = Slots::near(here, here + 1, 1).unwrap();
        let memory = ProcessMemory::open().unwrap();
        // mov eax, 7; ret
        memory.write(slots.at(0), &[0xb8, 7, 0, 0, 0, 0xc3]).unwrap();
        let code: *const () = core::ptr::with_exposed_provenance(slots.at(0) as usize);
        // SAFETY: this is what was written there.
        let seven = unsafe { core::mem::transmute::<*const (), extern "C" fn() -> u32>(code) };
        assert_eq!(seven(), 7);
        assert!(memory.write(16, b"x").is_err());
    }
}
