//! The union type of backtraces: a raw id, an object that has backtraces, or arrays of them.

use std::sync::Arc;

use bytehound_index::{BacktraceId, BacktraceSet, Profile};
use rhai::{Array, Dynamic};

use crate::allocation_list::AllocationList;
use crate::backtrace::{Backtrace, OptionalBacktrace};
use crate::failure::Failure;
use crate::group_list::AllocationGroupList;
use crate::list::List as _;
use crate::map_list::MapList;
use crate::text::type_name;

/// The backtraces of `profile` that `argument` names. Raw ids that the profile doesn't have name nothing.
pub(crate) fn backtrace_ids(profile: &Arc<Profile>, argument: &Dynamic) -> Result<BacktraceSet, Failure> {
    let mut ids = Vec::new();
    collect(profile, argument, &mut ids)?;
    Ok(ids.into())
}

fn collect(profile: &Arc<Profile>, argument: &Dynamic, ids: &mut Vec<BacktraceId>) -> Result<(), Failure> {
    if let Ok(raw) = argument.as_int() {
        ids.extend(u32::try_from(raw).ok().filter(|&id| id < profile.backtrace_count()).map(BacktraceId));
    } else if let Some(backtrace) = argument.read_lock::<Backtrace>() {
        same_file(profile, backtrace.profile())?;
        ids.push(backtrace.id());
    } else if let Some(backtrace) = argument.read_lock::<OptionalBacktrace>() {
        if let Some(backtrace) = &backtrace.0 {
            same_file(profile, backtrace.profile())?;
            ids.push(backtrace.id());
        }
    } else if let Some(list) = argument.read_lock::<MapList>() {
        same_file(profile, list.profile())?;
        ids.extend(list.backtraces());
    } else if let Some(list) = argument.read_lock::<AllocationList>() {
        same_file(profile, list.profile())?;
        ids.extend(list.groups()?.iter().map(|group| group.backtrace));
    } else if let Some(groups) = argument.read_lock::<AllocationGroupList>() {
        same_file(profile, groups.profile())?;
        ids.extend(groups.groups()?.iter().map(|group| group.backtrace));
    } else if let Some(array) = argument.read_lock::<Array>() {
        for element in array.iter() {
            collect(profile, element, ids)?;
        }
    } else {
        return Err(Failure::NotBacktraces(type_name(argument)));
    }
    Ok(())
}

fn same_file(profile: &Arc<Profile>, other: &Arc<Profile>) -> Result<(), Failure> {
    if profile.id() == other.id() { Ok(()) } else { Err(Failure::ForeignBacktraces) }
}
