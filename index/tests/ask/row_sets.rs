//! Sets of rows against sets of numbers.

use std::collections::BTreeSet;

use bytehound_index::{Row, RowSet};
use proptest::prelude::*;

const ROWS: u32 = 200_000;

/// Single rows, runs and whole blocks, so that every form of a block turns up.
fn rows() -> impl Strategy<Value = BTreeSet<u32>> {
    let run = (0..ROWS, prop_oneof![8 => 1u32..5, 3 => 1_000u32..9_000, 2 => Just(1 << 17)], 1u32..4)
        .prop_map(|(start, len, step)| (start..ROWS.min(start + len)).step_by(step as usize));
    prop::collection::vec(run, 0..6).prop_map(|runs| runs.into_iter().flatten().collect())
}

fn set_of(rows: &BTreeSet<u32>) -> RowSet {
    RowSet::of_rows(ROWS, rows.iter().map(|row| Row(*row)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_set_of_rows_is_a_set(a in rows(), b in rows()) {
        let (left, right) = (set_of(&a), set_of(&b));
        prop_assert!(left.iter().map(|row| row.0).eq(a.iter().copied()));
        prop_assert_eq!(left.len(), a.len() as u64);
        prop_assert_eq!(left.is_empty(), a.is_empty());
        prop_assert_eq!(left.union(&right), set_of(&(&a | &b)));
        prop_assert_eq!(left.difference(&right), set_of(&(&a - &b)));
        prop_assert_eq!(left.intersection(&right), set_of(&(&a & &b)));
    }

    #[test]
    fn rows_are_found_by_their_place(a in rows(), places in prop::collection::vec(any::<prop::sample::Index>(), 20)) {
        let (set, sorted) = (set_of(&a), Vec::from_iter(a.iter().copied()));
        prop_assert_eq!(set.nth(a.len() as u64), None);
        prop_assert_eq!(set.nth(u64::MAX), None);
        for place in places.iter().filter(|_| !a.is_empty()) {
            let index = place.index(a.len());
            prop_assert_eq!(set.nth(index as u64), Some(Row(sorted[index])));
            prop_assert!(set.contains(Row(sorted[index])));
        }
        for row in places.iter().map(|place| place.index(ROWS as usize) as u32) {
            prop_assert_eq!(set.contains(Row(row)), a.contains(&row));
        }
        prop_assert!(!set.contains(Row(ROWS)));
    }
}

#[test]
fn everything_and_nothing_take_no_room() {
    let (full, empty) = (RowSet::full(100_000_000), RowSet::empty(100_000_000));
    assert_eq!(full.len(), 100_000_000);
    assert_eq!(full.nth(99_999_999), Some(Row(99_999_999)));
    assert!(empty.is_empty());
    assert!(full.memory_bytes() < 100_000 && empty.memory_bytes() < 100_000);
}
