//! The check mode: every stack that was found with the cache is walked once more without it.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;
use bytehound_rings::Region;

use super::stack_cache::{Machine, Step};
use super::visited::Visited;
use super::{FRAMES_MAX, Unwinder, Walk};
use crate::arch::HookFrame;

static WANTED: AtomicBool = AtomicBool::new(false);
static CHECKED: AtomicU64 = AtomicU64::new(0);
static MISMATCHED: AtomicU64 = AtomicU64::new(0);

/// How many stacks were compared, and how many of them differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) checked: u64,
    pub(crate) mismatched: u64,
}

/// Has every stack checked, or not.
pub(crate) fn check_backtraces(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

/// Whether every stack is to be checked.
#[inline(always)]
pub(crate) fn are_backtraces_checked() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// What the check mode has found so far; none if it is off.
pub(crate) fn checks() -> Option<Checks> {
    are_backtraces_checked().then(|| Checks {
        checked: CHECKED.load(Ordering::Relaxed),
        mismatched: MISMATCHED.load(Ordering::Relaxed),
    })
}

impl Unwinder {
    /// Compares the stack `node` of a hook's caller, address by address, with what a walk by the rules alone finds.
    #[cold]
    pub(crate) fn check(&mut self, frame: &HookFrame, node: Node, region: &Region) {
        if node == Node::UNKNOWN {
            return;
        }
        let mut outside = Caller::Node(node);
        let mut is_same = true;
        self.walk_plainly(frame, |address| match innermost(region, outside) {
            Some((caller, found)) => {
                is_same &= found == address;
                outside = caller;
            }
            None => is_same = false,
        });
        is_same &= matches!(outside, Caller::None { .. });
        CHECKED.fetch_add(1, Ordering::Relaxed);
        MISMATCHED.fetch_add(u64::from(!is_same), Ordering::Relaxed);
    }

    fn walk_plainly(&mut self, frame: &HookFrame, mut visit: impl FnMut(u64)) {
        visit(frame.leaf());
        let start = frame.caller();
        let stack = self.regions.stack(start.sp);
        let mut walk = Walk { stack, regions: &mut self.regions, context: &mut self.context };
        let mut inner = Visited::first(start);
        for _ in 0..FRAMES_MAX {
            visit(inner.registers.ip);
            let mut caller = Visited::default();
            if !matches!(walk.leave(&inner, &mut caller), Step::Packed(_) | Step::Other) {
                break;
            }
            inner = caller;
        }
    }
}

/// The innermost frame of a stack, and what called it.
fn innermost(region: &Region, stack: Caller) -> Option<(Caller, u64)> {
    let Caller::Node(node) = stack else { return None };
    region.stacks().get(region, node)
}
