//! Everything that knows the processor: system calls, thread-local storage, the time stamp counter, the entry
//! of a hook, and the registers that an unwinder follows. Another processor is one more module like `x86_64`.
#![expect(unsafe_code, reason = "frames are made by assembly")]

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")))]
compile_error!("the capture library is written for x86_64-unknown-linux-gnu");

mod x86_64;

pub(crate) use x86_64::*;

/// What the entry of a hook left on the stack for the code behind it.
///
/// The layout is that of the pushes in `hook_entry!`.
#[repr(C)]
pub(crate) struct HookFrame {
    leaf: u64,
    /// In the entry of detoured functions, the address of the [`Detoured`].
    context: u64,
    rbx: u64,
    rbp: u64,
    return_address: u64,
}

impl HookFrame {
    /// An address inside the exported hook.
    pub(crate) fn leaf(&self) -> u64 {
        self.leaf
    }

    /// What the entry of detoured functions knows of the one that was called.
    ///
    /// # Safety
    /// That entry made the frame.
    #[inline(always)]
    pub(crate) unsafe fn detoured(&self) -> &'static Detoured {
        // SAFETY: the entry has the address from the function's slot, and slots are there for good.
        unsafe { &*core::ptr::with_exposed_provenance(self.context as usize) }
    }

    /// The registers of the hook's caller, as they are once the hook has returned.
    pub(crate) fn caller(&self) -> Registers {
        let sp = (&raw const *self).addr() as u64 + size_of::<Self>() as u64;
        Registers { ip: self.return_address, sp, bp: self.rbp, bx: self.rbx }
    }
}
