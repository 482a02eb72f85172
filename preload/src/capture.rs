//! What a hook does besides calling the real function: come in, note the event, go out.
//!
//! *Order.* A free is stamped before the block goes back to its allocator, an allocation after it came from
//! there. So of two events at one address the stamps tell which came first, whichever threads they are of.
#![expect(unsafe_code, reason = "the owner of a thread's record is the thread that is inside")]

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use bytehound_format::v2::batch::{Birth, Event, Flags, Node};

use crate::arch::{self, HookFrame, ThreadLocal};
use crate::calls::{self, Call, What};
use crate::clock::{self, Tick};
use crate::thread::{self, Thread};
use crate::{hooks, lifecycle, real, sys, thread_end};

/// What the library does with what it sees. The order matters: hooks compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Mode {
    /// Nothing, for good: in a forked child, after the end, after an error. The kernel's zeroed page says this.
    Silent = 0,
    /// Nothing was set up yet.
    New = 1,
    /// Nothing, until the capture is started.
    Idle = 2,
    /// Only frees: the capture was stopped, and blocks that it knows must not look leaked.
    Stopped = 3,
    /// Everything.
    Recording = 4,
}

/// Holds the mode until a page is there that forks do not inherit.
static BEFORE: AtomicU32 = AtomicU32::new(Mode::New as u32);
static MODE: AtomicPtr<AtomicU32> = AtomicPtr::new((&raw const BEFORE).cast_mut());

#[inline(always)]
fn mode_word() -> &'static AtomicU32 {
    // SAFETY: points at `BEFORE` or at a page that is never unmapped.
    unsafe { &*MODE.load(Ordering::Relaxed) }
}

/// The mode as a number, for comparing.
#[inline(always)]
fn mode() -> u32 {
    mode_word().load(Ordering::Relaxed)
}

pub(crate) fn is(wanted: Mode) -> bool {
    mode() == wanted as u32
}

