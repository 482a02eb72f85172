//! The words of the stack that the frames of a walk depend on, and what they held.

use super::stack_cache::Machine;
use super::visited::{BP, BX, Visited};
use crate::arch::Registers;

/// A frame has at most so many: where its address and two registers were read.
pub(super) const SLOTS_MAX: usize = 3;

/// A word of the stack.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) address: u64,
    pub(super) value: u64,
}

impl Slot {
    /// Not 0 if it does not hold what it held.
    #[inline(always)]
    fn difference(&self, machine: &impl Machine) -> u64 {
        machine.read_again(self.address) ^ self.value
    }

    /// Whether all of these hold what they held. They lie in the living part of the stack: some may be read in vain.
    #[inline(always)]
    pub(super) fn all_hold(slots: &[Self], machine: &impl Machine) -> bool {
        slots.iter().fold(0, |any, slot| any | slot.difference(machine)) == 0
    }
}

/// The slots of frames, the outermost frame's first. Zeroed memory is valid.
pub(super) struct Slots<const LEN: usize>([Slot; LEN]);

impl<const LEN: usize> Slots<LEN> {
    /// Puts the slots of a frame at a place; returns the place behind them.
    #[inline(always)]
    pub(super) fn put(&mut self, frame: &Visited, place: u16) -> u16 {
        let Registers { ip, sp, bp, bx } = frame.registers;
        let mut end = usize::from(place);
        let mut put = |address, value, is_needed| {
            if let Some(slot) = self.0.get_mut(end) {
                *slot = Slot { address, value };
                end += usize::from(is_needed);
            }
        };
        put(sp.wrapping_sub(8), ip, true);
        let (bp_slot, bx_slot) = (frame.bp_slot(), frame.bx_slot());
        put(bp_slot, bp, frame.needs & BP != 0 && bp_slot != 0);
        put(bx_slot, bx, frame.needs & BX != 0 && bx_slot != 0);
        end as u16
    }

    /// The slots between two places.
    #[inline(always)]
    pub(super) fn between(&self, from: u16, to: u16) -> &[Slot] {
        self.0.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    /// The innermost slot of those between two places that does not hold what it held; none if all do.
    #[inline(always)]
    pub(super) fn difference(&self, from: u16, to: u16, machine: &impl Machine) -> Option<u16> {
        let slots = self.between(from, to);
        let mut end = slots.len();
        for several in slots.rchunks_exact(4) {
            if !Slot::all_hold(several, machine) {
                break;
            }
            end -= several.len();
        }
        let found = slots.get(..end)?.iter().rposition(|slot| slot.difference(machine) != 0)?;
        Some(from + found as u16)
    }
}
