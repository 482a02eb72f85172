//! The union type of maps: a raw id, an object that is or has maps, or arrays of them.

use std::sync::Arc;

use bytehound_index::{MapId, MapSet, Profile};
use rhai::{Array, Dynamic};

use crate::failure::Failure;
use crate::list::List as _;
use crate::map::Map;
use crate::map_list::MapList;
use crate::text::type_name;

/// The maps of `profile` that `argument` names. Raw ids that the profile doesn't have name nothing.
pub(crate) fn map_ids(profile: &Arc<Profile>, argument: &Dynamic) -> Result<MapSet, Failure> {
    let mut ids = Vec::new();
    collect(profile, argument, &mut ids)?;
    Ok(ids.into())
}

fn collect(profile: &Arc<Profile>, argument: &Dynamic, ids: &mut Vec<MapId>) -> Result<(), Failure> {
    if let Ok(raw) = argument.as_int() {
        let id = u32::try_from(raw).ok().map(MapId);
        ids.extend(id.filter(|&id| profile.map(id).is_some()));
    } else if let Some(map) = argument.read_lock::<Map>() {
        same_file(profile, map.profile())?;
        ids.push(map.id());
    } else if let Some(list) = argument.read_lock::<MapList>() {
        same_file(profile, list.profile())?;
        ids.extend(list.maps().iter());
    } else if let Some(array) = argument.read_lock::<Array>() {
        for element in array.iter() {
            collect(profile, element, ids)?;
        }
    } else {
        return Err(Failure::NotMaps(type_name(argument)));
    }
    Ok(())
}

fn same_file(profile: &Arc<Profile>, other: &Arc<Profile>) -> Result<(), Failure> {
    if profile.id() == other.id() { Ok(()) } else { Err(Failure::ForeignMaps) }
}
