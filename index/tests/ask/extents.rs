//! Where allocations lie.

use std::ops::Range;

use bytehound_index::{Cancel, IndexError, Profile, Row, RowSet, Selection};
use proptest::prelude::*;

use crate::large::large;
use crate::profiles::{profile_of, steps};
use crate::questions::selection;

fn extent(profile: &Profile, row: Row) -> Range<u64> {
    let allocation = profile.allocation(row);
    let words = if allocation.is_mmaped() { 2 } else { 1 };
    let header = words * u64::from(profile.manifest().pointer_size);
    allocation.address - header..allocation.address + allocation.usable_size()
}

/// Every address looked at, one by one.
fn looked_at(profile: &Profile, rows: &RowSet) -> Vec<u64> {
    let mut addresses: Vec<u64> = rows.iter().flat_map(|row| extent(profile, row)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

proptest! {
    #[test]
    fn ranges_have_the_addresses_of_all_allocations_and_never_touch(
        steps in steps(),
        selection in selection(),
    ) {
        let (asked, cancel) = (profile_of(&steps), Cancel::new());
        let rows = asked.profile.rows(&selection, &cancel).expect("rows");
        let extents = asked.profile.extents(&rows, &cancel).expect("extents");
        prop_assert!(extents.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", extents);
        let addresses: Vec<u64> = extents.into_iter().flatten().collect();
        prop_assert_eq!(addresses, looked_at(&asked.profile, &rows));
    }

    #[test]
    fn the_main_heap_reaches_from_its_first_to_its_last_block(steps in steps()) {
        let (asked, cancel) = (profile_of(&steps), Cancel::new());
        let profile = &asked.profile;
        let rows = (0..profile.row_count()).map(|row| profile.allocation(Row(row)));
        let of_heap: Vec<_> = rows.filter(|row| !row.is_mmaped() && row.in_main_arena()).collect();
        let first = of_heap.iter().min_by_key(|row| row.address);
        let last = of_heap.iter().max_by_key(|row| (row.address, row.row));
        let expected = first.zip(last).map(|(first, last)| {
            extent(profile, first.row).start..last.address + last.usable_size()
        });
        prop_assert_eq!(profile.main_heap(&cancel).expect("an answer"), expected);
    }
}

#[test]
fn nobody_looks_further_when_nobody_waits() {
    let (asked, cancel) = (large(), Cancel::new());
    let rows = asked.profile.rows(&Selection::All, &cancel).expect("rows");
    cancel.cancel();
    assert!(matches!(asked.profile.extents(&rows, &cancel), Err(IndexError::Cancelled)));
    assert!(matches!(asked.profile.main_heap(&cancel), Err(IndexError::Cancelled)));
}
