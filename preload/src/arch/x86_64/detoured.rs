//! The one entry of all detoured functions: it notes the arguments, asks what is to be called with them, calls it, and
//! hands the result on.

use core::ffi::{c_int, c_void};

use crate::arch::HookFrame;

/// A call of a detoured function, on the stack of who called it. The layout is that of [`entry`].
#[repr(C)]
pub(crate) struct Call {
    /// Room for what is to be remembered until the function has returned.
    pub(crate) memory: [u64; 5],
    /// The first six arguments, if the function has so many.
    pub(crate) arguments: [usize; 6],
    /// Where the call came from; its padding is the address of the [`Detoured`].
    pub(crate) frame: HookFrame,
}

/// What the entry knows of the function it stands for: its slot gives it the address.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Detoured {
    /// An address inside the function, which is the innermost of every stack.
    pub(crate) leaf: u64,
    /// What does what the function did.
    pub(crate) original: u64,
    pub(crate) subject: *const c_void,
}

/// The unwinder tells of an exception that leaves this frame.
pub(crate) const LEAVING: c_int = 2;
/// The unwinder is to go on with the next frame.
pub(crate) const GO_ON: c_int = 8;

/// Defines the entry `$name`. `$before` gets the `*mut Call` and gives the address of what is to be called; `$after` gets
/// the same and the result, and gives the result. Instead of that, `$unwound` is told if an exception leaves the call.
///
/// No code of ours but this is on the stack while the function runs: an exception finds its way through.
macro_rules! detoured_entry {
    ($(#[$meta:meta])* $name:ident, $before:path, $after:path, $unwound:path) => {
        $(#[$meta])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                $crate::arch::cfi!(start),
                // Relative, of 4 bytes.
                ".cfi_personality 0x1b, {unwound}",
                "push rbp",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_rel_offset rbp, 0",
                "push rbx",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_rel_offset rbx, 0",
                "push r11",
                "push qword ptr [r11]",
                "push r9",
                "push r8",
                "push rcx",
                "push rdx",
                "push rsi",
                "push rdi",
                "sub rsp, 40",
                ".cfi_adjust_cfa_offset 104",
                "mov rdi, rsp",
                "call {before}",
                "mov rdi, [rsp + 40]",
                "mov rsi, [rsp + 48]",
                "mov rdx, [rsp + 56]",
                "mov rcx, [rsp + 64]",
                "mov r8, [rsp + 72]",
                "mov r9, [rsp + 80]",
                "call rax",
                "mov rdi, rsp",
                "mov rsi, rax",
                "call {after}",
                "add rsp, 104",
                ".cfi_adjust_cfa_offset -104",
                "pop rbx",
                ".cfi_adjust_cfa_offset -8",
                "pop rbp",
                ".cfi_adjust_cfa_offset -8",
                "ret",
                $crate::arch::cfi!(end),
                before = sym $before,
                after = sym $after,
                unwound = sym $unwound,
            )
        }
    };
}
pub(crate) use detoured_entry;
