//! Rules by code address, for all threads, without locks: one word an entry, so that none is ever torn.
//!
//! An address is spread over 48 bits by a multiplication that can be undone. The upper 16 bits choose a bucket
//! of two entries, the lower 32 are kept in the entry beside the rule: together they are the whole address.

use core::sync::atomic::{AtomicU64, Ordering};

use super::rule::Rule;
use crate::published::PublishedWords;

const ADDRESS_BITS: u32 = 48;
const BUCKETS: usize = 1 << 16;
/// Odd, so that multiplying by it modulo 2⁴⁸ loses nothing.
const SPREAD: u64 = 0x9e37_79b9_7f4b;

static RULES: PublishedWords = PublishedWords::new();

/// The rule of `address`, if it was seen lately.
#[inline(always)]
pub(crate) fn find(address: u64) -> Option<Rule> {
    let (bucket, tag) = spread(address)?;
    let (first, second) = entries(RULES.get()?, bucket)?;
    let word = first.load(Ordering::Relaxed);
    if word >> 32 == tag && word as u32 != 0 {
        return Some(Rule::unpack(word as u32));
    }
    let word = second.load(Ordering::Relaxed);
    (word >> 32 == tag && word as u32 != 0).then(|| Rule::unpack(word as u32))
}

/// Remembers a rule; the older one of its bucket's two may be forgotten.
pub(crate) fn insert(address: u64, rule: Rule) {
    let Some((bucket, tag)) = spread(address) else { return };
    let Some((first, second)) = RULES.get_or_map(2 * BUCKETS).and_then(|rules| entries(rules, bucket)) else {
        return;
    };
    // Every word is whole in itself, so the order of the two stores does not matter.
    second.store(first.load(Ordering::Relaxed), Ordering::Relaxed);
    first.store(tag << 32 | u64::from(rule.pack()), Ordering::Relaxed);
}

/// Forgets all rules.
pub(crate) fn clear() {
    RULES.get().unwrap_or_default().iter().for_each(|word| word.store(0, Ordering::Relaxed));
}

/// Forgets the rules of the code in a range.
pub(crate) fn forget(start: u64, end: u64) {
    if end.saturating_sub(start) > BUCKETS as u64 {
        return clear();
    }
    let Some(rules) = RULES.get() else { return };
    for (bucket, tag) in (start..end).filter_map(spread) {
        let Some((first, second)) = entries(rules, bucket) else { continue };
        for entry in [first, second] {
            let word = entry.load(Ordering::Relaxed);
            if word >> 32 == tag {
                // If another rule has come there meanwhile, that stays.
                let _ = entry.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }
}

#[inline(always)]
fn spread(address: u64) -> Option<(usize, u64)> {
    if address >> ADDRESS_BITS != 0 {
        return None;
    }
    let spread = address.wrapping_mul(SPREAD) & ((1 << ADDRESS_BITS) - 1);
    Some(((spread >> 32) as usize, spread & 0xffff_ffff))
}

#[inline(always)]
fn entries(rules: &[AtomicU64], bucket: usize) -> Option<(&AtomicU64, &AtomicU64)> {
    Some((rules.get(2 * bucket)?, rules.get(2 * bucket + 1)?))
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Base, Frame};
    use super::*;

    fn rule(words: i64) -> Rule {
        Rule::Frame(Frame::new(Base::Sp, words * 8, None, None).unwrap())
    }

    #[test]
    fn a_rule_is_found_under_its_own_address_only() {
        let base = 0x5555_0000_0000;
        (0..1000).for_each(|n| insert(base + n * 13, rule(n as i64 + 1)));
        for n in 0..1000 {
            let found = find(base + n * 13);
            assert!(found.is_none_or(|found| found == rule(n as i64 + 1)), "address {n}");
            assert_eq!(find(base + n * 13 + 1), None);
        }
        let kept = (0..1000).filter(|n| find(base + n * 13).is_some()).count();
        assert!(kept > 900, "{kept} of 1000 rules are still there");
    }

    #[test]
    fn rules_of_a_range_are_forgotten_and_no_others() {
        let base = 0x7777_0000_0000;
        (0..100).for_each(|n| insert(base + n, rule(n as i64 + 1)));
        forget(base + 10, base + 20);
        assert!((10..20).all(|n| find(base + n).is_none()));
        assert!(find(base + 99).is_some());
        forget(base, base + (1 << 40));
        assert_eq!(find(base + 99), None);
    }

    #[test]
    fn addresses_beyond_48_bits_are_not_kept() {
        insert(1 << 48, Rule::Outermost);
        assert_eq!(find(1 << 48), None);
        assert_eq!(find(0), None);
    }

    #[test]
    fn spreading_can_be_undone() {
        let undo = (0..6).fold(SPREAD, |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(SPREAD.wrapping_mul(inverse)))
        });
        for address in [1, 0x7fff_ffff_ffff, 0x5555_5555_4000] {
            let (bucket, tag) = spread(address).unwrap();
            let whole = (bucket as u64) << 32 | tag;
            assert_eq!(whole.wrapping_mul(undo) & ((1 << 48) - 1), address);
        }
    }
}
