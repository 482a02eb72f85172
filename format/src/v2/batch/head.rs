//! The head of an event: its kind, and how many bytes each field has.

/// What an event is.
pub(super) mod kind {
    pub(in super::super) const ALLOC: u32 = 0;
    pub(in super::super) const ZEROED: u32 = 1;
    pub(in super::super) const FREE: u32 = 2;
    pub(in super::super) const LEAVE: u32 = 3;
    pub(in super::super) const IN_PLACE: u32 = 4;
    pub(in super::super) const MOVED: u32 = 5;
    pub(in super::super) const NOTE: u32 = 6;
}

/// What a note tells.
pub(super) mod note {
    pub(in super::super) const THREAD: u32 = 0;
    pub(in super::super) const MARKER: u32 = 1;
    pub(in super::super) const OVERRIDE_TIME: u32 = 2;
}

/// Bytes of the head.
pub(super) const LEN: usize = 2;

/// Where each field's length stands.
pub(super) const TICK: u32 = 3;
pub(super) const ADDRESS: u32 = 6;
pub(super) const STACK: u32 = 9;
pub(super) const SIZE: u32 = 11;
pub(super) const EXTRA: u32 = 13;
pub(super) const FLAGS: u32 = 15;

/// Bytes of a stack, a size and an extra, by the two bits in the head.
pub(super) const STACK_LENS: [usize; 4] = [0, 2, 3, 4];
pub(super) const SIZE_LENS: [usize; 4] = [1, 2, 4, 8];
pub(super) const EXTRA_LENS: [usize; 4] = [0, 1, 4, 8];

/// The lowest `n` bytes of a word, for every `n`.
pub(super) const MASKS: [u64; 16] = {
    let mut masks = [u64::MAX; 16];
    let mut len = 0;
    while len < 8 {
        masks[len] = (1 << (8 * len)) - 1;
        len += 1;
    }
    masks
};

/// How many bytes of a word there are above the lowest one that are not zero.
#[inline(always)]
pub(super) fn further_bytes(value: u64) -> u32 {
    (value | 1).ilog2() / 8
}

/// Folds a distance between addresses so that small ones, in either direction, take few bytes.
#[inline(always)]
pub(super) fn fold(distance: u64) -> u64 {
    let steps = (distance as i64) >> 3;
    ((steps << 1) ^ (steps >> 63)) as u64 | distance << 61
}

/// Undoes [`fold`].
#[inline(always)]
pub(super) fn unfold(folded: u64) -> u64 {
    let steps = folded & (u64::MAX >> 3);
    let steps = (steps >> 1) ^ (steps & 1).wrapping_neg();
    steps << 3 | folded >> 61
}

/// Bytes that the GNU allocator lets a program use of a block of `size`.
#[inline(always)]
pub(super) fn gnu_usable(size: u64) -> u64 {
    (size.wrapping_add(23) & !15).wrapping_sub(8).max(24)
}
