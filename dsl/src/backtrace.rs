//! `Backtrace`: the call stack of an allocation, and its stripped form.

use std::fmt;
use std::sync::Arc;

use bytehound_index::{BacktraceId, Frame, Profile};
use bytehound_symbols::noise::{ends_stripped_backtrace, is_runtime_frame};

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
        let mut separator = "";
        for (number, frame) in self.profile.backtrace(self.id).frames().enumerate() {
            let function = frame.name().unwrap_or_default();
            if self.stripped && is_runtime_frame(function) {
                continue;
            }
            f.write_str(separator)?;
            separator = "\n";
            write_frame(f, number, &frame)?;
            if self.stripped && ends_stripped_backtrace(function) {
                break;
            }
        }
        Ok(())
    }
}

fn write_frame(f: &mut fmt::Formatter<'_>, number: usize, frame: &Frame<'_>) -> fmt::Result {
    write!(f, "#{number:02}")?;
    if let Some(library) = frame.library {
        write!(f, " [{library}]")?;
    }
    match frame.name() {
        Some(function) => write!(f, " {function}")?,
        None => write!(f, " {:x}", frame.address)?,
    }
    if let Some(source) = frame.source {
        let file = source.rsplit('/').next().unwrap_or(source);
        match frame.line {
            Some(line) => write!(f, " [{file}:{line}]")?,
            None => write!(f, " [{file}]")?,
        }
    }
    Ok(())
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Backtrace>("Backtrace");
    library.define(
        "strip() -> Backtrace",
        "The same backtrace printed without the frames of the language's runtime, and without the inside of a growing \
         vector. The other frames keep their numbers.",
        |backtrace: &mut Backtrace| backtrace.strip(),
    );
}
