//! The table of hooks: every function that this library puts before the program's own.
//!
//! One line a hook gives name, arguments and handler. The table makes of it the exported function (see
//! `arch::hook_entry`), the function behind it, and the call of the handler.
#![expect(unsafe_code, reason = "hooks take and return the program's pointers")]

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::arch::{HookFrame, hook_entry};
use crate::calls::Request;
use crate::capture::{self, Inside, Mode, enter};
use crate::clock;
use crate::lifecycle;
use crate::maps::{self, on::Moving};
use crate::memory::bootstrap;
use crate::real::Real;
use crate::sys;
use crate::unload;
use crate::unwind;

type Block = *mut c_void;

macro_rules! hooks {
    ($($(#[$doc:meta])* [$arity:tt] $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        /// The functions behind the hooks.
        mod behind {
            use super::Real;
            $(#[expect(non_upper_case_globals, reason = "named as the function")]
            pub(super) static $name: Real = Real::new(
                match core::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
            );)*

            pub(super) static ALL: [&Real; ALL_LEN] = [$(&$name),*];
            const ALL_LEN: usize = [$(stringify!($name)),*].len();
        }

        /// What the exported functions call.
        #[expect(non_snake_case, reason = "named as the functions")]
        mod entry {
            use super::*;
            $(pub(super) unsafe extern "C" fn $name($($argument: $type,)* frame: *const HookFrame) -> $result {
                type Function = unsafe extern "C" fn($($type),*) -> $result;
                let real = behind::$name.address().map(|address| {
                    // SAFETY: the function of this name has this type in every C library.
                    unsafe { core::mem::transmute::<usize, Function>(address) }
                });
                let call = move || real.map(|real| {
                    // SAFETY: the program itself makes this call, with these arguments.
                    unsafe { real($($argument),*) }
                });
                // SAFETY: the exported function passes the address of its own frame.
                let frame = unsafe { &*frame };
                super::on::$name($($argument,)* frame, call)
            })*
        }

        /// The exported functions.
        #[cfg_attr(test, expect(dead_code, non_snake_case, reason = "tests keep the program's own functions"))]
        mod exported {
            use super::hook_entry;
            $(hook_entry!(
                $(#[$doc])*
                #[cfg_attr(not(test), unsafe(no_mangle))]
                $name, $arity, super::entry::$name
            );)*
        }
    };
}

hooks! {
    /// `malloc`
    [1] malloc(size: usize) -> Block;
    /// `calloc`
    [2] calloc(count: usize, size: usize) -> Block;
    /// `realloc`
    [2] realloc(old: Block, size: usize) -> Block;
    /// `reallocarray`
    [3] reallocarray(old: Block, count: usize, size: usize) -> Block;
    /// `free`
    [1] free(block: Block) -> ();
    /// `posix_memalign`
    [3] posix_memalign(out: *mut Block, alignment: usize, size: usize) -> c_int;
    /// `memalign`
    [2] memalign(alignment: usize, size: usize) -> Block;
    /// `aligned_alloc`
    [2] aligned_alloc(alignment: usize, size: usize) -> Block;
    /// `valloc`
    [1] valloc(size: usize) -> Block;
    /// `pvalloc`
    [1] pvalloc(size: usize) -> Block;
    /// `malloc_usable_size`
    [1] malloc_usable_size(block: Block) -> usize;
    /// `free_sized`
    [2] free_sized(block: Block, size: usize) -> ();
    /// `free_aligned_sized`
    [3] free_aligned_sized(block: Block, alignment: usize, size: usize) -> ();
    /// `mallopt`
    [2] mallopt(parameter: c_int, value: c_int) -> c_int;
    /// `mmap`
    [6] mmap(address: Block, len: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> Block;
    /// `mmap64`
    [6] mmap64(address: Block, len: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> Block;
    /// `munmap`
    [2] munmap(address: Block, len: usize) -> c_int;
    /// `mremap`; the last argument is there with some flags only.
    [5] mremap(old: Block, old_len: usize, new_len: usize, flags: c_int, new: Block) -> Block;
    /// `dlclose`
    [1] dlclose(handle: *mut c_void) -> c_int;
    /// `__register_frame`
    [1] __register_frame(table: *mut c_void) -> ();
    /// `__deregister_frame`
    [1] __deregister_frame(table: *mut c_void) -> ();
    /// `__register_frame_info`
    [2] __register_frame_info(table: *mut c_void, object: *mut c_void) -> ();
    /// `__deregister_frame_info`
    [1] __deregister_frame_info(table: *mut c_void) -> *mut c_void;
    /// `_exit`
    [1] _exit(status: c_int) -> ();
    /// `_Exit`
    [1] _Exit(status: c_int) -> ();
}

/// Bytes that the program may use of a block of its allocator.
#[inline(always)]
pub(crate) fn usable_size(block: *const c_void) -> usize {
    type Function = unsafe extern "C" fn(*const c_void) -> usize;
    behind::malloc_usable_size.address().map_or(0, |address| {
        // SAFETY: the function of this name has this type in every C library.
        let real = unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: the block is live.
        unsafe { real(block) }
    })
}

/// What the program calls as `free` where that is not our hook: another `malloc` stands before ours then.
static FOREIGN_FREE: AtomicUsize = AtomicUsize::new(0);

/// Tells of the `free` that stands before ours.
pub(crate) fn note_foreign_free(address: u64) {
    FOREIGN_FREE.store(address as usize, Ordering::Relaxed);
}

/// Gives a block back to the program's allocator; none if that is not known.
fn free_plainly(block: Block) -> Option<()> {
    type Function = unsafe extern "C" fn(Block);
    let foreign = Some(FOREIGN_FREE.load(Ordering::Relaxed)).filter(|&address| address != 0);
    foreign.or_else(|| behind::free.address()).map(|address| {
        // SAFETY: the function of this name has this type in every C library.
        let real = unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: the program gives the block up.
        unsafe { real(block) };
    })
}

/// Looks the functions up, so that children of a fork need not, and whose allocator they are.
pub(crate) fn look_up_all() {
    let malloc = behind::malloc.address();
    crate::real::identify_allocator(malloc);
    behind::ALL.iter().filter(|function| !function.is_rare()).for_each(|function| {
        function.address();
    });
}

/// Has the program's `malloc` give zeroed memory, as its `calloc` does.
pub(crate) fn zero_memory() {
    unsafe extern "C" fn zeroed(size: usize) -> Block {
        type Function = unsafe extern "C" fn(usize, usize) -> Block;
        behind::calloc.address().map_or(null_mut(), |address| {
            // SAFETY: the function of this name has this type in every C library.
            let real = unsafe { core::mem::transmute::<usize, Function>(address) };
            // SAFETY: asks for a block.
            unsafe { real(1, size) }
        })
    }
    let zeroed: unsafe extern "C" fn(usize) -> Block = zeroed;
    behind::malloc.replace(zeroed as usize);
}

/// What a hook does. `call` makes the program's call; it gives nothing while the function behind the hook is
/// not known: then `dlsym` itself is calling, or the C library has no such function.
mod on {
    use super::*;

    #[inline(always)]
    pub(super) fn malloc(size: usize, frame: &HookFrame, call: impl Fn() -> Option<Block>) -> Block {
        allocate(size, false, frame, || call().unwrap_or_else(|| bootstrap::allocate(1, size)))
    }

    #[inline(always)]
    pub(super) fn calloc(
        count: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        // On overflow the call fails, so the product is not used then.
        let bytes = count.wrapping_mul(size);
        allocate(bytes, true, frame, || call().unwrap_or_else(|| bootstrap::allocate(1, bytes)))
    }

    #[inline(always)]
    pub(super) fn memalign(
        alignment: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        allocate(size, false, frame, || call().unwrap_or_else(|| bootstrap::allocate(alignment, size)))
    }

    #[inline(always)]
    pub(super) fn aligned_alloc(
        alignment: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        memalign(alignment, size, frame, call)
    }

    #[inline(always)]
    pub(super) fn valloc(size: usize, frame: &HookFrame, call: impl Fn() -> Option<Block>) -> Block {
        allocate(size, false, frame, || call().unwrap_or(null_mut()))
    }

    #[inline(always)]
    pub(super) fn pvalloc(size: usize, frame: &HookFrame, call: impl Fn() -> Option<Block>) -> Block {
        valloc(size, frame, call)
    }

    pub(super) fn posix_memalign(
        out: *mut Block,
        _alignment: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<c_int>,
    ) -> c_int {
        let inside = enter(Mode::Recording);
        let result = call().unwrap_or(libc::ENOMEM);
        if let Some(inside) = inside
            && result == 0
        {
            // SAFETY: the function has just stored the block there.
            inside.born(frame, unsafe { *out }, size, false);
        }
        result
    }

    #[inline(always)]
    pub(super) fn free(block: Block, frame: &HookFrame, call: impl Fn() -> Option<()>) {
        if block.is_null() || bootstrap::owns(block) {
            return;
        }
        let inside = enter(Mode::Stopped);
        if let Some(inside) = &inside {
            inside.dies(frame, block);
        }
        call();
    }

    /// Before the C library has it, a program finds it here: it is a `free` then.
    pub(super) fn free_sized(block: Block, _: usize, frame: &HookFrame, call: impl Fn() -> Option<()>) {
        free(block, frame, || call().or_else(|| free_plainly(block)));
    }

    pub(super) fn free_aligned_sized(
        block: Block,
        _alignment: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<()>,
    ) {
        free_sized(block, size, frame, call);
    }

    #[inline(always)]
    pub(super) fn realloc(
        old: Block,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        if old.is_null() {
            return malloc(size, frame, call);
        }
        if bootstrap::owns(old) {
            return move_from_bootstrap(old, size, frame);
        }
        let Some(inside) = enter(Mode::Stopped) else {
            return call().unwrap_or(null_mut());
        };
        let left = clock::death();
        let address = old.addr();
        let new = call().unwrap_or(null_mut());
        match (new.is_null(), size) {
            (false, _) if capture::is(Mode::Recording) => inside.reborn(frame, address, left, new, size),
            (false, _) | (true, 0) => inside.has_died(frame, old, left),
            (true, _) => {}
        }
        new
    }

    pub(super) fn reallocarray(
        old: Block,
        count: usize,
        size: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        // The C library's is built on `realloc`: where that is not our hook, the block is not of its allocator.
        let is_foreign = FOREIGN_FREE.load(Ordering::Relaxed) != 0;
        match count.checked_mul(size).filter(|_| !is_foreign) {
            Some(bytes) => realloc(old, bytes, frame, call),
            None => call().unwrap_or(null_mut()),
        }
    }

    pub(super) fn malloc_usable_size(
        block: Block,
        _frame: &HookFrame,
        call: impl Fn() -> Option<usize>,
    ) -> usize {
        if bootstrap::owns(block) { bootstrap::size(block) } else { call().unwrap_or(0) }
    }

    pub(super) fn mallopt(
        parameter: c_int,
        value: c_int,
        frame: &HookFrame,
        call: impl Fn() -> Option<c_int>,
    ) -> c_int {
        let inside = enter(Mode::Recording);
        let result = call().unwrap_or(0);
        if let Some(inside) = inside {
            inside.mallopt(frame, parameter, value, result);
        }
        result
    }

    #[expect(clippy::too_many_arguments, reason = "those of the function")]
    pub(super) fn mmap(
        address: Block,
        len: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        let request = Request {
            address: address.addr() as u64,
            len: len as u64,
            protection: protection as u32,
            flags: flags as u32,
            descriptor: file as u32,
            offset: offset as u64,
        };
        maps::on::mmap(request, frame, || call().unwrap_or_else(|| maps::plain::mmap(request)))
    }

    #[expect(clippy::too_many_arguments, reason = "those of the function")]
    pub(super) fn mmap64(
        address: Block,
        len: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        mmap(address, len, protection, flags, file, offset, frame, call)
    }

    pub(super) fn munmap(
        address: Block,
        len: usize,
        frame: &HookFrame,
        call: impl Fn() -> Option<c_int>,
    ) -> c_int {
        let call = || call().unwrap_or_else(|| maps::plain::munmap(address, len));
        maps::on::munmap(address.addr() as u64, len as u64, frame, call)
    }

    pub(super) fn mremap(
        old: Block,
        old_len: usize,
        new_len: usize,
        flags: c_int,
        new: Block,
        frame: &HookFrame,
        call: impl Fn() -> Option<Block>,
    ) -> Block {
        let call = || call().unwrap_or_else(|| maps::plain::mremap(old, old_len, new_len, flags, new));
        let (old, old_len, new_len) = (old.addr() as u64, old_len as u64, new_len as u64);
        maps::on::mremap(Moving { old, old_len, new_len, flags: flags as u32 }, frame, call)
    }

    pub(super) fn dlclose(_handle: *mut c_void, _: &HookFrame, call: impl Fn() -> Option<c_int>) -> c_int {
        unload::around(|| call().unwrap_or(-1))
    }

    pub(super) fn __register_frame(table: *mut c_void, _frame: &HookFrame, call: impl Fn() -> Option<()>) {
        call();
        // SAFETY: the program registers the table.
        unsafe { unwind::register(table.expose_provenance() as u64) };
    }

    pub(super) fn __deregister_frame(table: *mut c_void, _frame: &HookFrame, call: impl Fn() -> Option<()>) {
        unwind::deregister(table.addr() as u64);
        call();
    }

    pub(super) fn __register_frame_info(
        table: *mut c_void,
        _object: *mut c_void,
        frame: &HookFrame,
        call: impl Fn() -> Option<()>,
    ) {
        __register_frame(table, frame, call);
    }

    pub(super) fn __deregister_frame_info(
        table: *mut c_void,
        _frame: &HookFrame,
        call: impl Fn() -> Option<*mut c_void>,
    ) -> *mut c_void {
        unwind::deregister(table.addr() as u64);
        call().unwrap_or(null_mut())
    }

    pub(super) fn _exit(status: c_int, _frame: &HookFrame, call: impl Fn() -> Option<()>) {
        lifecycle::note_status(status);
        lifecycle::finish();
        call();
        sys::exit_process(status);
    }

    #[expect(non_snake_case, reason = "named as the function")]
    pub(super) fn _Exit(status: c_int, frame: &HookFrame, call: impl Fn() -> Option<()>) {
        _exit(status, frame, call);
    }
}

#[inline(always)]
fn allocate(size: usize, zeroed: bool, frame: &HookFrame, call: impl FnOnce() -> Block) -> Block {
    let inside: Option<Inside> = enter(Mode::Recording);
    let block = call();
    if let Some(inside) = inside
        && !block.is_null()
        && !bootstrap::owns(block)
    {
        inside.born(frame, block, size, zeroed);
    }
    block
}

/// Moves a block from the bootstrap memory to the program's allocator.
#[cold]
fn move_from_bootstrap(old: Block, size: usize, frame: &HookFrame) -> Block {
    // SAFETY: the function behind the hook is the program's `malloc`.
    let new = unsafe { entry::malloc(size, frame) };
    if !new.is_null() {
        let len = bootstrap::size(old).min(size);
        // SAFETY: both blocks have at least `len` bytes, and they are different blocks.
        unsafe { core::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), len) };
    }
    new
}
