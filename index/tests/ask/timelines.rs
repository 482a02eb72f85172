//! Timelines of selections.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytehound_index::{
    Allocation, BacktraceId, Bound, Cancel, Grid, Predicate, Profile, Row, RowSet, Selection, TimeBucket,
    Timeline,
};
use proptest::prelude::*;

use crate::capture::{START, block, id};
use crate::profiles::{Asked, STACKS, begun, indexed, profile_of, steps};
use crate::questions::selection;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn timelines_are_those_of_replaying_every_operation(
        steps in steps(),
        selections in prop::collection::vec(selection(), 4),
        (start, len, width_us) in (0u64..40, 0u64..200, 0u64..30),
    ) {
        let asked = profile_of(&steps);
        let start_us = asked.profile.manifest().start_us - 10 + start;
        let grid = Grid { start_us, end_us: start_us + len, width_us };
        let cancel = Cancel::new();
        for selection in &selections {
            let rows = asked.profile.rows(selection, &cancel).expect("rows");
            let timeline = asked.profile.timeline(selection, grid, &cancel).expect("a timeline");
            prop_assert_eq!(timeline, replayed(&asked.profile, &rows, grid));
        }
    }

    #[test]
    fn every_allocation_belongs_to_the_first_series_that_has_it(
        steps in steps(),
        selections in prop::collection::vec(selection(), 1..4),
    ) {
        let asked = profile_of(&steps);
        let (profile, cancel) = (&asked.profile, Cancel::new());
        let grid = Grid { width_us: 7, ..Grid::of(profile.manifest()) };
        let sets: Vec<Arc<RowSet>> =
            selections.iter().map(|selection| profile.rows(selection, &cancel).expect("rows")).collect();
        let series = profile.series(&sets, grid, &cancel).expect("series");
        for (index, timeline) in series.iter().enumerate() {
            let is_first = |row: &Row| !sets[..index].iter().any(|set| set.contains(*row));
            let own = RowSet::of_rows(profile.row_count(), sets[index].iter().filter(is_first));
            prop_assert_eq!(timeline, &replayed(profile, &own, grid));
        }
    }

    #[test]
    fn a_few_of_many_allocations_do_what_they_do_among_all(
        steps in steps(),
        first in any::<prop::sample::Index>(),
        (start, len, width_us) in (0u64..200, 0u64..4_000, 0u64..30),
    ) {
        let asked = profile_of(&vec![steps; 40].concat());
        let (profile, count) = (&asked.profile, asked.profile.row_count());
        prop_assume!(count > 0);
        let first = first.index(count as usize) as u32;
        let few = RowSet::of_rows(count, (first..first + count / 32).map(Row));
        let start_us = profile.manifest().start_us - 10 + start;
        let grid = Grid { start_us, end_us: start_us + len, width_us };
        let series = profile.series(&[Arc::new(few.clone())], grid, &Cancel::new()).expect("series");
        prop_assert_eq!(&series[0], &replayed(profile, &few, grid));
    }

    #[test]
    fn the_whole_profile_is_answered_from_its_buckets(steps in steps()) {
        let asked = profile_of(&steps);
        let (profile, cancel) = (&asked.profile, Cancel::new());
        let grid = Grid::of(profile.manifest());
        let whole = profile.timeline(&Selection::All, grid, &cancel).expect("a timeline");
        let swept = profile
            .series(&[profile.rows(&Selection::All, &cancel).expect("rows")], grid, &cancel)
            .expect("series");
        // Buckets know the order of operations within a µs, and with it a higher or lower live maximum; nothing else.
        let sums = |timeline: &Timeline| -> Vec<[u64; 8]> {
            timeline.points.iter().map(|point| [
                point.index, point.allocated_count, point.allocated_bytes, point.freed_count, point.freed_bytes,
                point.reallocated_count, point.live_bytes_end, point.live_count_end,
            ]).collect()
        };
        if births_come_first(profile) {
            prop_assert_eq!(sums(&whole), sums(&swept[0]));
        }
    }
}

