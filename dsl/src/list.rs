//! What lists of allocations and lists of maps have in common: each is a set of things of one data file.

use std::sync::Arc;

use bytehound_index::Profile;

use crate::failure::{Answer, Failure};
use crate::library::Library;

pub(crate) trait List: Clone + Send + Sync + 'static {
    /// What a filter asks of an element.
    type Predicate: 'static;
    /// What the reference calls it.
    const NAME: &'static str;
    /// What it is a list of.
    const ELEMENTS: &'static str;
    /// How a script comes by one.
    const SOURCE: &'static str;

    fn profile(&self) -> &Arc<Profile>;
    /// The elements that fulfil `predicate`.
    fn filtered(&self, predicate: Self::Predicate) -> Result<Self, Failure>;
    /// This list and another of the same profile.
    fn combined(&self, other: &Self, operation: SetOperation) -> Self;
}

#[derive(Clone, Copy)]
pub(crate) enum SetOperation {
    Union,
    Difference,
    Intersection,
}

/// Makes `+`, `-` and `&` operators of `L`.
pub(crate) fn register_operators<L: List>(library: &mut Library<'_>) {
    let (list, elements, source) = (L::NAME, L::ELEMENTS, L::SOURCE);
    for (operator, operation, which) in [
        ("+", SetOperation::Union, "are in either list"),
        ("-", SetOperation::Difference, "are in the first list but not in the second"),
        ("&", SetOperation::Intersection, "are in both lists"),
    ] {
        library.operator(
            operator,
            format!("{list} {operator} {list} -> {list}"),
            format!("The {elements} that {which}."),
            format!("{source}.only_larger(64) {operator} {source}.only_leaked()"),
            move |a: L, b: L| -> Answer<L> {
                if a.profile().id() != b.profile().id() {
                    return Err(Failure::ForeignList.into());
                }
                Ok(a.combined(&b, operation))
            },
        );
    }
}
