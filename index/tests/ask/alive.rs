//! What was alive at a moment, by backtrace.

use std::collections::BTreeMap;

use bytehound_index::{Alive, Cancel, Grid, IndexError, Predicate, Profile, Row, Selection};
use proptest::prelude::*;

use crate::large::large;
use crate::profiles::{profile_of, steps};

/// Every allocation looked at, one by one.
fn looked_at(profile: &Profile, at_us: u64) -> Vec<Alive> {
    let mut alive = BTreeMap::new();
    for allocation in (0..profile.row_count()).map(|row| profile.allocation(Row(row))) {
        if allocation.birth_us <= at_us && allocation.death_us.is_none_or(|death| death > at_us) {
            let entry = alive.entry(allocation.backtrace).or_insert((0, 0));
            *entry = (entry.0 + 1, entry.1 + allocation.size);
        }
    }
    alive.into_iter().map(|(backtrace, (count, bytes))| Alive { backtrace, count, bytes }).collect()
}

/// Moments that matter: around the run's ends, and on both sides of where spans of cells begin.
fn edges(profile: &Profile) -> Vec<u64> {
    let manifest = profile.manifest();
    let span_us = manifest.bucket_width_us * 64;
    let begins = (manifest.start_us / span_us..=manifest.end_us / span_us + 1).map(|span| span * span_us);
    let ends = [0, manifest.start_us, manifest.end_us, u64::MAX];
    begins.chain(ends).flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_alive_is_found_as_if_every_allocation_were_looked_at(
        steps in steps(),
        offsets in prop::collection::vec(0u64..260, 20),
    ) {
        let asked = profile_of(&steps);
        let (profile, cancel) = (&asked.profile, Cancel::new());
        let random = offsets.iter().map(|offset| profile.manifest().start_us - 60 + offset);
        for at in random.chain(edges(profile)) {
            let alive = profile.alive_at(at, &cancel).expect("an answer");
            prop_assert_eq!(&*alive, looked_at(profile, at), "at {}", at);
        }
    }
}

#[test]
fn what_is_alive_is_what_a_selection_and_the_timeline_have_alive() {
    let asked = large();
    let (profile, cancel): (&Profile, _) = (&asked.profile, Cancel::new());
    let manifest = profile.manifest();
    for offset in [0, 1, 999, 1_000, 65_535, 65_536, 66_000, 131_072, 149_999, manifest.runtime_us()] {
        let at = manifest.start_us + offset;
        let alive = profile.alive_at(at, &cancel).expect("an answer");
        let selection = Selection::all().filtered(Predicate::AliveAt(vec![offset]));
        let groups = profile.groups(&selection, &cancel).expect("groups");
        let selected = groups.iter().map(|group| (group.backtrace, group.count, group.bytes));
        assert!(
            selected.eq(alive.iter().map(|alive| (alive.backtrace, alive.count, alive.bytes))),
            "{offset}"
        );
        let until = Grid { start_us: at, end_us: at, width_us: 1 };
        let timeline = profile.timeline(&Selection::All, until, &cancel).expect("a timeline");
        let live = timeline.points.last().map_or(timeline.live_bytes_start, |point| point.live_bytes_end);
        assert_eq!(alive.iter().map(|alive| alive.bytes).sum::<u64>(), live, "{offset}");
    }
}

#[test]
fn a_question_that_nobody_waits_for_is_given_up() {
    let asked = large();
    let cancel = Cancel::new();
    cancel.cancel();
    let refused = asked.profile.alive_at(asked.profile.manifest().end_us, &cancel);
    assert!(matches!(refused, Err(IndexError::Cancelled)), "{refused:?}");
}
