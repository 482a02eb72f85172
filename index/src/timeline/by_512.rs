//! Operations added up 16 at a time, where the processor can.
//!
//! The operations of a word become vectors of what each of them changes. Sums of all that came before one are sums in four
//! steps, over neighbours at a distance of 1, 2, 4 and 8.
#![expect(unsafe_code, reason = "calling what needs certain instructions is unsafe: see the call")]

#[cfg(target_arch = "x86_64")]
mod vectors;

use super::change::Change;
use super::reader::NEAR;
use crate::chronicle::Word;

/// Words that are added up together: few, since all of them are done in another way if one size is too large.
pub(super) const WORDS: usize = 8;
/// Below this, sizes add up in so many words.
const SIZE_END: u64 = 1 << 20;

/// What is known of rows.
pub(super) struct Near<'a, L> {
    /// Of each row at hand the size and one more, or [`LARGE`](super::reader::LARGE); 0 if it is not asked for. In the place of
    /// its number modulo [`NEAR`].
    pub(super) known: &'a [u16; NEAR],
    /// The first row at hand.
    pub(super) first: u32,
    /// Tells what is known of any row, but slowly.
    pub(super) look_up: L,
}

/// Whether the processor can.
pub(super) fn is_there() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("popcnt");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// What up to [`WORDS`] words change, where `born` rows are born before; `since` tells of each death in turn how many were born
/// since the row that dies. The highest levels are those after each operation, asked for or not. None if a size is too large, or
/// if the processor can't.
pub(super) fn add(
    near: &Near<'_, impl Fn(u32) -> u64>,
    words: impl Iterator<Item = Word>,
    born: u32,
    since: &[u32],
) -> Option<Change<i32>> {
    if !is_there() {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor has every feature that the function is compiled with.
    return unsafe { vectors::add_up(near, words, born, since) };
    #[cfg(not(target_arch = "x86_64"))]
    None
}
