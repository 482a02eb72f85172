//! A profile of several blocks, so that zones, ranges of blocks and threads come into play.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytehound_index::{
    BacktraceId, Blocks, Bound, Cancel, Grid, Pattern, Predicate, Profile, Row, Selection,
};

use crate::capture::{START, block, id};
use crate::naive;
use crate::profiles::{Asked, STACKS, begun, indexed};

const ALLOCATIONS: u64 = 150_000;
/// Every block is freed this many allocations later, but for every 50th.
const LIVE: u64 = 1_000;

pub(crate) fn large() -> Asked {
    let mut capture = begun();
    for number in 1..=ALLOCATIONS {
        // Sizes grow with time, so that zones differ.
        let body = block(number * 16, number / 100 + number % 7, number % STACKS.len() as u64);
        capture.alloc(id(number), START + number, body);
        if number > LIVE && !(number - LIVE).is_multiple_of(50) {
            capture.free(id(number - LIVE), START + number, (number - LIVE) * 16);
        }
    }
    indexed(&capture.finish())
}

fn selections() -> Vec<Arc<Selection>> {
    let all = Selection::all();
    let late = all.filtered(Predicate::Allocated(Bound::AtLeast(70_000)));
    let short = all.filtered(Predicate::Lifetime(Bound::AtMost(LIVE)));
    vec![
        all.filtered(Predicate::Leaked),
        all.filtered(Predicate::Temporary),
        all.filtered(Predicate::Size(Bound::MoreThan(1_400))),
        all.filtered(Predicate::Size(Bound::LessThan(1))),
        late.filtered(Predicate::Allocated(Bound::AtMost(71_000))),
        late.filtered(Pattern::new("read").map(Predicate::PassingThroughFunction).expect("a word"))
            .filtered(Predicate::Leaked),
        all.filtered(Predicate::AliveAt(vec![66_000])),
        all.filtered(Predicate::Backtraces(BacktraceId(2).into())),
        all.filtered(Predicate::Backtraces(BacktraceId(3).into())).filtered(Predicate::Leaked),
        all.filtered(Predicate::GroupLeaked(Bound::AtLeast(1))),
        short.clone(),
        Arc::new(Selection::Difference(short, late)),
    ]
}

#[test]
fn answers_over_several_blocks_are_those_of_looking_at_every_row() {
    let asked = large();
    let (profile, cancel): (&Profile, _) = (&asked.profile, Cancel::new());
    for selection in selections() {
        let expected = naive::rows(profile, &selection);
        let plan = profile.explain(&selection, &cancel).expect("a plan");
        assert_eq!(profile.count(&selection, &cancel).expect("a count"), expected.len() as u64, "{plan}");
        let rows = profile.rows(&selection, &cancel).expect("rows");
        assert!(rows.iter().map(|row| row.0).eq(expected.iter().copied()), "{plan}");
        let counts: Vec<_> =
            profile.groups(&selection, &cancel).expect("groups").iter().map(|group| group.count).collect();
        assert_eq!(counts, counts_of(profile, &expected), "{plan}");
    }
}

fn counts_of(profile: &Profile, rows: &BTreeSet<u32>) -> Vec<u64> {
    let mut counts = vec![0; profile.backtrace_count() as usize];
    rows.iter().for_each(|row| counts[profile.allocation(Row(*row)).backtrace.0 as usize] += 1);
    counts.retain(|count| *count > 0);
    counts
}

#[test]
fn blocks_that_cannot_match_are_not_read() {
    let (asked, cancel) = (large(), Cancel::new());
    let late = Selection::all().filtered(Predicate::Size(Bound::MoreThan(1_400)));
    let plan = asked.profile.explain(&late, &cancel).expect("a plan");
    let expected =
        "filter [size > 1400]: rows 0..150000 in 3 blocks, 2 of them skipped by their zones; test size";
    assert_eq!(plan.steps[0].plan, expected);
    assert_eq!(plan.steps[0].rows, 10_201);
    assert_eq!(plan.steps[0].blocks, Some(Blocks { tested: 1, taken: 0, skipped: 2 }));
    assert_eq!(plan.steps[0].rows, asked.profile.count(&late, &cancel).expect("a count"));
    let everything = Selection::all().filtered(Predicate::Size(Bound::AtMost(1 << 40)));
    let plan = asked.profile.explain(&everything, &cancel).expect("a plan");
    assert!(!plan.to_string().contains("test size"), "{plan}");
    assert_eq!(plan.steps[0].blocks, Some(Blocks { tested: 0, taken: 3, skipped: 0 }));
    let again = asked.profile.explain(&everything, &cancel).expect("a plan");
    assert!(again.steps[0].is_kept && !plan.steps[0].is_kept);
}

#[test]
fn a_timeline_over_several_blocks_ends_with_what_leaked() {
    let asked = large();
    let grid = Grid { width_us: 100, ..Grid::of(asked.profile.manifest()) };
    let timeline = asked.profile.timeline(&Selection::All, grid, &Cancel::new()).expect("a timeline");
    let last = timeline.points.last().expect("points");
    assert_eq!(last.live_count_end, asked.profile.manifest().leaked_count);
    assert_eq!(last.live_bytes_end, asked.profile.manifest().leaked_bytes);
    let births: u64 = timeline.points.iter().map(|point| point.allocated_count).sum();
    assert_eq!(births, ALLOCATIONS);
}