/// Sizes of all orders, and blocks that live from a few µs to all of the time.
fn of_all_kinds() -> Asked {
    const SIZES: [u64; 12] =
        [0, 1, 8, 65_533, 65_534, 65_535, 65_536, 1 << 23, (1 << 24) - 1, 1 << 24, 1 << 40, 33];
    let (mut capture, mut live, mut random) = (begun(), Vec::new(), 1_u64);
    for number in 1..=300_000 {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        // Large ones are rare, so that most lanes have none.
        let kind = if number % 5_000 < 4_900 { random >> 33 & 1 } else { random >> 33 };
        let size = SIZES[kind as usize % SIZES.len()] + if kind < 2 { random >> 60 } else { 0 };
        let now = START + number / 3;
        capture.alloc(id(number), now, block(number * 16, size, (random >> 40) % STACKS.len() as u64));
        live.push(number);
        // What is old stays for long: the youngest die first, and the oldest at the end.
        while live.len() as u64 > 1_000 && random >> 50 & 7 != 0 {
            let youth = live.len() - 1 - (random >> 20) as usize % 900;
            let dead = live.swap_remove(youth);
            capture.free(id(dead), now, dead * 16);
            random = random.rotate_left(7);
        }
    }
    live.drain(..live.len() / 2).for_each(|number| {
        capture.free(id(number), START + 100_001, number * 16);
    });
    indexed(&capture.finish())
}

#[test]
fn timelines_of_all_sizes_and_lives_are_those_of_replaying_every_operation() {
    let (asked, cancel) = (of_all_kinds(), Cancel::new());
    let (profile, all) = (&asked.profile, Selection::all());
    let whole = Grid::of(profile.manifest());
    let late = Grid { start_us: whole.start_us + 70_000, end_us: whole.end_us - 10, width_us: 1_234 };
    for predicate in [
        Predicate::Size(Bound::AtMost(1 << 50)),
        Predicate::Backtraces(BacktraceId(2).into()),
        Predicate::Size(Bound::MoreThan(30)),
        Predicate::Allocated(Bound::AtMost(60_000)),
    ] {
        let selection = all.filtered(predicate);
        let rows = profile.rows(&selection, &cancel).expect("rows");
        for grid in [whole, late, Grid { width_us: 1_000_000, ..whole }, Grid { width_us: 7, ..late }] {
            let timeline = profile.timeline(&selection, grid, &cancel).expect("a timeline");
            assert_eq!(timeline, replayed(profile, &rows, grid), "{selection:?} on {grid:?}");
        }
    }
}

/// Where clocks disagree, a block can die before it is born, or before the profile begins.
fn births_come_first(profile: &Profile) -> bool {
    (0..profile.row_count()).map(|row| profile.allocation(Row(row))).all(|allocation| {
        allocation.birth_us >= profile.manifest().start_us
            && allocation.death_us.is_none_or(|death| death >= allocation.birth_us)
    })
}

/// (µs, phase, row that orders it, birth after death)
type Moment = (u64, u8, u32, bool);

fn replayed(profile: &Profile, rows: &RowSet, grid: Grid) -> Timeline {
    let mut operations: Vec<(Moment, Allocation)> = Vec::new();
    for allocation in rows.iter().map(|row| profile.allocation(row)) {
        operations.push(((allocation.birth_us, 1, allocation.row.0, true), allocation));
        if let Some(death) = allocation.death_us {
            operations.push((death_moment(profile, rows, &allocation, death), allocation));
        }
    }
    operations.retain(|(moment, _)| moment.0 <= grid.end_us);
    operations.sort_by_key(|(moment, _)| *moment);
    let (mut live_bytes, mut live_count, mut start) = (0, 0, (0, 0));
    let mut points = BTreeMap::new();
    for ((at, _, _, is_birth), allocation) in operations {
        if is_birth {
            live_bytes += allocation.size;
            live_count += 1;
        } else {
            live_bytes -= allocation.size;
            live_count -= 1;
        }
        if at < grid.start_us {
            start = (live_bytes, live_count);
            continue;
        }
        let index = at / grid.width_us.max(1);
        let point = points.entry(index).or_insert(TimeBucket { index, ..TimeBucket::default() });
        if is_birth {
            point.allocated_count += 1;
            point.allocated_bytes += allocation.size;
            point.reallocated_count +=
                u64::from(predecessor(profile, &allocation).is_some_and(|row| rows.contains(row)));
        } else {
            point.freed_count += 1;
            point.freed_bytes += allocation.size;
        }
        point.live_bytes_end = live_bytes;
        point.live_bytes_max = point.live_bytes_max.max(live_bytes);
        point.live_count_end = live_count;
        point.live_count_max = point.live_count_max.max(live_count);
    }
    let points = points.into_values().collect();
    Timeline { grid, live_bytes_start: start.0, live_count_start: start.1, points }
}

