//! `Data`: one loaded data file.

use std::sync::Arc;

use bytehound_index::Profile;
use rhai::{Dynamic, Map};

use crate::allocation_list::AllocationList;
use crate::library::Library;
use crate::map_list::MapList;
use crate::session::Session;
use crate::span::Span;

#[derive(Clone)]
pub(crate) struct Data {
    session: Arc<Session>,
    profile: Arc<Profile>,
}

impl Data {
    pub(crate) fn new(session: &Arc<Session>, profile: Arc<Profile>) -> Self {
        Self { session: Arc::clone(session), profile }
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    fn labels(&self) -> Map {
        let labels = &self.profile.manifest().labels;
        labels.iter().map(|(name, value)| (name.as_str().into(), Dynamic::from(value.clone()))).collect()
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Data>("Data");
    library.define(
        "allocations() -> AllocationList",
        "All allocations of this data file.",
        "println(data().allocations().len())",
        |data: &mut Data| AllocationList::all(&data.session, Arc::clone(&data.profile)),
    );
    library.define(
        "maps() -> MapList",
        "All memory maps of this data file.",
        "println(data().maps().len())",
        |data: &mut Data| MapList::all(&data.session, Arc::clone(&data.profile)),
    );
    library.define(
        "runtime() -> Duration",
        "From the start of profiling to the last thing that happened.",
        "println(data().runtime() * 0.5)",
        |data: &mut Data| Span(data.profile.manifest().runtime_us()),
    );
    library.define(
        "id() -> String",
        "The name under which the profile is stored.",
        "println(data().id())",
        |data: &mut Data| data.profile.id().to_string(),
    );
    library.define(
        "executable() -> String",
        "Path of the program that was profiled.",
        "println(data().executable())",
        |data: &mut Data| data.profile.manifest().executable.clone(),
    );
    library.define(
        "labels() -> ObjectMap",
        "The labels that were written into the capture.",
        "println(data().labels())",
        |data: &mut Data| data.labels(),
    );
}
