//! Rules by code address, for all threads, without locks: one word an entry, so that none is ever torn.
//!
//! A table is only as large as the program needs, so that few cache lines hold it. An address is spread over 48 bits by a
//! multiplication that can be undone. The upper bits choose a line, the lower 36 are kept in the entry beside the rule:
//! together they are the whole address. When many rules had to make room for others a larger table begins, empty: what
//! it needs is soon compiled anew.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::rule::{self, Rule};
use crate::published::PublishedWords;

const ADDRESS_BITS: u32 = 48;
/// Odd, so that multiplying by it modulo 2⁴⁸ loses nothing.
const SPREAD: u64 = 0x9e37_79b9_7f4b;
/// Entries of a cache line.
const LINE: usize = 8;
/// The lines of the smallest table are chosen by the bits that an entry has no room for.
const LINE_BITS: u32 = ADDRESS_BITS + rule::BITS - u64::BITS;
const TABLES: usize = 4;

/// Each has twice the lines of the one before.
static RULES: [PublishedWords; TABLES] = [const { PublishedWords::new() }; TABLES];
/// Which of them is in use.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// How many of its rules had to make room.
static OVERWRITTEN: AtomicUsize = AtomicUsize::new(0);

/// The rule of `address`, if it was seen lately.
#[inline(always)]
pub(crate) fn find(address: u64) -> Option<Rule> {
    let place = Place::of(address)?;
    let table = IN_USE.load(Ordering::Relaxed);
    let line = place.line(RULES.get(table)?.get()?, table)?;
    place.order().find_map(|entry| place.rule(line[entry].load(Ordering::Relaxed))).map(Rule::unpack)
}

/// Remembers a rule; another one may be forgotten.
pub(crate) fn insert(address: u64, rule: Rule) {
    let table = IN_USE.load(Ordering::Relaxed);
    let rules = RULES.get(table).and_then(|rules| rules.get_or_map(len(table)));
    let Some((rules, place)) = rules.zip(Place::of(address)) else { return };
    let Some(line) = place.line(rules, table) else { return };
    let is_free = |word| word == 0 || place.rule(word).is_some();
    let free = place.order().find(|&entry| is_free(line[entry].load(Ordering::Relaxed)));
    // Every word is whole in itself: if another thread takes the same one, one of the rules is forgotten.
    line[free.unwrap_or(place.first())].store(place.tag() | u64::from(rule.pack()), Ordering::Relaxed);
    if free.is_none() && OVERWRITTEN.fetch_add(1, Ordering::Relaxed) > len(table) / 8 && table + 1 < TABLES {
        IN_USE.store(table + 1, Ordering::Relaxed);
        OVERWRITTEN.store(0, Ordering::Relaxed);
    }
}

/// Forgets all rules.
pub(crate) fn clear() {
    let words = RULES.iter().flat_map(|rules| rules.get().unwrap_or_default());
    words.for_each(|word| word.store(0, Ordering::Relaxed));
}

/// Forgets the rules of the code in a range.
pub(crate) fn forget(start: u64, end: u64) {
    if end.saturating_sub(start) > len(TABLES - 1) as u64 {
        return clear();
    }
    let tables = || RULES.iter().enumerate().filter_map(|(table, rules)| Some((table, rules.get()?)));
    for place in (start..end).filter_map(Place::of) {
        for word in tables().filter_map(|(table, rules)| place.line(rules, table)).flatten() {
            let found = word.load(Ordering::Relaxed);
            if place.rule(found).is_some() {
                // If another rule has come there meanwhile, that stays.
                let _ = word.compare_exchange(found, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }
}

/// How many entries a table has.
fn len(table: usize) -> usize {
    LINE << LINE_BITS << table
}

/// Where the rule of an address goes: the address, spread.
#[derive(Clone, Copy)]
struct Place(u64);

impl Place {
    #[inline(always)]
    fn of(address: u64) -> Option<Self> {
        let spread = address.wrapping_mul(SPREAD) & ((1 << ADDRESS_BITS) - 1);
        (address >> ADDRESS_BITS == 0).then_some(Self(spread))
    }

    #[inline(always)]
    fn line(self, rules: &[AtomicU64], table: usize) -> Option<&[AtomicU64; LINE]> {
        let line = (self.0 >> (ADDRESS_BITS - LINE_BITS - table as u32)) as usize;
        rules.get(line * LINE..)?.first_chunk()
    }

    /// The entry that is tried first.
    #[inline(always)]
    fn first(self) -> usize {
        (self.0 >> 24) as usize % LINE
    }

    #[inline(always)]
    fn order(self) -> impl Iterator<Item = usize> {
        (0..LINE).map(move |entry| (self.first() + entry) % LINE)
    }

    /// What is kept of the address.
    #[inline(always)]
    fn tag(self) -> u64 {
        self.0 << rule::BITS
    }

    /// The rule of an entry, if it is of this address.
    #[inline(always)]
    fn rule(self, word: u64) -> Option<u32> {
        let rule = word ^ self.tag();
        (rule != 0 && rule >> rule::BITS == 0).then_some(rule as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Base, Frame};
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// One test at a time: what one forgets, another may be counting.
    fn alone() -> MutexGuard<'static, ()> {
        static TABLES: Mutex<()> = Mutex::new(());
        TABLES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rule(words: i64) -> Rule {
        Rule::Frame(Frame::new(Base::Sp, words * 8, None, None).unwrap())
    }

    #[test]
    fn a_rule_is_found_under_its_own_address_only() {
        let _alone = alone();
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
    fn the_table_grows_with_the_program() {
        let _alone = alone();
        let base = 0x6666_0000_0000;
        let all = 0..len(1) as u64 / 2;
        for _ in 0..4 {
            all.clone()
                .filter(|n| find(base + n * 11).is_none())
                .for_each(|n| insert(base + n * 11, rule(1)));
        }
        let kept = all.clone().filter(|n| find(base + n * 11) == Some(rule(1))).count();
        assert!(kept as u64 > all.end * 9 / 10, "{kept} of {} rules are there", all.end);
    }

    #[test]
    fn rules_of_a_range_are_forgotten_and_no_others() {
        let _alone = alone();
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
            let Place(spread) = Place::of(address).unwrap();
            assert_eq!(spread.wrapping_mul(undo) & ((1 << 48) - 1), address);
        }
    }
}
