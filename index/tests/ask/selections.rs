//! Selections, and sums over them.

use std::sync::Arc;

use bytehound_index::{BacktraceId, Cancel, Group, IndexError, Pattern, Predicate, Profile, Row, Selection};
use proptest::prelude::*;

use crate::naive;
use crate::profiles::{profile_of, steps};
use crate::questions::selection;

/// Profiles take longer to make than questions to answer.
const QUESTIONS: usize = 12;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn planned_answers_are_those_of_looking_at_every_row(
        steps in steps(),
        selections in prop::collection::vec(selection(), QUESTIONS),
    ) {
        let asked = profile_of(&steps);
        for selection in &selections {
            check(&asked.profile, selection)?;
        }
    }
}

fn check(profile: &Profile, selection: &Arc<Selection>) -> Result<(), TestCaseError> {
    let cancel = Cancel::new();
    let expected = naive::rows(profile, selection);
    let plan = profile.explain(selection, &cancel).expect("a plan");
    prop_assert_eq!(profile.count(selection, &cancel).expect("a count"), expected.len() as u64, "{}", plan);
    let rows = profile.rows(selection, &cancel).expect("rows");
    prop_assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), Vec::from_iter(expected), "{}", plan);
    let groups = profile.groups(selection, &cancel).expect("groups");
    prop_assert_eq!(groups.to_vec(), groups_of(profile, rows.iter()));
    check_members(profile, selection, &groups)
}

/// The members of groups, found together: all of them, and again with one that comes twice.
fn check_members(
    profile: &Profile,
    selection: &Arc<Selection>,
    groups: &[Group],
) -> Result<(), TestCaseError> {
    let cancel = Cancel::new();
    let member = |group: &Group| Selection::Ungrouped {
        base: Arc::clone(selection),
        backtraces: group.backtrace.into(),
    };
    let members: Vec<Selection> = groups.iter().map(member).collect();
    let all = || members.iter();
    for members in [all().collect::<Vec<_>>(), all().chain(all().take(1)).collect()] {
        let found = profile.rows_of_each(&members, &cancel).expect("rows");
        prop_assert_eq!(found.len(), members.len());
        for (rows, member) in found.iter().zip(members) {
            let expected = naive::rows(profile, member);
            prop_assert_eq!(profile.count(member, &cancel).expect("a count"), expected.len() as u64);
            prop_assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), Vec::from_iter(expected));
        }
    }
    Ok(())
}

fn groups_of(profile: &Profile, rows: impl Iterator<Item = Row>) -> Vec<Group> {
    let allocations: Vec<_> = rows.map(|row| profile.allocation(row)).collect();
    let group = |backtrace: u32| {
        let backtrace = BacktraceId(backtrace);
        let members = || allocations.iter().filter(move |allocation| allocation.backtrace == backtrace);
        let leaked = || members().filter(|allocation| allocation.is_leaked());
        Some(Group {
            backtrace,
            count: members().count() as u64,
            bytes: members().map(|allocation| allocation.size).sum(),
            leaked_count: leaked().count() as u64,
            leaked_bytes: leaked().map(|allocation| allocation.size).sum(),
            min_size: members().map(|allocation| allocation.size).min()?,
            max_size: members().map(|allocation| allocation.size).max()?,
            first_us: members().map(|allocation| allocation.birth_us).min()?,
            last_us: members().map(|allocation| allocation.birth_us).max()?,
        })
    };
    (0..profile.backtrace_count()).filter_map(group).collect()
}

proptest! {
    #[test]
    fn a_selection_survives_being_written_down(selection in selection()) {
        let written = serde_json::to_string(&selection).expect("JSON");
        // JSON has no NaN.
        prop_assume!(!written.contains("share_at_least\":null") && !written.contains("share_at_most\":null"));
        let read: Selection = serde_json::from_str(&written).expect("the same selection");
        prop_assert_eq!(&read, selection.as_ref());
    }
}

#[test]
fn selections_are_equal_when_they_are_described_alike() {
    let leaked = || Selection::all().filtered(Predicate::Leaked);
    assert_eq!(leaked(), leaked());
    assert_ne!(leaked(), Selection::all());
    assert_ne!(leaked(), leaked().filtered(Predicate::Leaked));
    let (a, b) = (leaked(), Selection::all());
    let (forth, back) = (Selection::Difference(a.clone(), b.clone()), Selection::Difference(b, a));
    assert_ne!(forth, back);
}

#[test]
fn a_doubling_selection_is_evaluated_once_a_step() {
    let asked = profile_of(&[]);
    let mut selection = Selection::all();
    for _ in 0..200 {
        selection = Arc::new(Selection::Union(selection.clone(), selection));
    }
    assert_eq!(asked.profile.count(&selection, &Cancel::new()).expect("a count"), 0);
}

#[test]
fn a_selection_may_be_nested_deeper_than_the_stack() {
    let asked = profile_of(&[]);
    let mut selection = Selection::all();
    for _ in 0..100_000 {
        selection = Arc::new(Selection::Union(selection, Selection::all())).filtered(Predicate::Leaked);
    }
    assert_eq!(asked.profile.count(&selection, &Cancel::new()).expect("a count"), 0);
}

#[test]
fn a_cancelled_question_is_not_answered() {
    let asked = profile_of(&[]);
    let cancel = Cancel::new();
    let watched = cancel.clone();
    cancel.cancel();
    let leaked = Selection::all().filtered(Predicate::Leaked);
    assert!(matches!(asked.profile.rows(&leaked, &watched), Err(IndexError::Cancelled)));
    let expired = Cancel::new().with_deadline(std::time::Instant::now());
    assert!(matches!(asked.profile.rows(&leaked, &expired), Err(IndexError::Deadline)));
    assert!(asked.profile.rows(&leaked, &Cancel::new()).is_ok());
}

#[test]
fn what_is_no_regular_expression_or_too_large_is_refused() {
    for regex in ["(", "(a{1000}){1000}"] {
        let refused = Pattern::new(regex)
            .map(Predicate::PassingThroughFunction)
            .expect_err("no regular expression")
            .to_string();
        assert!(refused.contains(regex), "{refused}");
    }
}

#[test]
fn a_plan_says_what_is_looked_at() {
    let asked = profile_of(&[]);
    let small = Selection::all().filtered(Predicate::Leaked);
    let plan = asked.profile.explain(&small, &Cancel::new()).expect("a plan").to_string();
    assert!(plan.starts_with("filter [leaked]: "), "{plan}");
    assert!(plan.ends_with("all 0 rows"), "{plan}");
}
