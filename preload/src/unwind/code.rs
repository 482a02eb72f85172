//! Which memory holds code that no table tells of: return addresses found by frame pointers lead there, or are none.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::maps;
use crate::published::PublishedWords;

/// Blocks of memory that held code when they were looked up last, by their lowest bits.
static BLOCKS: PublishedWords = PublishedWords::new();
const BLOCKS_LEN: usize = 1 << 12;
const BLOCK_BITS: u32 = 16;

/// So many questions are answered by "no" before the kernel is asked again: more with each that is in vain.
static DOUBTS: AtomicU32 = AtomicU32::new(0);
static TO_REFUSE: AtomicU32 = AtomicU32::new(0);
const REFUSED_MAX: u32 = 1 << 12;

/// Whether `address` lies in executable memory, as far as it is known.
pub(super) fn is_at(address: u64, buffer: &mut [u8]) -> bool {
    let Some(blocks) = BLOCKS.get_or_map(BLOCKS_LEN) else { return false };
    let block = address >> BLOCK_BITS;
    let Some(known) = blocks.get(block as usize % BLOCKS_LEN) else { return false };
    if known.load(Ordering::Relaxed) == block {
        return true;
    }
    let refuse = |left: u32| left.checked_sub(1);
    // Two walks over one stack are to find the same.
    let may_refuse = !super::are_backtraces_checked();
    if may_refuse && TO_REFUSE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refuse).is_ok() {
        return false;
    }
    let found = look_up(address, buffer);
    let doubts = if found { 0 } else { (2 * DOUBTS.load(Ordering::Relaxed) + 1).min(REFUSED_MAX) };
    DOUBTS.store(doubts, Ordering::Relaxed);
    TO_REFUSE.store(doubts, Ordering::Relaxed);
    if found {
        known.store(block, Ordering::Relaxed);
    }
    found
}

/// Forgets what held code.
pub(super) fn clear() {
    BLOCKS.get().unwrap_or_default().iter().for_each(|block| block.store(0, Ordering::Relaxed));
}

fn look_up(address: u64, buffer: &mut [u8]) -> bool {
    let mut found = false;
    let _ = maps::for_each_line(buffer, |line| {
        let Some(mapping) = maps::parse(line) else { return true };
        found |= mapping.executable && (mapping.start..mapping.end).contains(&address);
        mapping.end <= address
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_memory_holds_code() {
        let mut buffer = [0; 4096];
        let code: fn() = only_executable_memory_holds_code;
        let data = 0_u64;
        assert!(is_at(code as usize as u64, &mut buffer));
        assert!(!is_at((&raw const data).addr() as u64, &mut buffer));
        clear();
        // After an answer in vain, the next one is "no" without a look.
        assert!(!is_at(code as usize as u64, &mut buffer));
        assert!(is_at(code as usize as u64, &mut buffer));
    }
}
