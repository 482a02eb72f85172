//! `Backtrace`: the call stack of an allocation, and its stripped form.

use std::fmt;
use std::sync::Arc;

use bytehound_index::{BacktraceId, Profile};

use crate::failure::{Answer, Failure};
use crate::library::Library;

#[derive(Clone)]
pub(crate) struct Backtrace {
    profile: Arc<Profile>,
    id: BacktraceId,
    stripped: bool,
}

impl Backtrace {
    pub(crate) fn new(profile: &Arc<Profile>, id: BacktraceId) -> Self {
        Self { profile: Arc::clone(profile), id, stripped: false }
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    pub(crate) fn id(&self) -> BacktraceId {
        self.id
    }

    fn strip(&self) -> Self {
        Self { stripped: true, ..self.clone() }
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backtrace = self.profile.backtrace(self.id);
        let (mut stripped, mut all) = (backtrace.stripped(), backtrace.frames().enumerate());
        let frames: &mut dyn Iterator<Item = _> = if self.stripped { &mut stripped } else { &mut all };
        let mut separator = "";
        for (number, frame) in frames {
            write!(f, "{separator}#{number:02} {frame}")?;
            separator = "\n";
        }
        Ok(())
    }
}

/// A script's `Option<Backtrace>`: where a map was made, if that was seen.
#[derive(Clone)]
pub(crate) struct OptionalBacktrace(pub(crate) Option<Backtrace>);

impl fmt::Display for OptionalBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(backtrace) => backtrace.fmt(f),
            None => f.write_str("None"),
        }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Backtrace>("Backtrace");
    library.define(
        "strip() -> Backtrace",
        "The same backtrace printed without the frames of the language's runtime, and without the inside of a growing \
         vector. The other frames keep their numbers.", "println(allocations()[0].backtrace().strip())",
        |backtrace: &mut Backtrace| backtrace.strip(),
    );
    register_optional(library);
}

fn register_optional(library: &mut Library<'_>) {
    library.object::<OptionalBacktrace>("Option<Backtrace>");
    library.define(
        "is_some() -> Boolean",
        "Whether there is a backtrace.",
        "println(maps()[0].backtrace().is_some())",
        |o: &mut OptionalBacktrace| o.0.is_some(),
    );
    library.define(
        "is_none() -> Boolean",
        "Whether there is none.",
        "println(maps()[0].backtrace().is_none())",
        |o: &mut OptionalBacktrace| o.0.is_none(),
    );
    library.define(
        "unwrap() -> Backtrace",
        "The backtrace; an error when there is none.",
        "for map in maps() { if map.backtrace().is_some() { println(map.backtrace().unwrap()) } }",
        |o: &mut OptionalBacktrace| -> Answer<Backtrace> { Ok(o.0.clone().ok_or(Failure::UnwrapNone)?) },
    );
    library.define(
        "strip() -> Option<Backtrace>",
        "The stripped backtrace, if there is one.",
        "println(maps()[0].backtrace().strip())",
        |o: &mut OptionalBacktrace| OptionalBacktrace(o.0.as_ref().map(Backtrace::strip)),
    );
}
