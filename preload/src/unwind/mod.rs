//! Walking the stack: from the caller of a hook outwards, by rules that are compiled once an address.
//!
//! Nothing here allocates, takes a lock or writes to the program's stack.

mod cache;
mod call_sites;
mod check;
mod code;
mod loaded;
mod memory;
mod numbering;
mod recent_stacks;
mod registered;
mod rule;
mod slots;
mod stack_cache;
mod tables;
mod tables_frame;
mod visited;

use core::sync::atomic::{AtomicU32, Ordering};

use bytehound_format::v2::batch::Node;
use bytehound_rings::Region;

use crate::arch::{HookFrame, Registers};
use memory::{Regions, Stack};
use rule::{Frame, Rule};
use stack_cache::{Machine, StackCache, Step};
use tables_frame::Outer;
use visited::{BP, BX, Visited};

pub(crate) use check::{Checks, are_backtraces_checked, check_backtraces, checks};
pub(crate) use loaded::note_loaded;
pub(crate) use tables::set_find_object;

/// Frames of a stack that are kept; of a deeper one the innermost.
pub(crate) const FRAMES_MAX: usize = 1000;
/// No single frame is larger.
const FRAME_LEN_MAX: u64 = 8 << 20;

/// Twice the generation: how often code was unloaded. In one generation an address means one place in one module.
/// The lowest bit says that every walk is to be a full one.
static EPOCH: AtomicU32 = AtomicU32::new(0);
const FULL_WALKS: u32 = 1;

/// Makes every walk a full one, or not.
pub(crate) fn use_stack_cache(wanted: bool) {
    if wanted {
        EPOCH.fetch_and(!FULL_WALKS, Ordering::Relaxed);
    } else {
        EPOCH.fetch_or(FULL_WALKS, Ordering::Relaxed);
    }
}

/// Begins a new generation: code was unloaded, and other code may come to lie at its addresses.
pub(crate) fn begin_generation() {
    cache::clear();
    code::clear();
    EPOCH.fetch_add(2, Ordering::Release);
}

/// Takes a table that the program registers for code that it generated.
///
/// # Safety
/// `table` is what the program passes to `__register_frame`.
#[expect(unsafe_code, reason = "the table is memory of the program")]
pub(crate) unsafe fn register(table: u64) {
    // SAFETY: as the caller vouches.
    if let Some((start, end)) = unsafe { registered::add(table) } {
        cache::forget(start, end);
    }
}

/// Forgets a table that the program deregisters: nobody reads it any more, and other code may come to lie at the
/// addresses of the code it told of.
pub(crate) fn deregister(table: u64) {
    if let Some((start, end)) = registered::remove(table) {
        cache::forget(start, end);
        EPOCH.fetch_add(2, Ordering::Release);
    }
}

/// What one thread needs to walk its stacks.
pub(crate) struct Unwinder {
    context: tables::Context,
    regions: Regions,
    cache: StackCache,
    /// What [`EPOCH`] was, and where the stack ended, when the cache was filled.
    filled: (u32, u64),
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

    /// Whether all of these lie on the stack that was walked last. A walk may be under way.
    ///
    /// # Safety
    /// `this` was prepared.
    #[expect(unsafe_code, reason = "reads beside a walk that a signal interrupted")]
    pub(crate) unsafe fn knows_stack_of(this: *const Self, addresses: [u64; 2]) -> bool {
        // SAFETY: as the caller vouches.
        unsafe { Regions::latest_contains(&raw const (*this).regions, addresses) }
    }

    /// The stack of a hook's caller, with the hook itself innermost.
    #[inline]
    pub(crate) fn trace(&mut self, frame: &HookFrame, region: &Region) -> Node {
        let epoch = EPOCH.load(Ordering::Acquire);
        let start = frame.caller();
        let stack = self.regions.stack(start.sp);
        if self.filled != (epoch & !FULL_WALKS, stack.end()) || epoch & FULL_WALKS != 0 {
            self.cache.clear();
            self.filled = (epoch & !FULL_WALKS, stack.end());
        }
        let mut walk = Walk { stack, regions: &mut self.regions, context: &mut self.context };
        let node = self.cache.walk(start, frame.leaf(), &mut walk, epoch / 2, region);
        if walk.stack.end() != stack.end() {
            // The slots of two stacks: no later walk can tell which is which.
            self.filled.1 = 0;
        }
        node
    }
}

