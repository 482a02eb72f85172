//! What happens around a call of a detoured function.
#![expect(unsafe_code, reason = "takes the arguments and results of the program's calls")]

use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::Ordering;

use bytehound_format::v2::batch::Flags;

use super::action::{Action, argument};
use crate::arch::{self, Call, GO_ON, HookFrame, LEAVING, detoured_entry};
use crate::capture::{self, Inside, Made, Mode, enter_from};
use crate::clock::{self, Tick};

/// A detoured function.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) action: Action,
    pub(super) is_jemalloc: bool,
    /// Tells how many bytes may be used of a block.
    pub(super) usable_size: Option<u64>,
}

/// What is remembered while the function runs.
struct Memory {
    inside: Option<Inside>,
    /// When a block that may be reallocated was still there.
    left: Tick,
    /// The call that this one is made from: its address, or 0.
    outer: usize,
}

const _: () = assert!(size_of::<Memory>() <= size_of::<[u64; 5]>() && align_of::<Memory>() <= 8);

detoured_entry!(
    /// Where all detoured functions lead.
    entry, before, after, unwound
);

/// # Safety
/// The entry passes its own frame.
unsafe extern "C" fn before(call: *mut Call) -> u64 {
    let calls = &arch::thread_local().call;
    let outer = calls.load(Ordering::Relaxed);
    calls.store(call.expose_provenance(), Ordering::Relaxed);
    // SAFETY: the frame is the entry's, which waits.
    let call = unsafe { &mut *call };
    // SAFETY: the entry made the frame, for a function whose subject is one of ours.
    let (detoured, subject) = unsafe { (call.frame.detoured(), call.subject()) };
    let (inside, left) = subject.begin(call);
    // SAFETY: the room is as large and as aligned as was checked above.
    unsafe { call.memory.as_mut_ptr().cast::<Memory>().write(Memory { inside, left, outer }) };
    detoured.original
}

/// # Safety
/// The entry passes its own frame, after `before`, and what the function returned.
unsafe extern "C" fn after(call: *mut Call, result: usize) -> usize {
    // SAFETY: `before` was called with the same.
    let memory = unsafe { leave(call) };
    // SAFETY: as in `before`.
    let (call, subject) = unsafe { (&*call, (*call).subject()) };
    if let Some(inside) = memory.inside {
        subject.end(call, &inside, memory.left, result);
    }
    result
}

/// An exception leaves a function that we have called, which is the innermost: `operator new` finds no memory.
unsafe extern "C" fn unwound(_: c_int, actions: c_int, _: u64, _: *const c_void, _: *const c_void) -> c_int {
    if actions & LEAVING != 0 {
        let call = arch::thread_local().call.load(Ordering::Relaxed);
        // SAFETY: this is the call that is left, and its frame is there until the unwinder has been told to go on.
        drop(unsafe { leave(core::ptr::with_exposed_provenance_mut(call)) });
    }
    GO_ON
}

/// A call whose frame is further out than this is not the one that a hook was called within.
const NESTED_MAX: usize = 64 * 1024;

/// Whether a hook with this frame, within another hook, was called by a jemalloc that the program brings along.
pub(crate) fn is_within_jemalloc(frame: &HookFrame) -> bool {
    let call = arch::thread_local().call.load(Ordering::Relaxed);
    let here = core::ptr::from_ref(frame).addr();
    if !(here..here.saturating_add(NESTED_MAX)).contains(&call) {
        return false;
    }
    let call: *const Call = core::ptr::with_exposed_provenance(call);
    // SAFETY: the thread is in a hook, and a detoured function is under way, whose frame is further out on this stack.
    unsafe { (*call).subject().is_jemalloc }
}

/// # Safety
/// `before` was called with this, and it is done with only once.
unsafe fn leave(call: *mut Call) -> Memory {
    // SAFETY: by this function's contract, `before` has left this there for us.
    let memory = unsafe { (&raw const (*call).memory).cast::<Memory>().read() };
    arch::thread_local().call.store(memory.outer, Ordering::Relaxed);
    memory
}

impl Call {
    /// # Safety
    /// The frame is that of our entry.
    unsafe fn subject(&self) -> &'static Subject {
        // SAFETY: by this function's contract; subjects are there for good.
        unsafe { &*self.frame.detoured().subject.cast() }
    }
}

