//! Comparisons of runs.

use std::sync::Arc;

use bytehound_index::{
    BacktraceId, Bound, Cancel, CompareOptions, Comparison, IndexError, Metric, Metrics, Predicate, Profile,
    Selection, Side, StackLevel, compare, compare_selections,
};
use proptest::prelude::*;

use crate::capture::{START, block, id};
use crate::profiles::{Asked, begun, indexed, profile_of, steps};
use crate::questions::selection;

const LEVELS: [StackLevel; 4] = [StackLevel::Exact, StackLevel::Line, StackLevel::File, StackLevel::Function];

fn compared(base: &Run, new: &Run, level: StackLevel) -> Comparison {
    compare(std::slice::from_ref(base), std::slice::from_ref(new), &CompareOptions { level })
        .expect("a comparison")
}

type Run = Arc<Profile>;

fn sum_of_deltas(comparison: &Comparison, metric: Metric) -> i128 {
    comparison.rows.iter().map(|row| i128::from(row.delta.get(metric))).sum()
}

fn check_sums(comparison: &Comparison) -> Result<(), TestCaseError> {
    for metric in Metric::ALL {
        let (base, new) = (comparison.base.get(metric), comparison.new.get(metric));
        prop_assert_eq!(
            sum_of_deltas(comparison, metric),
            i128::from(new) - i128::from(base),
            "{:?}",
            metric
        );
        let side = |sums: fn(&bytehound_index::ComparisonRow) -> Option<Metrics>| -> u64 {
            comparison.rows.iter().filter_map(sums).map(|sums| sums.get(metric)).sum()
        };
        prop_assert_eq!(side(|row| row.base), base, "{:?}", metric);
        prop_assert_eq!(side(|row| row.new), new, "{:?}", metric);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_add_up_to_the_totals(base in steps(), new in steps(), selection in selection()) {
        let (base, new) = (profile_of(&base), profile_of(&new));
        for level in LEVELS {
            let comparison = compared(&base.profile, &new.profile, level);
            check_sums(&comparison)?;
            prop_assert_eq!(comparison.base.leaked_bytes, base.profile.manifest().leaked_bytes);
            prop_assert_eq!(comparison.new.peak_bytes, new.profile.manifest().peak_bytes);
        }
        let side = |asked: &Asked| vec![(asked.profile.clone(), selection.clone())];
        let options = CompareOptions::default();
        let of_selections =
            compare_selections(&side(&base), &side(&new), &options, &Cancel::new()).expect("a comparison");
        check_sums(&of_selections)?;
    }

    #[test]
    fn a_run_does_not_differ_from_itself(steps in steps()) {
        let asked = profile_of(&steps);
        for level in LEVELS {
            let comparison = compared(&asked.profile, &asked.profile, level);
            prop_assert_eq!(comparison.delta, Metrics::<i64>::default());
            prop_assert!(comparison.rows.iter().all(|row| row.delta == Metrics::<i64>::default()));
            prop_assert_eq!(comparison.matched(), (comparison.base, comparison.new));
        }
    }

    #[test]
    fn sides_can_be_swapped(base in steps(), new in steps()) {
        let (base, new) = (profile_of(&base), profile_of(&new));
        let forth = compared(&base.profile, &new.profile, StackLevel::Function);
        let back = compared(&new.profile, &base.profile, StackLevel::Function);
        prop_assert_eq!(forth.rows.len(), back.rows.len());
        for (forth, back) in forth.rows.iter().zip(&back.rows) {
            prop_assert_eq!(forth.key, back.key);
            prop_assert_eq!((forth.base, forth.new), (back.new, back.base));
            for metric in Metric::ALL {
                prop_assert_eq!(forth.delta.get(metric), -back.delta.get(metric));
            }
        }
    }
}

/// Blocks of these sizes at these stacks, never freed.
fn leaking(blocks: &[(u64, u64)]) -> Asked {
    let mut capture = begun();
    for (number, (size, stack)) in (1..).zip(blocks) {
        capture.alloc(id(number), START + number, block(0x1000 * number, *size, *stack));
    }
    indexed(&capture.finish())
}

fn functions(profile: &Profile, backtrace: BacktraceId) -> Vec<&str> {
    profile.backtrace(backtrace).frames().filter_map(|frame| frame.name()).collect()
}

#[test]
fn the_largest_difference_comes_first_and_says_where() {
    let base = leaking(&[(10, 0), (500, 1)]);
    let new = leaking(&[(10, 0), (30, 0), (1_000, 2)]);
    let mut comparison = compared(&base.profile, &new.profile, StackLevel::Function);
    comparison.sort_by(Metric::LeakedBytes);
    let deltas: Vec<_> = comparison.rows.iter().map(|row| row.delta.leaked_bytes).collect();
    assert_eq!(deltas, [1_000, -500, 30]);
    let [grown, gone, both] = [0, 1, 2].map(|row| comparison.rows[row]);
    assert_eq!((grown.base, grown.representative.side), (None, Side::New));
    assert_eq!(
        functions(&new.profile, grown.representative.backtrace),
        ["main", "parse", "read", "grow", "malloc"]
    );
    assert_eq!((gone.new, gone.representative.side), (None, Side::Base));
    assert_eq!(functions(&base.profile, gone.representative.backtrace), ["main", "parse", "malloc"]);
    assert_eq!(both.new.expect("it is on both sides").allocated_count, 2);
    assert_eq!(comparison.matched().1.leaked_bytes, 40);
}

#[test]
fn the_level_says_which_stacks_are_the_same() {
    // Stacks 1 and 3 go through functions of the same name in different files.
    let (base, new) = (leaking(&[(10, 1)]), leaking(&[(10, 3)]));
    assert_eq!(compared(&base.profile, &new.profile, StackLevel::Function).rows.len(), 1);
    assert_eq!(compared(&base.profile, &new.profile, StackLevel::File).rows.len(), 2);
}

#[test]
fn runs_of_a_side_are_summed_up() {
    let (small, large) = (leaking(&[(10, 1)]), leaking(&[(100, 1), (5, 0)]));
    let base = [small.profile.clone(), small.profile.clone()];
    let new = [small.profile.clone(), large.profile.clone()];
    let comparison = compare(&base, &new, &CompareOptions::default()).expect("a comparison");
    assert_eq!((comparison.base.leaked_bytes, comparison.new.leaked_bytes), (20, 115));
    let uneven = compare(&base, &new[..1], &CompareOptions::default());
    assert!(matches!(uneven, Err(IndexError::UnevenSides { base: 2, new: 1 })));
    assert!(compare(&[], &[], &CompareOptions::default()).is_err());
}

#[test]
fn selections_of_one_run_can_be_compared() {
    let asked = leaking(&[(10, 1), (100, 1), (1_000, 0)]);
    let side = |bound| vec![(asked.profile.clone(), Selection::all().filtered(Predicate::Size(bound)))];
    let (small, large) = (side(Bound::AtMost(10)), side(Bound::MoreThan(10)));
    let comparison =
        compare_selections(&small, &large, &CompareOptions::default(), &Cancel::new()).expect("a comparison");
    assert_eq!(comparison.delta.leaked_bytes, 1_090);
    assert_eq!(comparison.delta.allocated_count, 1);
    assert_eq!(comparison.delta.peak_bytes, 1_090);
}

#[test]
fn metrics_are_found_by_their_names() {
    for metric in Metric::ALL {
        assert_eq!(Metric::named(metric.name()), Some(metric));
    }
    assert_eq!(Metric::named("leaks"), None);
}
