//! `AllocationList`: a plan for finding allocations, evaluated when something is asked of it.

use std::sync::Arc;

use bytehound_index::{BacktraceSet, Group, Predicate, Profile, RowSet, Selection};

use crate::allocation::Allocation;
use crate::failure::{Answer, Failure};
use crate::flame;
use crate::graph::Graph;
use crate::group_list::AllocationGroupList;
use crate::library::Library;
use crate::list::{self, List, SetOperation};
use crate::session::Session;

#[derive(Clone)]
pub(crate) struct AllocationList {
    session: Arc<Session>,
    profile: Arc<Profile>,
    selection: Arc<Selection>,
}

impl AllocationList {
    pub(crate) fn all(session: &Arc<Session>, profile: Arc<Profile>) -> Self {
        Self { session: Arc::clone(session), profile, selection: Selection::all() }
    }

    pub(crate) fn selection(&self) -> &Arc<Selection> {
        &self.selection
    }

    /// What some groups of this list hold.
    pub(crate) fn of_groups(&self, backtraces: BacktraceSet) -> Self {
        self.selecting(Selection::Ungrouped { base: Arc::clone(&self.selection), backtraces })
    }

    pub(crate) fn rows(&self) -> Result<Arc<RowSet>, Failure> {
        Ok(self.profile.rows(&self.selection, &self.session.cancel())?)
    }

    /// The rows of several lists.
    pub(crate) fn rows_of_each(lists: &[&Self]) -> Result<Vec<Arc<RowSet>>, Failure> {
        let mut rows = Vec::with_capacity(lists.len());
        for run in lists.chunk_by(|a, b| Arc::ptr_eq(&a.profile, &b.profile)) {
            let selections: Vec<&Selection> = run.iter().map(|list| &*list.selection).collect();
            rows.extend(run[0].profile.rows_of_each(&selections, &run[0].session.cancel())?);
        }
        Ok(rows)
    }

    pub(crate) fn len(&self) -> Result<u64, Failure> {
        Ok(self.profile.count(&self.selection, &self.session.cancel())?)
    }

    pub(crate) fn groups(&self) -> Result<Arc<[Group]>, Failure> {
        Ok(self.profile.groups(&self.selection, &self.session.cancel())?)
    }

    fn selecting(&self, selection: Selection) -> Self {
        Self { selection: Arc::new(selection), ..self.clone() }
    }

    fn get(&self, index: i64) -> Result<Allocation, Failure> {
        let rows = self.rows()?;
        let row = u64::try_from(index).ok().and_then(|index| rows.nth(index));
        let row = row.ok_or(Failure::OutOfRange { index, len: rows.len() })?;
        Ok(Allocation::new(&self.profile, row))
    }

    fn save_as_graph(&self, path: Option<&str>) -> Result<Self, Failure> {
        Graph::new(&self.session).with_list(None, self.clone())?.save(path)?;
        Ok(self.clone())
    }

    fn save_as_flame_graph(&self, path: Option<&str>) -> Result<Self, Failure> {
        let picture = flame::of_groups(&self.profile, &self.groups()?)?;
        let path = path.map_or_else(|| self.session.next_flame_graph_name(), str::to_owned);
        self.session.world().write(&path, picture.into_bytes())?;
        Ok(self.clone())
    }
}

impl List for AllocationList {
    type Predicate = Predicate;
    const NAME: &'static str = "AllocationList";
    const ELEMENTS: &'static str = "allocations";
    const SOURCE: &'static str = "allocations()";

    fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    fn filtered(&self, predicate: Predicate) -> Result<Self, Failure> {
        Ok(Self { selection: self.selection.filtered(predicate), ..self.clone() })
    }

    fn combined(&self, other: &Self, operation: SetOperation) -> Self {
        let combine = match operation {
            SetOperation::Union => Selection::Union,
            SetOperation::Difference => Selection::Difference,
            SetOperation::Intersection => Selection::Intersection,
        };
        self.selecting(combine(Arc::clone(&self.selection), Arc::clone(&other.selection)))
    }
}

/// Iterates over the allocations of a list; evaluates the list on the first step.
pub(crate) struct Allocations {
    list: AllocationList,
    rows: Option<Arc<RowSet>>,
    next: u64,
}

impl Iterator for Allocations {
    type Item = Answer<Allocation>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = match &self.rows {
            Some(rows) => rows,
            None => match self.list.rows() {
                Ok(rows) => self.rows.insert(rows),
                Err(failure) => return Some(Err(failure.into())),
            },
        };
        let row = rows.nth(self.next)?;
        self.next += 1;
        Some(Ok(Allocation::new(&self.list.profile, row)))
    }
}

impl IntoIterator for AllocationList {
    type Item = Answer<Allocation>;
    type IntoIter = Allocations;

    fn into_iter(self) -> Allocations {
        Allocations { list: self, rows: None, next: 0 }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<AllocationList>(AllocationList::NAME);
    register_access(library);
    list::register_operators::<AllocationList>(library);
    register_saving(library);
}

fn register_access(library: &mut Library<'_>) {
    library.define(
        "len() -> Integer",
        "How many allocations are in the list.",
        "println(allocations().len())",
        |list: &mut AllocationList| -> Answer<i64> { Ok(list.len()?.cast_signed()) },
    );
    library.describe(
        "[]",
        "AllocationList[index: Integer] -> Allocation",
        "One allocation, in order of time.",
        "println(allocations()[0])",
    );
    library.engine().register_indexer_get(|list: &mut AllocationList, index: i64| -> Answer<Allocation> {
        Ok(list.get(index)?)
    });
    library.describe(
        "for",
        "for allocation in AllocationList",
        "A loop over all allocations, in order of time.",
        "for a in allocations().only_larger(kb(4)) { println(a.size()) }",
    );
    library.engine().register_iterator_result::<AllocationList, Allocation>();
    library.define(
        "group_by_backtrace() -> AllocationGroupList",
        "One group for every backtrace that an allocation of the list has.",
        "allocations().group_by_backtrace()",
        |list: &mut AllocationList| AllocationGroupList::new(list),
    );
}

fn register_saving(library: &mut Library<'_>) {
    library.define(
        "save_as_graph([path: String]) -> AllocationList",
        "Draws the list as a graph; the file is `Graph #N.svg` unless named.",
        "allocations().only_leaked().save_as_graph(\"leaked.svg\")",
        |list: &mut AllocationList| -> Answer<AllocationList> { Ok(list.save_as_graph(None)?) },
    );
    library.overload("save_as_graph", |list: &mut AllocationList, path: &str| -> Answer<AllocationList> {
        Ok(list.save_as_graph(Some(path))?)
    });
    library.define(
        "save_as_flamegraph([path: String]) -> AllocationList",
        "Draws the list as a flame graph of bytes; the file is `Flamegraph #N.svg` unless named.",
        "allocations().only_leaked().save_as_flamegraph(\"leaked.svg\")",
        |list: &mut AllocationList| -> Answer<AllocationList> { Ok(list.save_as_flame_graph(None)?) },
    );
    library.overload(
        "save_as_flamegraph",
        |list: &mut AllocationList, path: &str| -> Answer<AllocationList> {
            Ok(list.save_as_flame_graph(Some(path))?)
        },
    );
}
