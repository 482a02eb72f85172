//! Detouring the functions of the allocators that were found.

use super::action::Action;
use super::call::{self, Subject};
use super::found::{Allocator, find_all};
use crate::arch::{Detoured, Refusal};
use crate::detour::{self, Function, Outcome, Planned};
use crate::log::{self, Level};

/// Detours the functions of allocators that no lookup of symbols leads past us, and gives what is missing.
///
/// Call it while no other thread runs.
pub(crate) fn install() -> Vec<String> {
    let mut warnings = Vec::new();
    let mut taken: Vec<u64> = Vec::new();
    for mut allocator in find_all(&mut warnings) {
        // An address may have several names, and may be found in several ways.
        allocator.functions.retain(|(_, _, Function { address, .. })| {
            let is_new = !taken.contains(address);
            taken.push(*address);
            is_new
        });
        let name = allocator.name;
        match detour(&allocator, &mut warnings) {
            Ok(count) => {
                log::say(
                    Level::Debug,
                    format_args!("{count} functions of the program's {name} are detoured"),
                );
            }
            Err(why) => warnings.push(format!("the program's {name} is not recorded: {why}")),
        }
    }
    warnings
}

/// Detours an allocator's functions, and gives their number: all that end blocks, or none.
fn detour(allocator: &Allocator, warnings: &mut Vec<String>) -> Result<usize, String> {
    if allocator.functions.is_empty() {
        return Ok(0);
    }
    let mut planned: Vec<_> = allocator.functions.iter().map(|function| plan(allocator, function)).collect();
    let hook = (call::entry as unsafe extern "C" fn()) as usize as u64;
    let (slots, outcomes) = detour::prepare(&mut planned, hook).map_err(|obstacle| obstacle.to_string())?;
    for ((name, action, _), refusal) in refused(allocator, &outcomes) {
        if action.ends_blocks() {
            return Err(format!("`{name}` cannot be detoured: {refusal}"));
        }
        warnings.push(format!("the program's `{name}` is not recorded: {refusal}"));
    }
    detour::make(&slots, &outcomes).map_err(|obstacle| obstacle.to_string())?;
    Ok(outcomes.iter().filter(|outcome| outcome.is_ok()).count())
}

type Named = (&'static str, Action, Function);

fn refused<'a>(
    allocator: &'a Allocator,
    outcomes: &'a [Outcome],
) -> impl Iterator<Item = (&'a Named, Refusal)> {
    let pairs = allocator.functions.iter().zip(outcomes);
    pairs.filter_map(|(function, outcome)| Some((function, outcome.err()?)))
}

/// The entry refers to what it is told for good.
fn plan(allocator: &Allocator, &(_, action, function): &Named) -> Planned {
    let Allocator { is_jemalloc, usable_size, .. } = *allocator;
    let subject: &Subject = Box::leak(Box::new(Subject { action, is_jemalloc, usable_size }));
    let subject = core::ptr::from_ref(subject).cast();
    Planned { function, detoured: Box::leak(Box::new(Detoured { leaf: 0, original: 0, subject })) }
}