/// Changes the mode, if it is `from`.
pub(crate) fn change_mode(from: Mode, to: Mode) -> bool {
    mode_word().compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Ends all recording.
pub(crate) fn silence() {
    mode_word().store(Mode::Silent as u32, Ordering::Release);
}

/// Moves the mode into a page that the kernel zeroes in forked children, which makes those silent.
pub(crate) fn open(mode: Mode) {
    let Ok(page) = sys::map_words(512) else { return };
    sys::wipe_on_fork(page);
    let Some(word) = page.first() else { return };
    // SAFETY: half of a 64-bit atomic is a 32-bit atomic's memory; nobody uses the other half.
    let word: &'static AtomicU32 = unsafe { &*word.as_ptr().cast::<AtomicU32>() };
    word.store(mode as u32, Ordering::Relaxed);
    MODE.store(core::ptr::from_ref(word).cast_mut(), Ordering::Release);
}

/// Says that this thread's record was given up: its last events go through a borrowed one.
const RETIRED: usize = 1;

/// A thread inside the library: further hooks that it runs meanwhile are not events.
pub(crate) struct Inside {
    local: &'static ThreadLocal,
    thread: &'static Thread,
    borrowed: bool,
}

/// Comes in if events of this kind are recorded: [`Mode::Recording`] for births, [`Mode::Stopped`] for deaths.
#[inline(always)]
pub(crate) fn enter(at_least: Mode) -> Option<Inside> {
    enter_from(at_least, arch::stack_pointer())
}

/// As [`enter`], for a hook that returns before what it is for is called: that runs on a stack that has grown to `here`.
#[inline(always)]
pub(crate) fn enter_from(at_least: Mode, here: usize) -> Option<Inside> {
    if mode() < at_least as u32 {
        return enter_new(at_least, here);
    }
    let local = arch::thread_local();
    if local.busy.load(Ordering::Relaxed) != 0 && !recovers(local, here) {
        return None;
    }
    local.busy.store(here, Ordering::Relaxed);
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
    let record = local.record.load(Ordering::Relaxed);
    let (thread, borrowed) = if record > RETIRED {
        // SAFETY: a larger number is the address of this thread's record, which stays for good.
        (unsafe { &*core::ptr::with_exposed_provenance::<Thread>(record) }, false)
    } else {
        attach(local, record)?
    };
    thread.begin();
    Some(Inside { local, thread, borrowed })
}

#[cold]
fn enter_new(at_least: Mode, here: usize) -> Option<Inside> {
    if !is(Mode::New) || arch::thread_local().busy.load(Ordering::Relaxed) != 0 {
        return None;
    }
    lifecycle::initialise();
    (mode() >= at_least as u32).then(|| enter_from(at_least, here)).flatten()
}

/// In the place of how far the stack had grown: this is never left.
const FOR_GOOD: usize = usize::MAX;

/// Finds out whether the hook that the thread is in was left, by a signal handler that interrupted it and jumped; makes
/// good what that left undone.
///
/// What runs within a hook runs further in on its stack, or is a signal handler on another one.
#[cold]
fn recovers(local: &ThreadLocal, here: usize) -> bool {
    let left = local.busy.load(Ordering::Relaxed);
    let record = local.record.load(Ordering::Relaxed);
    if here < left || record <= RETIRED || !sys::are_on_one_stack(left, here) {
        return false;
    }
    // SAFETY: as in `enter_from`.
    let thread = unsafe { &*core::ptr::with_exposed_provenance::<Thread>(record) };
    if !thread.knows_stack_of([left as u64, here as u64]) {
        return false;
    }
    // SAFETY: the hook that the owner, which this is, was in does not go on.
    unsafe { thread.recover() };
    local.aside.store(0, Ordering::Relaxed);
    true
}

#[cold]
fn attach(local: &'static ThreadLocal, record: usize) -> Option<(&'static Thread, bool)> {
    clock::expect_thread();
    let Some(thread) = thread::take() else {
        local.busy.store(0, Ordering::Relaxed);
        return None;
    };
    let borrowed = record == RETIRED;
    if !borrowed {
        local.record.store(core::ptr::from_ref(thread).expose_provenance(), Ordering::Relaxed);
        thread_end::watch();
    }
    thread.begin();
    let (tick, event) = (clock::before(), Event::Thread { id: sys::thread_id() });
    // SAFETY: the record was just taken, and `busy` keeps signal handlers out.
    unsafe { thread.push(tick, |state, room| state.put(room, tick.0, &event)) };
    thread.end();
    lifecycle::ensure_writer();
    Some((thread, borrowed))
}

/// Gives the calling thread's record up: it is about to end.
pub(crate) fn detach() {
    let local = arch::thread_local();
    let record = local.record.swap(RETIRED, Ordering::Relaxed);
    // In the child of a fork there is no record any more.
    if record > RETIRED && !is(Mode::Silent) {
        // SAFETY: as in `enter`.
        unsafe { &*core::ptr::with_exposed_provenance::<Thread>(record) }.give_up();
    }
}

/// Runs `work` as the library's own: hooks that it runs are not events.
pub(crate) fn privately<T>(work: impl FnOnce() -> T) -> T {
    let busy = &arch::thread_local().busy;
    let before = busy.swap(FOR_GOOD, Ordering::Relaxed);
    let result = work();
    busy.store(before, Ordering::Relaxed);
    result
}

/// A block that an allocator has made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) size: usize,
    /// Bytes that may be used of it.
    pub(crate) usable: usize,
    pub(crate) flags: Flags,
    pub(crate) zeroed: bool,
}

/// What the allocator behind the hooks has made.
#[inline(always)]
fn made(block: *const c_void, size: usize, zeroed: bool) -> Made {
    let (usable, flags) = real::describe(block, hooks::usable_size);
    Made { size, usable, flags, zeroed }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        self.thread.end();
        if self.borrowed {
            self.thread.give_up();
        }
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.local.busy.store(0, Ordering::Relaxed);
    }
}

/// A thread inside the library for a rare call, which may come from within another hook: allocators map memory.
pub(crate) struct Aside(Option<Inside>);

/// Comes in as [`enter`] does, also from within another hook; but not from within another rare call.
#[inline(always)]
pub(crate) fn enter_aside(at_least: Mode) -> Option<Aside> {
    let inside = enter(at_least);
    let local = arch::thread_local();
    if mode() < at_least as u32 || local.aside.swap(1, Ordering::Relaxed) != 0 {
        return None;
    }
    Some(Aside(inside))
}

impl Drop for Aside {
    fn drop(&mut self) {
        arch::thread_local().aside.store(0, Ordering::Relaxed);
    }
}

impl Aside {
    /// Whether the call comes from within another hook.
    pub(crate) fn is_nested(&self) -> bool {
        self.0.is_none()
    }

