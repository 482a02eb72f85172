//! `AllocationGroupList`: the allocations of a list by backtrace, with steps that pick and order the groups.

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use bytehound_index::{Group, Profile};

use crate::allocation_list::AllocationList;
use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::list::List as _;

#[derive(Clone, Copy)]
enum Step {
    OnlyAllLeaked,
    OnlyCountAtLeast(u64),
    Sort(Key, Order),
    Take(usize),
}

#[derive(Clone, Copy)]
enum Key {
    Size,
    Count,
}

#[derive(Clone, Copy)]
enum Order {
    Ascending,
    Descending,
}

type Lazy = Arc<OnceLock<Arc<[Group]>>>;

/// Nothing is grouped before a group, the number of groups, or a picture is asked for.
#[derive(Clone)]
pub(crate) struct AllocationGroupList {
    list: AllocationList,
    steps: Vec<Step>,
    /// The groups before any step, shared by all lists that come from one `group_by_backtrace`.
    grouped: Lazy,
    /// The groups after all steps.
    stepped: Lazy,
}

impl AllocationGroupList {
    pub(crate) fn new(list: &AllocationList) -> Self {
        Self { list: list.clone(), steps: Vec::new(), grouped: Lazy::default(), stepped: Lazy::default() }
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        self.list.profile()
    }

    pub(crate) fn groups(&self) -> Result<Arc<[Group]>, Failure> {
        if let Some(groups) = self.stepped.get() {
            return Ok(Arc::clone(groups));
        }
        let grouped = match self.grouped.get() {
            Some(groups) => Arc::clone(groups),
            None => Arc::clone(self.grouped.get_or_init({
                let groups = self.list.groups()?;
                || groups
            })),
        };
        let groups = if self.steps.is_empty() { grouped } else { self.stepped_from(&grouped) };
        Ok(Arc::clone(self.stepped.get_or_init(|| groups)))
    }

    /// The member lists, each with the backtrace that its allocations share.
    pub(crate) fn lists(&self) -> Result<Vec<AllocationList>, Failure> {
        Ok(self.groups()?.iter().map(|group| self.member(group)).collect())
    }

    fn stepped_from(&self, grouped: &[Group]) -> Arc<[Group]> {
        let mut groups = grouped.to_vec();
        for step in &self.steps {
            match *step {
                Step::OnlyAllLeaked => groups.retain(|group| group.leaked_count == group.count),
                Step::OnlyCountAtLeast(count) => groups.retain(|group| group.count >= count),
                // By cached keys, since groups are long: so each moves but once.
                Step::Sort(key, Order::Ascending) => groups.sort_by_cached_key(|group| value(group, key)),
                Step::Sort(key, Order::Descending) => {
                    groups.sort_by_cached_key(|group| Reverse(value(group, key)));
                }
                Step::Take(count) => groups.truncate(count),
            }
        }
        groups.into()
    }

    fn with(&self, step: Step) -> Self {
        let mut next = Self { stepped: Lazy::default(), ..self.clone() };
        next.steps.push(step);
        next
    }

    fn member(&self, group: &Group) -> AllocationList {
        self.list.of_groups(group.backtrace.into())
    }

    fn get(&self, index: i64) -> Result<AllocationList, Failure> {
        let groups = self.groups()?;
        let group = usize::try_from(index).ok().and_then(|index| groups.get(index));
        Ok(self.member(group.ok_or(Failure::OutOfRange { index, len: groups.len() as u64 })?))
    }

    fn ungroup(&self) -> Result<AllocationList, Failure> {
        if self.steps.iter().all(|step| matches!(step, Step::Sort(..))) {
            return Ok(self.list.clone());
        }
        let kept = self.groups()?.iter().map(|group| group.backtrace).collect();
        Ok(self.list.of_groups(kept))
    }
}

fn value(group: &Group, key: Key) -> u64 {
    match key {
        Key::Size => group.bytes,
        Key::Count => group.count,
    }
}

/// Iterates over the member lists.
pub(crate) struct Members {
    groups: AllocationGroupList,
    next: usize,
}

