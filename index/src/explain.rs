//! How a selection is evaluated, and what was looked into: for people who wonder why an answer takes its time.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::evaluate::{conjunction, evaluate};
use crate::plan::Plan;
use crate::{Cancel, IndexError, Profile, Selection};

/// Nobody reads more steps of a plan.
const STEPS_MAX: usize = 1000;

/// The steps of an evaluation, the last one first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What is done, each step followed by those that come before it.
    pub steps: Vec<Step>,
    /// More steps than anybody reads were left out.
    pub is_cut: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// How many steps wait for this one.
    pub depth: usize,
    /// What is done.
    pub plan: String,
    /// How many allocations it finds.
    pub rows: u64,
    /// What it looks into; `None` for sets that are only put together.
    pub blocks: Option<Blocks>,
    /// Its answer was known before somebody asked how it is found.
    pub is_kept: bool,
}

/// What became of the blocks of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocks {
    /// Columns were read, and rows tested.
    pub tested: usize,
    /// Its extremes say that every row that was asked for passes every test.
    pub taken: usize,
    /// Its extremes say that no row passes, or none was asked for.
    pub skipped: usize,
}

impl Profile {
    /// How a selection is evaluated, and what that looks into. It is evaluated to find out.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn explain(&self, selection: &Selection, cancel: &Cancel) -> Result<Explanation, IndexError> {
        let (steps, is_cut) = steps_of(selection);
        // Asked before any is evaluated: what a step needs is kept from then on.
        let is_kept = |selection: &Selection| self.kept_rows(&selection.digests().of(selection)).is_some();
        let were_kept: Vec<bool> = steps.iter().map(|(selection, _)| is_kept(selection)).collect();
        let explained = steps.into_iter().zip(were_kept).map(|((selection, depth), is_kept)| {
            let (plan, blocks) = self.explain_step(selection, cancel)?;
            let rows = evaluate(self, selection, cancel)?.len();
            Ok(Step { depth, plan, rows, blocks, is_kept })
        });
        Ok(Explanation { steps: explained.collect::<Result<_, IndexError>>()?, is_cut })
    }

    /// What is done, and what it looks into.
    fn explain_step(
        &self,
        selection: &Selection,
        cancel: &Cancel,
    ) -> Result<(String, Option<Blocks>), IndexError> {
        let combined = |how: &str| Ok((how.to_owned(), None));
        match selection {
            Selection::All => Ok((format!("all {} rows", self.row_count()), None)),
            Selection::Filtered { .. } => {
                let (base, predicates) = conjunction(selection, |_| false);
                let plan = Plan::new(self, &predicates, cancel)?;
                let blocks = plan.blocks(evaluate(self, base, cancel)?.as_ref());
                let asked: Vec<_> = predicates.iter().rev().map(ToString::to_string).collect();
                Ok((format!("filter [{}]: {plan}", asked.join(", ")), Some(blocks)))
            }
            Selection::Ungrouped { base, backtraces } => {
                let plan = Plan::of_backtraces(self, backtraces);
                let blocks = plan.blocks(evaluate(self, base, cancel)?.as_ref());
                Ok((format!("groups: {plan}"), Some(blocks)))
            }
            Selection::Union(..) => combined("union"),
            Selection::Difference(..) => combined("difference"),
            Selection::Intersection(..) => combined("intersection"),
        }
    }
}

/// The steps of an evaluation with their depths, each followed by those that come before it; and whether some were left
/// out.
fn steps_of(selection: &Selection) -> (Vec<(&Selection, usize)>, bool) {
    let (mut steps, mut pending) = (Vec::new(), vec![(selection, 0)]);
    while let Some((selection, depth)) = pending.pop() {
        if steps.len() == STEPS_MAX {
            return (steps, true);
        }
        steps.push((selection, depth));
        let operands: Vec<_> = match selection {
            Selection::Filtered { .. } => vec![conjunction(selection, |_| false).0],
            _ => selection.operands().collect(),
        };
        pending.extend(operands.into_iter().rev().map(|operand| (operand, depth + 1)));
    }
    (steps, false)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{:1$}{2}", "", step.depth * 2, step.plan)?;
        }
        f.write_str(if self.is_cut { "\n…" } else { "" })
    }
}
