//! From a selection to its rows: operands first, each distinct one once, and what is already known not again.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::plan::Plan;
use crate::selection::{Digest, Digests};
use crate::{Cancel, IndexError, Predicate, Profile, RowSet, Selection};

/// The rows of `selection`.
pub(crate) fn evaluate(
    profile: &Profile,
    selection: &Selection,
    cancel: &Cancel,
) -> Result<Arc<RowSet>, IndexError> {
    Evaluation { profile, cancel, digests: selection.digests(), known: FxHashMap::default() }.of(selection)
}

struct Evaluation<'a> {
    profile: &'a Profile,
    cancel: &'a Cancel,
    digests: Digests,
    /// Everything this evaluation needed so far, since the profile's cache may drop it in between.
    known: FxHashMap<Digest, Arc<RowSet>>,
}

impl Evaluation<'_> {
    fn of(mut self, root: &Selection) -> Result<Arc<RowSet>, IndexError> {
        let mut pending = vec![root];
        loop {
            self.cancel.check()?;
            let wanted = pending.last().copied().unwrap_or(root);
            if let Some(rows) = self.lookup(wanted) {
                pending.pop();
                if pending.is_empty() {
                    return Ok(rows);
                }
            } else if let Some(missing) = self.step(wanted)? {
                pending.push(missing);
            }
        }
    }

    /// Evaluates `selection`, or says which operand must come first.
    fn step<'s>(&mut self, selection: &'s Selection) -> Result<Option<&'s Selection>, IndexError> {
        let rows = match selection {
            Selection::All => RowSet::full(self.profile.row_count()),
            Selection::Filtered { .. } => {
                let (base, predicates) = conjunction(selection, |base| self.lookup(base).is_some());
                let Some(base_rows) = self.lookup(base) else { return Ok(Some(base)) };
                Plan::new(self.profile, &predicates, self.cancel)?.run(&base_rows, self.cancel)?
            }
            Selection::Ungrouped { base, backtraces } => {
                let Some(base_rows) = self.lookup(base) else { return Ok(Some(base)) };
                Plan::of_backtraces(self.profile, backtraces).run(&base_rows, self.cancel)?
            }
            Selection::Union(a, b) | Selection::Difference(a, b) | Selection::Intersection(a, b) => {
                let Some(left) = self.lookup(a) else { return Ok(Some(a)) };
                let Some(right) = self.lookup(b) else { return Ok(Some(b)) };
                match selection {
                    Selection::Union(..) => left.union(&right),
                    Selection::Difference(..) => left.difference(&right),
                    _ => left.intersection(&right),
                }
            }
        };
        self.profile.work_done().selection();
        let (digest, rows) = (self.digests.of(selection), Arc::new(rows));
        self.profile.keep_rows(digest, &rows);
        self.known.insert(digest, rows);
        Ok(None)
    }

    fn lookup(&mut self, selection: &Selection) -> Option<Arc<RowSet>> {
        let digest = self.digests.of(selection);
        if let Some(rows) = self.known.get(&digest) {
            return Some(Arc::clone(rows));
        }
        let rows = self.profile.kept_rows(&digest)?;
        self.known.insert(digest, Arc::clone(&rows));
        Some(rows)
    }
}

/// The predicates of a chain of filters, last first, down to a base that is none or that `is_known`.
pub(crate) fn conjunction(
    selection: &Selection,
    mut is_known: impl FnMut(&Selection) -> bool,
) -> (&Selection, Vec<&Predicate>) {
    let mut predicates = Vec::new();
    let mut base = selection;
    while let Selection::Filtered { base: next, predicate } = base {
        predicates.push(predicate);
        base = next;
        if is_known(base) {
            break;
        }
    }
    (base, predicates)
}
