//! The functions behind the hooks: those that the program would have called without this library.
#![expect(unsafe_code, reason = "calls functions of other libraries by address")]

use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytehound_format::v2::batch::Flags;

use crate::arch;

/// The address of a function, once it was looked up: it comes first, for entries in assembly.
#[repr(C)]
pub(crate) struct Real {
    address: AtomicUsize,
    name: &'static CStr,
}

/// Marks a name that no library behind this one has.
const MISSING: usize = 1;

impl Real {
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicUsize::new(0) }
    }

    /// The function's address; none if there is no such function, or while this thread is looking one up.
    #[inline(always)]
    pub(crate) fn address(&self) -> Option<usize> {
        match self.address.load(Ordering::Relaxed) {
            0 => self.look_up(),
            MISSING => None,
            address => Some(address),
        }
    }

    /// Has another function serve in place of the program's.
    pub(crate) fn replace(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    /// Whether not every C library has the function. A lookup that fails allocates, in the program's heap.
    pub(crate) fn is_rare(&self) -> bool {
        self.name.to_bytes().ends_with(b"_sized")
    }

    #[cold]
    fn look_up(&self) -> Option<usize> {
        let resolving = &arch::thread_local().resolving;
        if resolving.swap(1, Ordering::Relaxed) != 0 {
            return None;
        }
        let address = symbol(Scope::Next, self.name).unwrap_or(MISSING);
        if address == MISSING {
            forget_failure();
        }
        self.address.store(address, Ordering::Relaxed);
        resolving.store(0, Ordering::Relaxed);
        (address != MISSING).then_some(address)
    }
}

/// Where `dlsym` starts.
pub(crate) enum Scope {
    /// Behind this library.
    Next,
    /// At the program.
    Anywhere,
}

/// Looks a symbol up.
pub(crate) fn symbol(scope: Scope, name: &CStr) -> Option<usize> {
    let handle = match scope {
        Scope::Next => libc::RTLD_NEXT,
        Scope::Anywhere => libc::RTLD_DEFAULT,
    };
    // SAFETY: the name ends with a NUL. The lookup may call the hooks, which then serve from bootstrap memory.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    (!address.is_null()).then(|| address.expose_provenance())
}

/// Leaves no trace of a failed lookup for `dlerror`.
fn forget_failure() {
    // SAFETY: reads and resets the thread's own state.
    unsafe { libc::dlerror() };
}

/// Whether the program's `malloc` is that of the GNU C library, which keeps flags in the word before a block.
static IS_GNU: AtomicBool = AtomicBool::new(false);

/// Finds out whose allocator serves the program.
///
/// Others define `__libc_malloc` too: it is the C library's if it lies in the C library.
pub(crate) fn identify_allocator(malloc: Option<usize>) {
    let library = symbol(Scope::Anywhere, c"gnu_get_libc_version").and_then(module);
    let is_gnu = library.is_some() && malloc.and_then(module) == library;
    IS_GNU.store(is_gnu, Ordering::Relaxed);
}

/// Where the module begins that `address` lies in.
fn module(address: usize) -> Option<usize> {
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let place = core::ptr::with_exposed_provenance(address);
    // SAFETY: the loader writes into `info` only.
    let found = unsafe { libc::dladdr(place, info.as_mut_ptr()) } != 0;
    // SAFETY: zeroes are a valid value.
    let info = unsafe { info.assume_init() };
    found.then(|| info.dli_fbase.addr())
}

/// Bytes that the program may use of a live block of its allocator, and what else the allocator says of it.
/// `usable` asks the allocator.
#[inline(always)]
pub(crate) fn describe(block: *const c_void, usable: impl FnOnce(*const c_void) -> usize) -> (usize, Flags) {
    if !IS_GNU.load(Ordering::Relaxed) {
        return (usable(block), Flags::default());
    }
    // SAFETY: the block is live and, as was just asked, the GNU allocator's.
    unsafe { arch::describe_chunk(block) }
}
