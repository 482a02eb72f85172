//! Nothing is evaluated before somebody looks, and nothing twice: told by what the profile counted.

mod support;

use std::sync::Arc;

use bytehound_index::{Cancel, Profile, Selection, Work};
use support::{Captures, printed};

/// What `script` had the profile do.
fn work(profile: &Arc<Profile>, script: &str) -> Work {
    let before = profile.work();
    printed(script, &[Arc::clone(profile)]);
    let after = profile.work();
    Work { selections: after.selections - before.selections, names: after.names - before.names }
}

const NOTHING: Work = Work { selections: 0, names: 0 };

#[test]
fn a_list_that_nobody_looks_at_is_not_evaluated() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let script = r#"
        let large = allocations().only_larger(100).only_passing_through_function("main");
        let other = (large + allocations().only_leaked()) - large;
        let groups = other.group_by_backtrace().sort_by_size().only_all_leaked().take(3);
        graph().add("Large", large).add(other).trim().show_live_allocations();
    "#;
    assert_eq!(work(&profile, script), NOTHING);
}

#[test]
fn equal_plans_are_evaluated_once_whichever_way_and_in_whichever_script_they_are_written() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let first = work(&profile, "println(allocations().only_leaked().only_larger(64)[0]);");
    assert_eq!(first, Work { selections: 2, names: 0 }, "all, and the filtered");
    let again = r#"
        fn large(list) { list.only_larger(64) }
        let leaked = allocations().only_leaked();
        println(large(leaked)[0]);
        println(large(leaked)[1]);
        for allocation in large(data().allocations().only_leaked()) { }
        graph().add(large(leaked)).save();
    "#;
    assert_eq!(work(&profile, again), NOTHING);
}

#[test]
fn a_regular_expression_is_tried_once_on_each_distinct_name() {
    let captures = Captures::new();
    let profile = captures.golden("simulation.decoded");
    let by_function = |list: &str| format!(r#"println({list}.only_passing_through_function("alloc")[0]);"#);
    let first = work(&profile, &by_function("allocations()")).names;
    let groups = profile.groups(&Selection::All, &Cancel::new()).unwrap();
    let frames: usize = groups.iter().map(|group| profile.backtrace(group.backtrace).len()).sum();
    assert!(first > 0 && first < frames as u64, "{first} names in {frames} frames");
    for list in ["allocations().only_leaked()", "allocations().only_larger(10)"] {
        assert_eq!(work(&profile, &by_function(list)).names, 0, "{list}");
    }
    let inverse = r#"println(allocations().only_not_passing_through_function("alloc").len());"#;
    assert_eq!(work(&profile, inverse).names, 0);
    let sources = r#"println(allocations().only_passing_through_source("alloc").len());"#;
    assert!(work(&profile, sources).names > 0, "sources are other names");
}
