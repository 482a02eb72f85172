//! Random selections.

use std::sync::Arc;

use bytehound_index::{BacktraceId, BacktraceSet, Bound, Pattern, Predicate, Selection, Share};
use proptest::prelude::*;

/// Selections of up to a dozen steps.
pub(crate) fn selection() -> impl Strategy<Value = Arc<Selection>> {
    Just(Selection::all()).prop_recursive(6, 12, 2, |inner| {
        let pair = || (inner.clone(), inner.clone());
        prop_oneof![
            6 => (inner.clone(), predicate()).prop_map(|(base, predicate)| base.filtered(predicate)),
            1 => (inner.clone(), backtraces())
                .prop_map(|(base, backtraces)| Arc::new(Selection::Ungrouped { base, backtraces })),
            1 => pair().prop_map(|(a, b)| Arc::new(Selection::Union(a, b))),
            1 => pair().prop_map(|(a, b)| Arc::new(Selection::Difference(a, b))),
            1 => pair().prop_map(|(a, b)| Arc::new(Selection::Intersection(a, b))),
        ]
    })
}

fn predicate() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        rows().boxed(),
        instants().boxed(),
        chains().boxed(),
        stacks().boxed(),
        groups().boxed(),
        allocator().boxed(),
    ]
}

fn rows() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        bound(0..70).prop_map(Predicate::Size),
        bound(0x10_000..0x10_500).prop_map(Predicate::Address),
        (0u32..3).prop_map(Predicate::Marker),
        (1u32..3).prop_map(Predicate::Thread),
    ]
}

fn instants() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        bound(0..150).prop_map(Predicate::Allocated),
        bound(0..150).prop_map(Predicate::Deallocated),
        bound(0..80).prop_map(Predicate::Lifetime),
        instant(0..150).prop_map(Predicate::LeakedOrDeallocatedAfter),
        prop::collection::vec(instant(0..150), 0..3).prop_map(Predicate::AliveAt),
        Just(Predicate::Leaked),
        Just(Predicate::Temporary),
    ]
}

fn chains() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        bound(0..70).prop_map(Predicate::FirstSize),
        bound(0..70).prop_map(Predicate::LastSize),
        bound(0..5).prop_map(Predicate::ChainLength),
        bound(0..80).prop_map(Predicate::ChainLifetime),
        bound(0..5).prop_map(Predicate::ChainPosition),
        Just(Predicate::ChainLeaked),
    ]
}

fn stacks() -> impl Strategy<Value = Predicate> {
    let word = || prop::sample::select(vec!["parse", "read", "main", "grow", "nowhere", ""]);
    let path = || prop::sample::select(vec!["read.c", "other", "/src", "nowhere"]);
    prop_oneof![
        word().prop_map(|word| Pattern::new(word).map(Predicate::PassingThroughFunction).expect("a word")),
        word().prop_map(|word| Pattern::new(word).map(Predicate::NotPassingThroughFunction).expect("a word")),
        path().prop_map(|path| Pattern::new(path).map(Predicate::PassingThroughSource).expect("a path")),
        path().prop_map(|path| Pattern::new(path).map(Predicate::NotPassingThroughSource).expect("a path")),
        (word(), path()).prop_map(|(word, path)| Predicate::PassingThroughFrame {
            function: word.to_owned().try_into().expect("a word"),
            source: path.to_owned().try_into().expect("a path"),
        }),
        bound(0..6).prop_map(Predicate::BacktraceLength),
        backtraces().prop_map(Predicate::Backtraces),
        backtraces().prop_map(Predicate::NotBacktraces),
        backtraces().prop_map(Predicate::DeallocationBacktraces),
        backtraces().prop_map(Predicate::NotDeallocationBacktraces),
    ]
}

fn groups() -> impl Strategy<Value = Predicate> {
    let share = || prop::sample::select(vec![0.0, 0.25, 0.5, 1.0, -1.0, f64::NAN]).prop_map(Share);
    prop_oneof![
        bound(0..20).prop_map(Predicate::GroupAllocations),
        bound(0..150).prop_map(Predicate::GroupInterval),
        bound(0..20).prop_map(Predicate::GroupLeaked),
        share().prop_map(Predicate::GroupLeakedShareAtLeast),
        share().prop_map(Predicate::GroupLeakedShareAtMost),
        bound(0..150).prop_map(Predicate::GroupPeakAt),
    ]
}

fn allocator() -> impl Strategy<Value = Predicate> {
    prop::sample::select(vec![
        Predicate::PtmallocMmaped,
        Predicate::PtmallocNotMmaped,
        Predicate::PtmallocFromMainArena,
        Predicate::PtmallocNotFromMainArena,
        Predicate::Jemalloc,
        Predicate::NotJemalloc,
    ])
}

fn backtraces() -> impl Strategy<Value = BacktraceSet> {
    // One more than there are: a set may name what does not exist.
    prop::collection::vec((0u32..6).prop_map(BacktraceId), 0..4).prop_map(BacktraceSet::from)
}

fn bound(values: std::ops::Range<u64>) -> impl Strategy<Value = Bound> {
    (0u8..4, instant(values)).prop_map(|(side, value)| match side {
        0 => Bound::AtLeast(value),
        1 => Bound::AtMost(value),
        2 => Bound::MoreThan(value),
        _ => Bound::LessThan(value),
    })
}

/// Mostly a value that tells rows apart, now and then one of the extremes.
fn instant(values: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    prop_oneof![20 => values, 1 => Just(0), 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1)]
}
