//! What was done to the heap, step by step.

use std::collections::HashMap;

use bytehound_index::layout::flags;
use bytehound_index::{BacktraceId, Bound, Cancel, Operation, Predicate, Profile, Row, RowSet, Selection};
use proptest::prelude::*;

use crate::golden::{CAPTURES, asked};
use crate::profiles::{profile_of, steps};

/// Checks that each row begins once and ends once if it does, in order of time.
fn check(profile: &Profile, rows: &RowSet) {
    let mut ended: HashMap<Row, bool> = HashMap::new();
    let mut now = 0;
    let birth = |row| profile.allocation(row).birth_us;
    let end = |ended: &mut HashMap<Row, bool>, row| assert_eq!(ended.insert(row, true), Some(false));
    for operation in profile.operations(rows) {
        let at = match operation {
            Operation::Allocate(row) => {
                assert_eq!(ended.insert(row, false), None);
                birth(row)
            }
            Operation::Free(row) => {
                end(&mut ended, row);
                profile.allocation(row).death_us.expect("a death").max(birth(row))
            }
            Operation::Reallocate { old, new } => {
                assert!(profile.allocation(old).has(flags::REALLOCATED));
                end(&mut ended, old);
                assert_eq!(ended.insert(new, false), None);
                birth(new)
            }
        };
        assert!(at >= now, "{operation:?}");
        now = at;
    }
    assert_eq!(ended.len() as u64, rows.len());
    for row in rows.iter() {
        assert_eq!(ended[&row], !profile.allocation(row).is_leaked(), "{row:?}");
    }
}

#[test]
fn steps_of_real_programs_are_complete_and_in_order() {
    for (_, capture) in CAPTURES {
        let asked = asked(capture);
        let cancel = Cancel::new();
        for predicate in [Predicate::Allocated(Bound::AtLeast(0)), Predicate::Size(Bound::AtLeast(100))] {
            let selection = Selection::all().filtered(predicate);
            check(&asked.profile, &asked.profile.rows(&selection, &cancel).expect("rows"));
        }
    }
}

proptest! {
    #[test]
    fn steps_of_random_programs_are_complete_and_in_order(steps in steps(), step in 1_u32..4) {
        let asked = profile_of(&steps);
        let count = asked.profile.row_count();
        let rows = (0..count).step_by(step as usize).map(Row);
        check(&asked.profile, &RowSet::of_rows(count, rows));
    }
}

#[test]
fn backtraces_fulfil_all_conditions() {
    let asked = asked("realloc.decoded.dat");
    let cancel = Cancel::new();
    let found = |predicates: &[Predicate]| asked.profile.backtraces(predicates, &cancel).expect("backtraces");
    assert_eq!(found(&[]).len(), asked.profile.backtrace_count() as usize);
    let deep = Predicate::BacktraceLength(Bound::AtLeast(8));
    let given = Predicate::Backtraces([BacktraceId(0), BacktraceId(5)].into_iter().collect());
    let both = found(&[deep.clone(), given]);
    let naive = [0, 5].map(BacktraceId).into_iter().filter(|id| asked.profile.backtrace(*id).len() >= 8);
    assert_eq!(both, naive.collect());
    assert!(both.len() < found(&[deep]).len());
}