    /// The stack of the hook's caller. What the thread walks stacks with may be in use by the hook outside, or by
    /// what a signal interrupted: a spare record has it, too.
    pub(crate) fn stack(&self, frame: &HookFrame) -> Node {
        if let Some(inside) = &self.0 {
            return inside.stack(frame);
        }
        let Some(spare) = thread::take() else { return Node::UNKNOWN };
        // SAFETY: the record was taken for this call alone.
        let stack = unsafe { spare.stack(frame) };
        spare.give_up();
        stack
    }
}

impl Inside {
    /// A block was born. `block` is not null.
    #[inline(always)]
    pub(crate) fn born(&self, frame: &HookFrame, block: *const c_void, size: usize, zeroed: bool) {
        self.made(frame, block, made(block, size, zeroed));
    }

    /// As [`Self::born`], of any allocator.
    #[inline(always)]
    pub(crate) fn made(&self, frame: &HookFrame, block: *const c_void, made: Made) {
        let birth = self.birth(frame, block, made);
        let tick = clock::birth();
        // SAFETY: as in `stack`.
        unsafe { self.thread.push(tick, |state, room| state.put_alloc(room, tick.0, &birth, made.zeroed)) };
    }

    /// A block is about to die. `block` is not null.
    #[inline(always)]
    pub(crate) fn dies(&self, frame: &HookFrame, block: *const c_void) {
        // First the stamp, which may wait for what was begun: the walk then goes on beside the allocator's work.
        let died = clock::death();
        let stack = self.stack_of_death(frame);
        self.free(died, block, stack);
    }

    /// A block died at `died`, by a call that could not be noted before it had come back.
    pub(crate) fn has_died(&self, frame: &HookFrame, block: *const c_void, died: Tick) {
        let stack = self.stack_of_death(frame);
        self.free(died, block, stack);
    }

    /// A block was reallocated: it left `old` at `left` and has become `new`. Neither is null.
    #[inline(always)]
    pub(crate) fn reborn(&self, frame: &HookFrame, old: usize, left: Tick, new: *const c_void, size: usize) {
        self.remade(frame, old, left, new, made(new, size, false));
    }

    /// As [`Self::reborn`], of any allocator.
    #[inline(always)]
    pub(crate) fn remade(&self, frame: &HookFrame, old: usize, left: Tick, new: *const c_void, made: Made) {
        let birth = self.birth(frame, new, made);
        let old = old as u64;
        if old != birth.pointer {
            // SAFETY: as in `stack`.
            unsafe { self.thread.push(left, |state, room| state.put_leave(room, left.0, old)) };
        }
        let tick = clock::birth();
        // SAFETY: as in `stack`.
        unsafe { self.thread.push(tick, |state, room| state.put_realloc(room, tick.0, old, &birth)) };
    }

    /// The allocator was given another parameter.
    pub(crate) fn mallopt(&self, frame: &HookFrame, parameter: i32, value: i32, result: i32) {
        let (stack, after) = (self.stack(frame), clock::after());
        let what = What::Mallopt { parameter, value, result };
        calls::report(&Call { before: after, after, thread: sys::thread_id(), stack, what });
    }

    /// What the program itself has to say.
    #[cfg_attr(test, expect(dead_code, reason = "called by programs"))]
    pub(crate) fn note(&self, event: &Event) {
        let tick = clock::before();
        // SAFETY: as in `stack`.
        unsafe { self.thread.push(tick, |state, room| state.put(room, tick.0, event)) };
    }

    #[inline(always)]
    fn free(&self, tick: Tick, block: *const c_void, stack: Node) {
        let pointer = block.addr() as u64;
        // SAFETY: as in `stack`.
        unsafe { self.thread.push(tick, |state, room| state.put_free(room, tick.0, pointer, stack)) };
    }

    #[inline(always)]
    fn birth(&self, frame: &HookFrame, block: *const c_void, made: Made) -> Birth {
        let Made { size, usable, flags, .. } = made;
        let stack = self.stack(frame);
        Birth { pointer: block.addr() as u64, size: size as u64, usable: usable as u64, stack, flags }
    }

    #[inline(always)]
    fn stack(&self, frame: &HookFrame) -> Node {
        // SAFETY: `Inside` is only made for the owner, and `busy` keeps signal handlers out.
        unsafe { self.thread.stack(frame) }
    }

    #[inline(always)]
    fn stack_of_death(&self, frame: &HookFrame) -> Node {
        let wanted = is(Mode::Recording) && lifecycle::grabs_backtraces_on_free();
        if wanted { self.stack(frame) } else { Node::NONE }
    }
}