impl Iterator for Members {
    type Item = Answer<AllocationList>;

    fn next(&mut self) -> Option<Self::Item> {
        let groups = match self.groups.groups() {
            Ok(groups) => groups,
            Err(failure) => return Some(Err(failure.into())),
        };
        let group = groups.get(self.next)?;
        self.next += 1;
        Some(Ok(self.groups.member(group)))
    }
}

impl IntoIterator for AllocationGroupList {
    type Item = Answer<AllocationList>;
    type IntoIter = Members;

    fn into_iter(self) -> Members {
        Members { groups: self, next: 0 }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<AllocationGroupList>("AllocationGroupList");
    register_access(library);
    register_filters(library);
    register_sorting(library);
}

fn register_access(library: &mut Library<'_>) {
    library.define(
        "len() -> Integer",
        "How many groups there are.",
        "println(allocations().group_by_backtrace().len())",
        |groups: &mut AllocationGroupList| -> Answer<i64> { Ok(groups.groups()?.len() as i64) },
    );
    library.describe(
        "[]",
        "AllocationGroupList[index: Integer] -> AllocationList",
        "The allocations of one group.",
        "println(allocations().group_by_backtrace()[0].len())",
    );
    library.engine().register_indexer_get(
        |groups: &mut AllocationGroupList, index: i64| -> Answer<AllocationList> { Ok(groups.get(index)?) },
    );
    library.describe(
        "for",
        "for list in AllocationGroupList",
        "A loop over all groups.",
        "for list in allocations().group_by_backtrace() { println(list.len()) }",
    );
    library.engine().register_iterator_result::<AllocationGroupList, AllocationList>();
    library.define(
        "ungroup() -> AllocationList",
        "The allocations of all groups in one list again.",
        "allocations().group_by_backtrace().take(3).ungroup()",
        |groups: &mut AllocationGroupList| -> Answer<AllocationList> { Ok(groups.ungroup()?) },
    );
}

fn register_filters(library: &mut Library<'_>) {
    library.define(
        "only_all_leaked() -> AllocationGroupList",
        "The groups of which every allocation leaked.",
        "allocations().group_by_backtrace().only_all_leaked()",
        |groups: &mut AllocationGroupList| groups.with(Step::OnlyAllLeaked),
    );
    library.define(
        "only_count_at_least(threshold: Integer) -> AllocationGroupList",
        "The groups with at least `threshold` allocations.",
        "allocations().group_by_backtrace().only_count_at_least(10)",
        |groups: &mut AllocationGroupList, count: i64| {
            groups.with(Step::OnlyCountAtLeast(count.cast_unsigned()))
        },
    );
    library.define(
        "take(count: Integer) -> AllocationGroupList",
        "The first `count` groups; all of them when it is negative.",
        "allocations().group_by_backtrace().sort_by_size().take(3)",
        |groups: &mut AllocationGroupList, count: i64| {
            groups.with(Step::Take(usize::try_from(count).unwrap_or(usize::MAX)))
        },
    );
}

fn register_sorting(library: &mut Library<'_>) {
    const SIZE: &str = "The largest sum of sizes first; groups with equal sums keep their order.";
    const COUNT: &str = "The most allocations first; groups with equally many keep their order.";
    for (name, meaning, key, order) in [
        ("sort_by_size", SIZE, Key::Size, Order::Descending),
        ("sort_by_size_descending", SIZE, Key::Size, Order::Descending),
        ("sort_by_size_ascending", "The smallest sum of sizes first.", Key::Size, Order::Ascending),
        ("sort_by_count", COUNT, Key::Count, Order::Descending),
        ("sort_by_count_descending", COUNT, Key::Count, Order::Descending),
        ("sort_by_count_ascending", "The fewest allocations first.", Key::Count, Order::Ascending),
    ] {
        library.operator(
            name,
            "() -> AllocationGroupList",
            meaning,
            format!("allocations().group_by_backtrace().{name}()"),
            move |groups: &mut AllocationGroupList| groups.with(Step::Sort(key, order)),
        );
    }
}
