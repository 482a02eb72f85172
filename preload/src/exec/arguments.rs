//! Arguments of variadic functions, as an array.
#![expect(unsafe_code, reason = "reads arguments where the caller has put them")]

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null;

use super::Strings;
use crate::arch::VariadicFrame;
use crate::sys;

/// So many arguments fit on the stack; more get memory of their own.
const FEW: usize = 512;

/// The strings after a function's first argument.
pub(super) struct Arguments;

impl Arguments {
    /// Calls `call` with the strings up to the null pointer and with the argument after that.
    ///
    /// # Safety
    /// `frame` is of a variadic function that was called with strings and a null pointer.
    pub(super) unsafe fn collect(
        frame: *const VariadicFrame,
        call: impl FnOnce(Strings, *const c_void) -> c_int,
    ) -> c_int {
        // SAFETY: the caller vouches for the frame, and nothing behind the null pointer is read.
        let argument = |at| unsafe { (*frame).argument(at).cast::<c_char>() };
        let len = (0..).take_while(|&at| !argument(at).is_null()).count();
        // Read even if there is none: the word is one of the frame's own, or lies in the caller's.
        // SAFETY: as above; the stack does not end with the arguments.
        let next = unsafe { (*frame).argument(len + 1) };
        let mut few = [null(); FEW];
        let mut many = Memory::of(if len < FEW { 0 } else { len + 1 });
        let Some(room) = few.get_mut(..=len).or_else(|| many.strings(len + 1)) else { return -1 };
        room.iter_mut().enumerate().for_each(|(at, string)| *string = argument(at));
        call(room.as_ptr(), next)
    }
}

/// Room for strings, given back when it goes.
struct Memory(Option<&'static mut [u8]>);

impl Memory {
    fn of(strings: usize) -> Self {
        Self((strings != 0).then(|| sys::map(strings * size_of::<Strings>()).ok()).flatten())
    }

    fn strings(&mut self, len: usize) -> Option<&mut [*const c_char]> {
        let memory = self.0.as_mut()?;
        // SAFETY: mapped for this many pointers, aligned, and zeroed, which is a null pointer.
        Some(unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), len) })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(memory) = self.0.take() {
            // SAFETY: nobody else knows the mapping.
            unsafe { sys::unmap(memory.as_mut_ptr().addr(), memory.len()) };
        }
    }
}
