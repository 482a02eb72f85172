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
        let mut explanation = Explanation { steps: Vec::new(), is_cut: false };
        let mut pending = vec![(selection, 0)];
        while let Some((selection, depth)) = pending.pop() {
            if explanation.steps.len() == STEPS_MAX {
                explanation.is_cut = true;
                break;
            }
            let is_kept = self.kept_rows(&selection.digests().of(selection)).is_some();
            let (plan, blocks, operands) = self.explain_step(selection, cancel)?;
            let rows = evaluate(self, selection, cancel)?.len();
            explanation.steps.push(Step { depth, plan, rows, blocks, is_kept });
            pending.extend(operands.into_iter().rev().map(|operand| (operand, depth + 1)));
        }
        Ok(explanation)
    }

    /// What is done, what it looks into, and what must be known before.
    fn explain_step<'s>(
        &self,
        selection: &'s Selection,
        cancel: &Cancel,
    ) -> Result<(String, Option<Blocks>, Vec<&'s Selection>), IndexError> {
        let combined = |how: &str| Ok((how.to_owned(), None, selection.operands().collect()));
        match selection {
            Selection::All => Ok((format!("all {} rows", self.row_count()), None, Vec::new())),
            Selection::Filtered { .. } => {
                let (base, predicates) = conjunction(selection, |_| false);
                let plan = Plan::new(self, &predicates, cancel)?;
                let blocks = plan.blocks(evaluate(self, base, cancel)?.as_ref());
                let asked: Vec<_> = predicates.iter().rev().map(ToString::to_string).collect();
                Ok((format!("filter [{}]: {plan}", asked.join(", ")), Some(blocks), vec![base]))
            }
            Selection::Ungrouped { base, backtraces } => {
                let plan = Plan::of_backtraces(self, backtraces);
                let blocks = plan.blocks(evaluate(self, base, cancel)?.as_ref());
                Ok((format!("groups: {plan}"), Some(blocks), vec![base]))
            }
            Selection::Union(..) => combined("union"),
            Selection::Difference(..) => combined("difference"),
            Selection::Intersection(..) => combined("intersection"),
        }
    }
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
