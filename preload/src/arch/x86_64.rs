//! x86_64 with the System V calling convention.
#![expect(unsafe_code, reason = "system calls, thread-local storage and hook entries are assembly")]

mod detoured;
mod instruction;
mod relocate;

pub(crate) use detoured::{Call, Detoured, GO_ON, LEAVING, detoured_entry};
pub(crate) use relocate::{Patch, Refusal, SLOT_LEN};

use core::arch::{asm, global_asm};
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicUsize};

use bytehound_format::v2::batch::Flags;

/// Name of this processor in a capture's header.
pub(crate) const NAME: &str = "x86_64";

/// The registers that unwinding rules are allowed to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    /// Instruction pointer.
    pub(crate) ip: u64,
    /// Stack pointer.
    pub(crate) sp: u64,
    /// Frame pointer.
    pub(crate) bp: u64,
    /// `rbx`: the one other register that compilers address frames with.
    pub(crate) bx: u64,
}

/// DWARF numbers of [`Registers`].
pub(crate) mod dwarf {
    pub(crate) const BX: u16 = 3;
    pub(crate) const BP: u16 = 6;
    pub(crate) const SP: u16 = 7;
    pub(crate) const IP: u16 = 16;
}

/// This thread's state. It lies in the static thread-local block, so that reaching it calls nothing.
#[repr(C)]
pub(crate) struct ThreadLocal {
    /// Not 0 while the thread is inside the library: how far its stack had grown when it came in.
    pub(crate) busy: AtomicUsize,
    /// Not 0 while the thread looks up the functions behind the hooks.
    pub(crate) resolving: AtomicU32,
    /// The thread's record: an address, or one of the special values of `thread`.
    pub(crate) record: AtomicUsize,
    /// Not 0 while the thread is inside a hook of a rare call.
    pub(crate) aside: AtomicU32,
    /// The innermost call of a detoured function: its address, or 0.
    pub(crate) call: AtomicUsize,
}

global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".balign 16",
    ".type bytehound_thread_local,@object",
    ".size bytehound_thread_local,64",
    ".hidden bytehound_thread_local",
    "bytehound_thread_local:",
    ".zero 64",
    ".text",
);

const _: () = assert!(size_of::<ThreadLocal>() <= 64);

/// The calling thread's state.
///
/// `std::thread_local!` would go through `__tls_get_addr`, which may call `malloc`: that is, us.
#[inline(always)]
pub(crate) fn thread_local() -> &'static ThreadLocal {
    let address: *const ThreadLocal;
    // SAFETY: initial-exec access to a symbol of this library; `fs:0` holds the thread pointer by the ABI.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + bytehound_thread_local@GOTTPOFF]",
            "add {0}, qword ptr fs:[0]",
            out(reg) address,
            options(pure, nomem, nostack),
        );
    }
    // SAFETY: the block is zeroed when the thread starts, lives as long as it, and holds only atomics.
    unsafe { &*address }
}

/// How far the stack has grown.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let here: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags)) };
    here
}

