//! Walking the stack: from the caller of a hook outwards, by rules that are compiled once an address.
//!
//! Nothing here allocates, takes a lock or writes to the program's stack.

mod cache;
mod loaded;
mod memory;
mod rule;
mod stack_cache;
mod tables;
mod tables_frame;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::arch::{HookFrame, Registers};
use memory::{Regions, Stack};
use rule::{Base, Frame, Rule};
use stack_cache::{Machine, StackCache, Step, Visited, mix};
use tables_frame::Caller;

pub(crate) use loaded::note_loaded;
pub(crate) use tables::set_find_object;

/// Counts how often code was unloaded. In one generation an address means one place in one module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(pub(crate) u32);

/// Frames of a stack that are kept; of a deeper one the innermost.
pub(crate) const FRAMES_MAX: usize = 1000;
/// No single frame is larger.
const FRAME_LEN_MAX: u64 = 8 << 20;

/// Whether walks may use what the last one found.
static USES_STACK_CACHE: AtomicBool = AtomicBool::new(true);
/// The current generation.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Makes every walk a full one, or not.
pub(crate) fn use_stack_cache(wanted: bool) {
    USES_STACK_CACHE.store(wanted, Ordering::Relaxed);
}

/// Begins a new generation: code was unloaded, and other code may come to lie at its addresses.
pub(crate) fn begin_generation() {
    cache::clear();
    GENERATION.fetch_add(1, Ordering::Release);
}

/// Whether `address` is known to lie in a loaded module.
pub(crate) fn is_loaded(address: u64) -> bool {
    tables::can_find_objects() && tables::find_object(address).is_some()
}

/// What one thread needs to walk its stacks.
pub(crate) struct Unwinder {
    context: tables::Context,
    regions: Regions,
    cache: StackCache,
    generation: Generation,
}

/// A stack that was just walked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace<'a> {
    /// Of the addresses and the generation.
    pub(crate) hash: u64,
    pub(crate) generation: Generation,
    hook: u64,
    /// The outermost frame first.
    frames: &'a [Visited],
}

impl Trace<'_> {
    /// The addresses, innermost first, that is: from inside the hook outwards.
    pub(crate) fn addresses(&self) -> impl ExactSizeIterator<Item = u64> {
        let at = |place: usize| match place.checked_sub(1) {
            Some(outwards) => self.frames.iter().nth_back(outwards).map_or(0, |frame| frame.registers.ip),
            None => self.hook,
        };
        (0..self.frames.len() + 1).map(at)
    }
}

impl Unwinder {
    /// Prepares memory that is zeroed.
    ///
    /// # Safety
    /// `this` is valid for writes, zeroed, and nobody else's.
    #[expect(unsafe_code, reason = "it is too large to be moved over a small stack")]
    pub(crate) unsafe fn prepare(this: *mut Self) {
        // SAFETY: the caller vouches for `this`; the other fields are valid zeroed.
        unsafe { (&raw mut (*this).context).write(tables::Context::new_in()) };
    }

    /// The stack of a hook's caller, with the hook itself innermost.
    #[inline]
    pub(crate) fn trace(&mut self, frame: &HookFrame) -> Trace<'_> {
        let generation = Generation(GENERATION.load(Ordering::Acquire));
        if generation != self.generation || !USES_STACK_CACHE.load(Ordering::Relaxed) {
            self.generation = generation;
            self.cache.clear();
        }
        let start = frame.caller();
        let stack = self.regions.stack(start.sp);
        let walk = &mut Walk { stack, regions: &mut self.regions, context: &mut self.context };
        let found = self.cache.walk(start, walk);
        let hash = mix(found.hash ^ u64::from(generation.0) << 32, frame.leaf());
        Trace { hash, generation, hook: frame.leaf(), frames: found.frames }
    }
}

struct Walk<'a> {
    stack: Stack,
    regions: &'a mut Regions,
    context: &'a mut tables::Context,
}