fn death_moment(profile: &Profile, rows: &RowSet, allocation: &Allocation, death: u64) -> Moment {
    if death > allocation.birth_us {
        return (death, 0, allocation.row.0, false);
    }
    let replaced_at_once = |row: &Row| {
        rows.contains(*row)
            && *row > allocation.row
            && profile.allocation(*row).birth_us == allocation.birth_us
    };
    match neighbour(profile, allocation, 1).filter(replaced_at_once) {
        Some(successor) => (allocation.birth_us, 1, successor.0, false),
        None => (allocation.birth_us, 2, allocation.row.0, false),
    }
}

fn predecessor(profile: &Profile, allocation: &Allocation) -> Option<Row> {
    neighbour(profile, allocation, -1)
}

/// The row that stands `step` places further in the chain.
fn neighbour(profile: &Profile, allocation: &Allocation, step: i64) -> Option<Row> {
    if allocation.chain.length == 1 {
        return None;
    }
    let is_neighbour = |row: &Row| {
        let other = profile.allocation(*row).chain;
        other.first == allocation.chain.first
            && i64::from(other.position) == i64::from(allocation.chain.position) + step
    };
    (0..profile.row_count()).map(Row).find(is_neighbour)
}

#[test]
fn a_realloc_takes_the_place_of_the_old_block_at_once() {
    use crate::capture::EPOCH_US;
    let mut capture = begun();
    capture
        .alloc(id(1), START, block(0x100, 100, 0))
        .realloc(id(1), START, 0x100, block(0x200, 150, 0))
        .realloc(id(1), START + 5, 0x200, block(0x300, 400, 0));
    let asked = indexed(&capture.finish());
    let grid = Grid { start_us: EPOCH_US, end_us: u64::MAX, width_us: 1 };
    let all = asked.profile.timeline(&Selection::All, grid, &Cancel::new()).expect("a timeline");
    let maxima: Vec<_> =
        all.points.iter().map(|point| (point.live_bytes_max, point.reallocated_count)).collect();
    assert_eq!(maxima, [(150, 1), (400, 1)]);
}

#[test]
fn only_one_bucket_gets_a_point_before_it() {
    use crate::capture::EPOCH_US;
    let mut capture = begun();
    capture.alloc(id(1), START, block(0x100, 100, 0)).alloc(id(2), START, block(0x200, 7, 0));
    capture.free(id(1), START, 0x100);
    let asked = indexed(&capture.finish());
    let all = asked.profile.compatible_timeline(&Selection::All, &Cancel::new()).expect("a timeline");
    let at = EPOCH_US + START;
    assert_eq!(all.xs, [(at - 1) / 1000, at / 1000, (at + 1) / 1000]);
    assert_eq!(all.allocated_size, [0, 107, 7]);
    assert_eq!(all.size_delta, [0, 107, -100]);
    assert_eq!(all.count_delta, [0, 2, -1]);
    assert_eq!(all.allocations, [0, 2, 0]);
    assert_eq!(all.deallocations, [0, 1, 0]);
    let none = Selection::all().filtered(Predicate::Marker(77));
    let nothing = asked.profile.compatible_timeline(&none, &Cancel::new()).expect("a timeline");
    assert!(nothing.xs.is_empty());
}