/// A system call that leaves `errno` alone: the result is what the kernel says, negative for an error.
///
/// # Safety
/// As the system call itself.
#[inline(always)]
pub(crate) unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the caller vouches for the call; the kernel clobbers `rcx` and `r11` only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Starts a thread that runs `entry(argument)` on `stack_top` with the thread pointer `tls`, and returns its id. With
/// `CLONE_CHILD_CLEARTID` among the flags, `alive` becomes 0 when it has gone.
///
/// # Safety
/// `stack_top` is 16-byte aligned and ends a writable stack that nobody else uses; `tls` points at a zeroed
/// block that starts with its own address; `entry` never returns.
pub(crate) unsafe fn clone_thread(
    flags: usize,
    stack_top: usize,
    tls: usize,
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    alive: &'static AtomicU32,
) -> isize {
    let result: isize;
    // SAFETY: the child runs on its own stack and leaves this block by calling `entry`, which does not return.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags, in("rsi") stack_top, in("rdx") 0usize, in("r10") alive.as_ptr(), in("r8") tls,
            in("r12") argument, in("r13") entry as usize,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// Makes this processor see instructions that were written a moment ago.
pub(crate) fn see_new_instructions() {
    core::arch::x86_64::__cpuid(0);
}

/// Whether the processor checks return addresses: then a call cannot be imitated.
fn has_shadow_stack() -> bool {
    let pointer: u64;
    // SAFETY: the instruction does nothing where there is no shadow stack.
    unsafe {
        asm!("xor eax, eax", "rdsspq rax", out("rax") pointer, options(nomem, nostack));
    }
    pointer != 0
}

/// The time stamp counter: read after everything before it has happened, and before any later store becomes visible.
#[inline(always)]
pub(crate) fn counter() -> u64 {
    // SAFETY: SSE2 is part of x86_64; every one has the counter, and Linux leaves it to programs.
    unsafe {
        core::arch::x86_64::_mm_lfence();
        core::arch::x86_64::_rdtsc()
    }
}

/// The time stamp counter: read before any later store becomes visible; perhaps long before the work in front of it is
/// done.
#[inline(always)]
pub(crate) fn counter_unordered() -> u64 {
    // SAFETY: as in `counter`.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Whether the counter runs at one rate, whatever the processor does.
pub(crate) fn counter_is_invariant() -> bool {
    let highest = core::arch::x86_64::__cpuid(0x8000_0000).eax;
    highest >= 0x8000_0007 && core::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) != 0
}

/// Defines an exported hook `$name` that calls `$entry` with its arguments and a `*const HookFrame` after them.
///
/// The entry is assembly because unwinding starts with the caller's registers, and because an address inside
/// the exported function has to be the innermost one of every stack.
macro_rules! hook_entry {
    ($(#[$meta:meta])* $name:ident, 0, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea rdi, [rsp - 8]", $entry); };
    ($(#[$meta:meta])* $name:ident, 1, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea rsi, [rsp - 8]", $entry); };
    ($(#[$meta:meta])* $name:ident, 2, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea rdx, [rsp - 8]", $entry); };
    ($(#[$meta:meta])* $name:ident, 3, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea rcx, [rsp - 8]", $entry); };
    ($(#[$meta:meta])* $name:ident, 5, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea r9, [rsp - 8]", $entry); };
    // A seventh argument goes on the stack, where the frame has a word to spare.
    ($(#[$meta:meta])* $name:ident, 6, $entry:path) => { $crate::arch::hook_entry!(@ $(#[$meta])* $name, "lea rax, [rsp - 8]\nmov qword ptr [rsp], rax", $entry); };
    (@ $(#[$meta:meta])* $name:ident, $pass:literal, $entry:path) => {
        $(#[$meta])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                $crate::arch::cfi!(start),
                "push rbp",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_rel_offset rbp, 0",
                "push rbx",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_rel_offset rbx, 0",
                "sub rsp, 8",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_remember_state",
                $pass,
                "test spl, 15",
                "jnz 3f",
                // The call stores the frame's first word: an address inside this function.
                "call {entry}",
                "2:",
                "add rsp, 8",
                ".cfi_adjust_cfa_offset -8",
                "pop rbx",
                ".cfi_adjust_cfa_offset -8",
                "pop rbp",
                ".cfi_adjust_cfa_offset -8",
                "ret",
                // Code that is written by hand may call with a stack that is not aligned.
                "3:",
                ".cfi_restore_state",
                "lea r11, [rip + 2b]",
                "push r11",
                ".cfi_adjust_cfa_offset 8",
                "mov rbp, rsp",
                ".cfi_def_cfa_register rbp",
                "and rsp, -16",
                "push rbp",
                "push rbp",
                "call {entry}",
                "mov rsp, rbp",
                ".cfi_def_cfa_register rsp",
                "add rsp, 8",
                ".cfi_adjust_cfa_offset -8",
                "jmp 2b",
                $crate::arch::cfi!(end),
                entry = sym $entry,
            )
        }
    };
}
pub(crate) use hook_entry;

/// Where a variadic function finds the arguments after its first one: at the end of this are those on the stack.
#[repr(C)]
pub(crate) struct VariadicFrame {
    registers: [*const c_void; 5],
    return_address: u64,
}

impl VariadicFrame {
    /// An argument; 0 is the one after the function's first.
    ///
    /// # Safety
    /// The caller has passed this many.
    pub(crate) unsafe fn argument(&self, at: usize) -> *const c_void {
        self.registers.get(at).copied().unwrap_or_else(|| {
            let stack: *const *const c_void = (&raw const *self).wrapping_add(1).cast();
            // SAFETY: by the calling convention, further arguments lie behind the return address.
            unsafe { *stack.wrapping_add(at - self.registers.len()) }
        })
    }
}

/// Defines an exported variadic function `$name` that calls `$entry` with its first argument and a
/// `*const VariadicFrame` of the others.
macro_rules! variadic_entry {
    ($(#[$meta:meta])* $name:ident, $entry:path) => {
        $(#[$meta])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                $crate::arch::cfi!(start),
                "push r9",
                "push r8",
                "push rcx",
                "push rdx",
                "push rsi",
                ".cfi_adjust_cfa_offset 40",
                "mov rsi, rsp",
                "call {entry}",
                "add rsp, 40",
                ".cfi_adjust_cfa_offset -40",
                "ret",
                $crate::arch::cfi!(end),
                entry = sym $entry,
            )
        }
    };
}
pub(crate) use variadic_entry;

/// Defines the exported function `syscall`, which leads straight to `$real` but for the calls of which `$entry` has to
/// know before: it takes the same arguments.
macro_rules! syscall_entry {
    ($(#[$meta:meta])* $name:ident, $real:path, $entry:path) => {
        $(#[$meta])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                $crate::arch::cfi!(start),
                "cmp rdi, {seccomp}",
                "je {entry}",
                "cmp rdi, {exit_group}",
                "je {entry}",
                "mov rax, [rip + {real}]",
                // Not looked up yet, or not there.
                "cmp rax, 1",
                "jbe {entry}",
                "jmp rax",
                $crate::arch::cfi!(end),
                seccomp = const libc::SYS_seccomp,
                exit_group = const libc::SYS_exit_group,
                entry = sym $entry,
                real = sym $real,
            )
        }
    };
}
pub(crate) use syscall_entry;

/// Number of this processor as filters of system calls see it.
pub(crate) const AUDIT_NUMBER: u32 = 0xc000_003e;

/// The frame of unwind information around a hook: without unwinding panics the compiler writes none itself.
#[cfg(panic = "abort")]
macro_rules! cfi {
    (start) => {
        ".cfi_startproc"
    };
    (end) => {
        ".cfi_endproc"
    };
}
#[cfg(not(panic = "abort"))]
macro_rules! cfi {
    ($end:ident) => {
        ""
    };
}
pub(crate) use cfi;

/// What the GNU allocator says of a block: the bytes that may be used of it, and three flags.
///
/// # Safety
/// `block` is a live block of that allocator.
#[inline(always)]
pub(crate) unsafe fn describe_chunk(block: *const c_void) -> (usize, Flags) {
    const IS_MAPPED: u64 = 2;
    // SAFETY: the allocator keeps the length of every chunk in the word before the block.
    let word = unsafe { block.cast::<u64>().sub(1).read() };
    // A chunk begins two words before its block. One without a mapping of its own ends a word inside the next.
    let used = if word & IS_MAPPED == 0 { 8 } else { 16 };
    let flags = word & u64::from(Flags::GNU.0);
    let len = word & !u64::from(Flags::GNU.0);
    (len.wrapping_sub(used) as usize, Flags(flags as u8))
}