struct Walk<'a> {
    stack: Stack,
    regions: &'a mut Regions,
    context: &'a mut tables::Context,
}

impl Machine for Walk<'_> {
    #[inline(always)]
    fn read_again(&self, address: u64) -> u64 {
        self.stack.read_again(address)
    }

    #[inline(always)]
    fn read(&self, address: u64) -> Option<u64> {
        self.stack.read(address)
    }

    #[inline(always)]
    fn leave(&mut self, frame: &Visited, caller: &mut Visited) -> Step {
        let address = frame.registers.ip.wrapping_sub(u64::from(!frame.interrupted));
        let step = match cache::find(address) {
            Some(Rule::Frame(rule)) => self.leave_by(rule, frame, caller),
            Some(rule) => self.leave_otherwise(rule, address, frame, caller),
            None => self.learn(address, frame, caller),
        };
        if matches!(step, Step::Packed(_) | Step::Other) && !is_outside(caller, frame) {
            Step::Lost
        } else {
            step
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
    fn learn(&mut self, address: u64, frame: &Visited, caller: &mut Visited) -> Step {
        let rule = tables::compile(address, self.context);
        cache::insert(address, rule);
        self.leave_otherwise(rule, address, frame, caller)
    }

    #[inline(always)]
    fn leave_by(&self, rule: Frame, frame: &Visited, caller: &mut Visited) -> Step {
        let Registers { sp, bp, bx, .. } = frame.registers;
        let cfa = rule.of_base(sp, bp, bx).wrapping_add(rule.cfa_offset());
        let (of_bp, of_bx) = (rule.bp_distance(), rule.bx_distance());
        let is_here = self.stack.has(u64::from(of_bp.max(of_bx).max(8)), cfa);
        if !is_here || cfa.wrapping_sub(sp) > FRAME_LEN_MAX {
            return Step::Lost;
        }
        let word = |distance| self.stack.read_again(cfa.wrapping_sub(distance));
        // Read in any case: whether a register is saved changes from frame to frame.
        let saved = |distance, unchanged| {
            let saved = word(u64::from(distance).max(8));
            if distance == 0 { unchanged } else { saved }
        };
        let (ip, bp, bx) = (word(8), saved(of_bp, bp), saved(of_bx, bx));
        let needed = rule.of_base(0, BP, BX);
        caller.enter(Registers { ip, sp: cfa, bp, bx }, of_bp, of_bx);
        Step::Packed(needed)
    }

    #[cold]
    fn leave_otherwise(&mut self, rule: Rule, address: u64, frame: &Visited, caller: &mut Visited) -> Step {
        let outer = match rule {
            Rule::Frame(rule) => return self.leave_by(rule, frame, caller),
            Rule::Outermost => return Step::Outermost,
            Rule::Tables => tables_frame::leave(address, frame.registers, &self.stack, self.context),
            Rule::Unknown => self.follow_frame_pointer(frame.registers),
        };
        let Some(Outer { registers, interrupted }) = outer else { return Step::Lost };
        if interrupted && !self.stack.contains(registers.sp) {
            // The signal came while the thread was on another stack.
            self.stack = self.regions.stack(registers.sp);
        }
        caller.enter(registers, 0, 0);
        caller.interrupted = interrupted;
        Step::Other
    }

    /// Code without tables (made at run time, or written by hand) may keep a frame pointer.
    fn follow_frame_pointer(&mut self, Registers { sp, bp, bx, .. }: Registers) -> Option<Outer> {
        if bp < sp || bp - sp > FRAME_LEN_MAX {
            return None;
        }
        let (next, ip) = (self.stack.read(bp)?, self.stack.read(bp.wrapping_add(8))?);
        let registers = Registers { ip, sp: bp.wrapping_add(16), bp: next, bx };
        self.is_code(ip.wrapping_sub(1)).then_some(Outer { registers, interrupted: false })
    }

    /// Whether there is code at `address`, as far as it is known.
    fn is_code(&mut self, address: u64) -> bool {
        let has_table = match cache::find(address) {
            Some(Rule::Unknown) => false,
            Some(_) => true,
            None => tables::find_object(address).is_some() || registered::covers(address),
        };
        has_table || code::is_at(address, self.regions.buffer())
    }
}
