//! Random scripts over random small profiles find what looking at every allocation finds, in the same order.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../index/tests/build/capture.rs"]
#[expect(dead_code, reason = "only what these tests write")]
mod capture;
#[path = "../../index/tests/ask/naive.rs"]
mod naive;
#[path = "../../index/tests/ask/profiles.rs"]
mod profiles;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytehound_index::{Allocation, BacktraceId, Bound, Pattern, Predicate, Profile, Row, Selection, Share};
use proptest::prelude::*;
use support::printed;

/// Profiles take longer to make than scripts to run.
const SCRIPTS: usize = 8;

/// A list as a script writes it, and what it means.
#[derive(Clone, Debug)]
enum List {
    All,
    Filtered(Arc<List>, String, Predicate),
    Combined(Arc<List>, char, Arc<List>),
    /// Groups of a list, and what becomes of them.
    Grouped(Arc<List>, Vec<Step>, Pick),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    AllLeaked,
    CountAtLeast(u64),
    Take(i64),
    /// By size or else by count, ascending or else descending.
    Sort {
        by_size: bool,
        ascending: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum Pick {
    Ungroup,
    /// One group, by its place modulo the number of groups.
    Group(usize),
}

fn list() -> impl Strategy<Value = Arc<List>> {
    Just(Arc::new(List::All)).prop_recursive(5, 10, 2, |inner| {
        let steps = prop::collection::vec(step(), 0..4);
        let pick = prop_oneof![Just(Pick::Ungroup), any::<usize>().prop_map(Pick::Group)];
        let set = (inner.clone(), prop::sample::select(vec!['+', '-', '&']), inner.clone());
        prop_oneof![
            6 => (inner.clone(), filter()).prop_map(|(base, (call, meaning))| List::Filtered(base, call, meaning)),
            2 => set.prop_map(|(a, operator, b)| List::Combined(a, operator, b)),
            2 => (inner, steps, pick).prop_map(|(base, steps, pick)| List::Grouped(base, steps, pick)),
        ]
        .prop_map(Arc::new)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::AllLeaked),
        (0u64..6).prop_map(Step::CountAtLeast),
        (-1i64..6).prop_map(Step::Take),
        (any::<bool>(), any::<bool>()).prop_map(|(by_size, ascending)| Step::Sort { by_size, ascending }),
    ]
}

/// Any filter that is registered, with an argument of its kind.
fn filter() -> impl Strategy<Value = (String, Predicate)> {
    let entries = bytehound_dsl::reference().into_iter().filter(|entry| entry.receiver == "AllocationList");
    let filters = entries.filter(|entry| entry.name.starts_with("only_") && entry.name != "only_from_maps");
    let filters: Vec<_> = filters.map(|entry| (entry.name, entry.signature)).collect();
    let numbers = (0u64..150, 0u64..4, prop::collection::vec(0i64..6, 0..4), 0usize..6);
    (prop::sample::select(filters), numbers).prop_map(|((name, signature), (number, nth, ids, word))| {
        let parameter = signature.split_once(')').unwrap().0;
        match parameter.split_once(": ").map_or("", |(_, of)| of) {
            "" => (format!("{name}()"), plain(name)),
            "Integer" => {
                let number = small(name, number);
                (format!("{name}({number})"), ranged(name, number))
            }
            "Duration" => (format!("{name}(us({number}))"), ranged(name, number)),
            "[Duration]" => {
                let instants = vec![number, number.saturating_sub(nth)];
                (format!("{name}([us({}), us({})])", instants[0], instants[1]), Predicate::AliveAt(instants))
            }
            "String" => {
                let word = ["parse", "read", "main", "grow", "read.c", "nowhere"][word];
                (format!("{name}(\"{word}\")"), passing(name, word))
            }
            "Integer|Float" if nth < 2 => (format!("{name}({})", number % 20), ranged(name, number % 20)),
            "Integer|Float" => {
                let share = [0.0, 0.25, 0.5, 1.0][word % 4];
                (format!("{name}({share:?})"), shared(name, Share(share)))
            }
            _ => (format!("{name}({ids:?})"), matching(name, &ids)),
        }
    })
}

/// Numbers that tell rows apart.
fn small(name: &str, number: u64) -> u64 {
    match name {
        _ if name.contains("size") || name.contains("larger") || name.contains("smaller") => number % 70,
        _ if name.contains("address") => 0x10_000 + number * 8,
        _ if name.contains("group") => number % 20,
        _ => number % 6,
    }
}

/// What a filter asks by the words of its name, as the list of exact predicates has it.
fn ranged(name: &str, value: u64) -> Predicate {
    let bounds = [
        ("_at_least", Bound::AtLeast(value)),
        ("_at_most", Bound::AtMost(value)),
        ("larger_or_equal", Bound::AtLeast(value)),
        ("smaller_or_equal", Bound::AtMost(value)),
        ("larger", Bound::MoreThan(value)),
        ("smaller", Bound::LessThan(value)),
    ];
    let (stem, bound) = bounds
        .into_iter()
        .find_map(|(suffix, bound)| Some((name.strip_suffix(suffix)?, bound)))
        .unwrap_or((name, Bound::AtLeast(value)));
    match stem {
        "only_" => Predicate::Size(bound),
        "only_first_size_" => Predicate::FirstSize(bound),
        "only_last_size_" => Predicate::LastSize(bound),
        "only_address" => Predicate::Address(bound),
        "only_backtrace_length" => Predicate::BacktraceLength(bound),
        "only_chain_length" => Predicate::ChainLength(bound),
        "only_position_in_chain" => Predicate::ChainPosition(bound),
        "only_group_allocations" => Predicate::GroupAllocations(bound),
        "only_group_leaked_allocations" => Predicate::GroupLeaked(bound),
        "only_with_marker" => Predicate::Marker(value as u32),
        "only_allocated_after" | "only_allocated_until" => Predicate::Allocated(bound),
        "only_deallocated_after" | "only_deallocated_until" => Predicate::Deallocated(bound),
        "only_leaked_or_deallocated_after" => Predicate::LeakedOrDeallocatedAfter(value),
        "only_alive_for" => Predicate::Lifetime(bound),
        "only_chain_alive_for" => Predicate::ChainLifetime(bound),
        "only_group_interval" => Predicate::GroupInterval(bound),
        "only_group_max_total_usage_first_seen" => Predicate::GroupPeakAt(bound),
        other => panic!("no meaning is written down for `{other}`"),
    }
}

fn plain(name: &str) -> Predicate {
    match name {
        "only_leaked" => Predicate::Leaked,
        "only_temporary" => Predicate::Temporary,
        "only_chain_leaked" => Predicate::ChainLeaked,
        "only_ptmalloc_mmaped" => Predicate::PtmallocMmaped,
        "only_ptmalloc_not_mmaped" => Predicate::PtmallocNotMmaped,
        "only_ptmalloc_from_main_arena" => Predicate::PtmallocFromMainArena,
        "only_ptmalloc_not_from_main_arena" => Predicate::PtmallocNotFromMainArena,
        "only_jemalloc" => Predicate::Jemalloc,
        "only_not_jemalloc" => Predicate::NotJemalloc,
        other => panic!("no meaning is written down for `{other}`"),
    }
}

fn passing(name: &str, word: &str) -> Predicate {
    let pattern = Pattern::new(word).unwrap();
    match name {
        "only_passing_through_function" => Predicate::PassingThroughFunction(pattern),
        "only_not_passing_through_function" => Predicate::NotPassingThroughFunction(pattern),
        "only_passing_through_source" => Predicate::PassingThroughSource(pattern),
        "only_not_passing_through_source" => Predicate::NotPassingThroughSource(pattern),
        other => panic!("no meaning is written down for `{other}`"),
    }
}

fn shared(name: &str, share: Share) -> Predicate {
    match name {
        "only_group_leaked_allocations_at_least" => Predicate::GroupLeakedShareAtLeast(share),
        "only_group_leaked_allocations_at_most" => Predicate::GroupLeakedShareAtMost(share),
        other => panic!("no meaning is written down for `{other}`"),
    }
}

fn matching(name: &str, ids: &[i64]) -> Predicate {
    let ids = ids.iter().map(|id| BacktraceId(*id as u32)).collect();
    match name {
        "only_matching_backtraces" => Predicate::Backtraces(ids),
        "only_not_matching_backtraces" => Predicate::NotBacktraces(ids),
        "only_matching_deallocation_backtraces" => Predicate::DeallocationBacktraces(ids),
        "only_not_matching_deallocation_backtraces" => Predicate::NotDeallocationBacktraces(ids),
        other => panic!("no meaning is written down for `{other}`"),
    }
}

impl List {
    /// As a script writes it, and as the naive evaluation understands it.
    fn written(&self, profile: &Profile) -> (String, Arc<Selection>) {
        match self {
            Self::All => ("allocations()".to_owned(), Selection::all()),
            Self::Filtered(base, call, meaning) => {
                let (text, base) = base.written(profile);
                (format!("{text}.{call}"), base.filtered(meaning.clone()))
            }
            Self::Combined(a, operator, b) => {
                let ((left, a), (right, b)) = (a.written(profile), b.written(profile));
                let combined = match operator {
                    '+' => Selection::Union(a, b),
                    '-' => Selection::Difference(a, b),
                    _ => Selection::Intersection(a, b),
                };
                (format!("({left} {operator} {right})"), Arc::new(combined))
            }
            Self::Grouped(base, steps, pick) => {
                let (text, base) = base.written(profile);
                let groups = stepped(profile, &base, steps);
                let text = format!("{text}.group_by_backtrace(){}", steps_text(steps));
                let (text, kept) = match *pick {
                    Pick::Group(place) if !groups.is_empty() => {
                        let place = place % groups.len();
                        (format!("{text}[{place}]"), vec![groups[place].0])
                    }
                    _ => (format!("{text}.ungroup()"), groups.iter().map(|group| group.0).collect()),
                };
                (text, Arc::new(Selection::Ungrouped { base, backtraces: kept.into() }))
            }
        }
    }
}

fn steps_text(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut text, step| {
        _ = match *step {
            Step::AllLeaked => write!(text, ".only_all_leaked()"),
            Step::CountAtLeast(count) => write!(text, ".only_count_at_least({count})"),
            Step::Take(count) => write!(text, ".take({count})"),
            Step::Sort { by_size, ascending } => write!(
                text,
                ".sort_by_{}_{}()",
                if by_size { "size" } else { "count" },
                if ascending { "ascending" } else { "descending" }
            ),
        };
        text
    })
}

/// The allocations of a selection in their default order, by time and then by id.
fn allocations(profile: &Profile, selection: &Selection) -> Vec<Allocation> {
    let rows = naive::rows(profile, selection).into_iter();
    let mut allocations: Vec<_> = rows.map(|row| profile.allocation(Row(row))).collect();
    allocations.sort_by_key(|allocation| (allocation.birth_us, allocation.id));
    allocations
}

/// The groups that are left, each with its allocations.
fn stepped(profile: &Profile, base: &Selection, steps: &[Step]) -> Vec<(BacktraceId, Vec<Allocation>)> {
    let mut by_backtrace: BTreeMap<BacktraceId, Vec<Allocation>> = BTreeMap::new();
    for allocation in allocations(profile, base) {
        by_backtrace.entry(allocation.backtrace).or_default().push(allocation);
    }
    let mut groups = Vec::from_iter(by_backtrace);
    for step in steps {
        match *step {
            Step::AllLeaked => {
                groups.retain(|(_, members)| members.iter().all(|member| member.death_us.is_none()));
            }
            Step::CountAtLeast(count) => groups.retain(|(_, members)| members.len() as u64 >= count),
            Step::Take(count) => groups.truncate(usize::try_from(count).unwrap_or(usize::MAX)),
            Step::Sort { by_size, ascending } => groups.sort_by_key(|(_, members)| {
                let size = members.iter().map(|member| member.size).sum::<u64>();
                let key = if by_size { size } else { members.len() as u64 };
                if ascending { i128::from(key) } else { -i128::from(key) }
            }),
        }
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_list_has_the_allocations_that_looking_at_each_finds_and_in_their_order(
        steps in profiles::steps(),
        lists in prop::collection::vec(list(), SCRIPTS),
    ) {
        let asked = profiles::profile_of(&steps);
        for list in &lists {
            let (text, selection) = list.written(&asked.profile);
            let script = format!("let list = {text}; println(list.len()); for a in list {{ println(a.address()); }}");
            let expected = allocations(&asked.profile, &selection);
            let addresses = expected.iter().map(|allocation| allocation.address);
            let expected: Vec<_> =
                std::iter::once(expected.len() as u64).chain(addresses).map(|line| line.to_string()).collect();
            let found = printed(&script, &[Arc::clone(&asked.profile)]);
            prop_assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{}", text);
        }
    }

    #[test]
    fn groups_are_those_of_looking_at_each_allocation_and_in_their_order(
        steps in profiles::steps(),
        asked_for in prop::collection::vec((list(), prop::collection::vec(step(), 0..5)), SCRIPTS),
    ) {
        let asked = profiles::profile_of(&steps);
        for (list, steps) in &asked_for {
            let (text, selection) = list.written(&asked.profile);
            let script = format!(
                "for group in {text}.group_by_backtrace(){} {{ println(\"{{}} {{}}\", group.len(), group[0].address()); }}",
                steps_text(steps)
            );
            let groups = stepped(&asked.profile, &selection, steps);
            let expected: Vec<_> =
                groups.iter().map(|(_, members)| format!("{} {}", members.len(), members[0].address)).collect();
            let found = printed(&script, &[Arc::clone(&asked.profile)]);
            prop_assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{}", text);
        }
    }
}
