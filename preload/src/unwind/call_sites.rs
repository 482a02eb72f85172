//! Where hooks were called from lately: a call from the same place, in the same state, is only checked.
//!
//! A walk that starts in a known state leaves its first frame as an earlier one did: by a rule that depends on this
//! state alone. So it is in the state that the last walk knows of some frame, if the slots that were read then hold
//! what that frame was entered with. Neither the rules nor the numbers of the two innermost frames are looked up.

use bytehound_format::v2::batch::Node;

use super::stack_cache::Machine;
use super::visited::{BP, BX, Visited};
use crate::arch::Registers;

const LEN: usize = 64;

/// Zeroed memory holds none.
pub(super) struct CallSites([Site; LEN]);

/// A place that a hook was called from.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Site {
    /// The caller's registers.
    caller: Registers,
    /// The hook.
    leaf: u64,
    /// Where the registers of the frame outside the caller's were saved; 0 if they were left alone.
    bp_slot: u64,
    bx_slot: u64,
    /// Its stack pointer and its number.
    outer_sp: u64,
    outer: Node,
    /// Its place in the last walk, counted from 1. 0 for no site.
    depth: u32,
    /// The number of the stack.
    node: Node,
    /// Which filling of the cache this belongs to.
    filling: u32,
    /// The registers of the caller that count.
    needs: u8,
}

impl CallSites {
    #[inline(always)]
    pub(super) fn get(&self, caller: &Registers, leaf: u64) -> &Site {
        &self.0[place(caller, leaf)]
    }

    /// Remembers a call: the last two frames of the walk, and its number.
    #[inline(always)]
    pub(super) fn set(
        &mut self,
        leaf: u64,
        caller: &Visited,
        outer: (&Visited, usize),
        node: Node,
        filling: u32,
    ) {
        let (outer, depth) = outer;
        self.0[place(&caller.registers, leaf)] = Site {
            caller: caller.registers,
            leaf,
            bp_slot: outer.bp_slot(),
            bx_slot: outer.bx_slot(),
            outer_sp: outer.registers.sp,
            outer: outer.node,
            depth: depth as u32,
            node,
            filling,
            needs: caller.needs,
        };
    }
}

#[inline(always)]
fn place(caller: &Registers, leaf: u64) -> usize {
    let mixed = (caller.ip ^ leaf << 20 ^ caller.sp << 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 58) as usize % LEN
}

impl Site {
    /// Whether the hook is called from here again.
    #[inline(always)]
    pub(super) fn is(&self, caller: &Registers, leaf: u64, filling: u32) -> bool {
        self.caller.ip == caller.ip
            && self.caller.sp == caller.sp
            && (self.needs & BP == 0 || self.caller.bp == caller.bp)
            && (self.needs & BX == 0 || self.caller.bx == caller.bx)
            && self.leaf == leaf
            && self.filling == filling
    }

    /// How many frames of the last walk there are outside the caller's.
    #[inline(always)]
    pub(super) fn depth(&self) -> usize {
        self.depth as usize
    }

    pub(super) fn node(&self) -> Node {
        self.node
    }

    /// Whether `outer` would be entered now, from the caller, as it was in the last walk.
    #[inline(always)]
    pub(super) fn leads_to(&self, outer: &Visited, caller: &Registers, machine: &impl Machine) -> bool {
        let Registers { ip, sp, bp, bx } = outer.registers;
        let is = |register, slot, own, value| {
            let now = || if slot == 0 { own } else { machine.read_again(slot) };
            outer.needs & register == 0 || now() == value
        };
        outer.node == self.outer
            && sp == self.outer_sp
            && machine.read_again(sp.wrapping_sub(8)) == ip
            && is(BP, self.bp_slot, caller.bp, bp)
            && is(BX, self.bx_slot, caller.bx, bx)
    }
}