impl Machine for Walk<'_> {
    #[inline(always)]
    fn read(&self, address: u64) -> Option<u64> {
        self.stack.read(address)
    }

    #[inline(always)]
    fn leave(&mut self, frame: &Visited) -> Step {
        let address = frame.registers.ip.wrapping_sub(u64::from(!frame.interrupted));
        let step = match cache::find(address) {
            Some(Rule::Frame(rule)) => self.leave_by(rule, frame),
            Some(rule) => self.leave_otherwise(rule, address, frame),
            None => self.learn(address, frame),
        };
        match &step {
            Step::Packed(caller) | Step::Other(caller) if !is_outside(caller, frame) => Step::Lost,
            _ => step,
        }
    }
}

/// Whether a caller makes sense: its frame lies outside, and its address can be code.
#[inline(always)]
fn is_outside(caller: &Visited, frame: &Visited) -> bool {
    // The lowest page never holds code, and no program's code lies beyond 47 bits.
    let is_code = (0x1000..1 << 47).contains(&caller.registers.ip);
    is_code && (caller.registers.sp > frame.registers.sp || caller.interrupted)
}

impl Walk<'_> {
    #[cold]
    fn learn(&mut self, address: u64, frame: &Visited) -> Step {
        let rule = tables::compile(address, self.context);
        cache::insert(address, rule);
        self.leave_otherwise(rule, address, frame)
    }

    #[inline(always)]
    fn leave_by(&self, rule: Frame, frame: &Visited) -> Step {
        let Registers { sp, bp, bx, .. } = frame.registers;
        let base = match rule.base {
            Base::Sp => sp,
            Base::Bp => bp,
            Base::Bx => bx,
        };
        let cfa = base.wrapping_add(rule.cfa_offset());
        if cfa.wrapping_sub(sp) > FRAME_LEN_MAX {
            return Step::Lost;
        }
        let slot = |distance| if distance == 0 { 0 } else { cfa.wrapping_sub(distance) };
        let (bp_slot, bx_slot) = (slot(rule.bp_distance()), slot(rule.bx_distance()));
        let saved = |slot, unchanged| if slot == 0 { Some(unchanged) } else { self.stack.read(slot) };
        let (Some(ip), Some(bp), Some(bx)) =
            (self.stack.read(cfa.wrapping_sub(8)), saved(bp_slot, bp), saved(bx_slot, bx))
        else {
            return Step::Lost;
        };
        let registers = Registers { ip, sp: cfa, bp, bx };
        Step::Packed(Visited::restored(registers, bp_slot, bx_slot))
    }

    #[cold]
    fn leave_otherwise(&mut self, rule: Rule, address: u64, frame: &Visited) -> Step {
        let caller = match rule {
            Rule::Frame(rule) => return self.leave_by(rule, frame),
            Rule::Outermost => return Step::Outermost,
            Rule::Tables => tables_frame::leave(address, frame.registers, &self.stack, self.context),
            Rule::Unknown => self.follow_frame_pointer(frame.registers),
        };
        let Some(Caller { registers, interrupted }) = caller else { return Step::Lost };
        if interrupted && !self.stack.contains(registers.sp) {
            // The signal came while the thread was on another stack.
            self.stack = self.regions.stack(registers.sp);
        }
        Step::Other(Visited::new(registers, interrupted))
    }

    /// Code without tables (made at run time, or written by hand) may keep a frame pointer.
    fn follow_frame_pointer(&self, Registers { sp, bp, bx, .. }: Registers) -> Option<Caller> {
        if bp < sp || bp - sp > FRAME_LEN_MAX {
            return None;
        }
        let (next, ip) = (self.stack.read(bp)?, self.stack.read(bp.wrapping_add(8))?);
        let registers = Registers { ip, sp: bp.wrapping_add(16), bp: next, bx };
        Some(Caller { registers, interrupted: false })
    }
}