impl Subject {
    /// Comes in. Until the end, what other functions of the allocator are called for is not recorded: the outermost
    /// call says what the program wants.
    fn begin(&self, call: &Call) -> (Option<Inside>, Tick) {
        let given = |at| Some(argument(&call.arguments, at)).filter(|&block| block != 0);
        let here = core::ptr::from_ref(call).addr();
        match self.action {
            Action::Frees { block } => {
                let Some(block) = given(block) else { return (None, Tick(0)) };
                let inside = enter_from(Mode::Stopped, here);
                inside.as_ref().inspect(|inside| inside.dies(&call.frame, block_at(block)));
                (inside, Tick(0))
            }
            Action::Reallocates { old, .. } | Action::ReallocatesOrFrees { old, .. }
                if given(old).is_some() =>
            {
                (enter_from(Mode::Stopped, here), clock::death())
            }
            _ => (enter_from(Mode::Recording, here), Tick(0)),
        }
    }

    fn end(&self, call: &Call, inside: &Inside, left: Tick, result: usize) {
        let Call { arguments, frame, .. } = call;
        match self.action {
            Action::Allocates { .. } => self.born(inside, call, result),
            Action::Stores { .. } if result as c_int == 0 => {
                let out: *const usize = core::ptr::with_exposed_provenance(argument(arguments, 0));
                // SAFETY: the function has just stored the block there.
                self.born(inside, call, unsafe { *out });
            }
            Action::Reallocates { old, .. } | Action::ReallocatesOrFrees { old, .. } => {
                match (argument(arguments, old), result) {
                    (0, new) => self.born(inside, call, new),
                    (old, 0) if self.is_gone(call) => inside.has_died(frame, block_at(old), left),
                    (_, 0) => {}
                    (old, new) => self.reborn(inside, call, (old, left), new),
                }
            }
            Action::Resizes { block, .. } if result >= self.size(call, 0) => {
                let block = argument(arguments, block);
                self.reborn(inside, call, (block, left), block);
            }
            Action::Stores { .. } | Action::Resizes { .. } | Action::Frees { .. } => {}
        }
    }

    /// Whether a block is gone that was not reallocated.
    fn is_gone(&self, call: &Call) -> bool {
        matches!(self.action, Action::ReallocatesOrFrees { .. }) || self.size(call, 0) == 0
    }

    fn born(&self, inside: &Inside, call: &Call, block: usize) {
        if block != 0 {
            inside.made(&call.frame, block_at(block), self.made(call, block));
        }
    }

    fn reborn(&self, inside: &Inside, call: &Call, (old, left): (usize, Tick), new: usize) {
        if capture::is(Mode::Recording) {
            inside.remade(&call.frame, old, left, block_at(new), self.made(call, new));
        } else {
            inside.has_died(&call.frame, block_at(old), left);
        }
    }

    fn made(&self, call: &Call, block: usize) -> Made {
        let zeroed = match self.action {
            Action::Allocates { zeroes, .. } => zeroes.of(&call.arguments),
            _ => false,
        };
        let size = self.size(call, block);
        let usable = self.usable(block).unwrap_or(size);
        let flags = if self.is_jemalloc { Flags::JEMALLOC } else { Flags::default() };
        Made { size, usable, flags, zeroed }
    }

    fn size(&self, call: &Call, block: usize) -> usize {
        let size = match self.action {
            Action::Allocates { size, .. }
            | Action::Stores { size }
            | Action::Reallocates { size, .. }
            | Action::ReallocatesOrFrees { size, .. }
            | Action::Resizes { size, .. } => size,
            Action::Frees { .. } => return 0,
        };
        size.of(&call.arguments, || text_len(block))
    }

    fn usable(&self, block: usize) -> Option<usize> {
        type Function = unsafe extern "C" fn(*const c_void) -> usize;
        let address: *const () = core::ptr::with_exposed_provenance(self.usable_size? as usize);
        // SAFETY: the function of this name has this type in every allocator.
        let function = unsafe { core::mem::transmute::<*const (), Function>(address) };
        // SAFETY: the block is live.
        Some(unsafe { function(block_at(block)) })
    }
}

fn block_at(address: usize) -> *const c_void {
    core::ptr::with_exposed_provenance(address)
}

/// The bytes of a text, its end included.
fn text_len(block: usize) -> usize {
    if block == 0 {
        return 0;
    }
    // SAFETY: only called for blocks that were made to hold a text.
    unsafe { CStr::from_ptr(core::ptr::with_exposed_provenance(block)) }.to_bytes_with_nul().len()
}
