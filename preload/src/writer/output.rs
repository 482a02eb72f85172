//! The capture's file.

use std::ffi::CString;

use bytehound_format::BlockSink;

use crate::lifecycle::Start;
use crate::log::{self, Level};
use crate::placeholders::Placeholders;
use crate::streaming;
use crate::sys::{self, Descriptor, Errno, Open};

/// Where blocks go: a file, or nowhere.
#[derive(Debug)]
pub(super) struct Output(Option<Descriptor>);

impl Output {
    /// Creates the file that the settings name; an empty pattern asks for none.
    pub(super) fn create(start: &Start, placeholders: &Placeholders<'_>) -> Option<Self> {
        let pattern = &start.settings.output;
        if pattern.is_empty() {
            return Some(Self(start.settings.enable_server.then(spool).flatten()));
        }
        let path = CString::new(placeholders.expand(pattern, start.executed)).ok()?;
        match sys::open(&path, Open::Create) {
            Ok(file) => {
                log::say(Level::Info, format_args!("writing to `{}`", path.to_string_lossy()));
                start.settings.chown_output_to.into_iter().for_each(|user| give_to(file, user));
                Some(Self(Some(file)))
            }
            Err(Errno(number)) => {
                let path = path.to_string_lossy();
                log::say(
                    Level::Error,
                    format_args!(
                        "cannot create `{path}` (error {number}): nothing is recorded; set MEMORY_PROFILER_OUTPUT to a path that can be written"
                    ),
                );
                None
            }
        }
    }

    #[cfg(test)]
    pub(super) fn to(file: Descriptor) -> Self {
        Self(Some(file))
    }

    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        self.0
    }
}

impl Output {
    /// Writes bytes that are in several places.
    pub(super) fn put(&mut self, parts: &[&[u8]]) -> Result<(), Errno> {
        self.0.map_or(Ok(()), |file| sys::write_parts(file, parts))
    }
}

impl BlockSink for Output {
    type Error = Errno;

    fn put_block(&mut self, block: &[u8]) -> Result<(), Errno> {
        self.put(&[block])
    }
}

fn give_to(file: Descriptor, user: u32) {
    if let Err(Errno(number)) = sys::give_to(file, user) {
        log::say(
            Level::Warn,
            format_args!(
                "cannot give the capture to the user {user} (error {number}): see MEMORY_PROFILER_CHOWN_OUTPUT_TO"
            ),
        );
    }
}

/// Clients are served from a file, even if nobody wants to keep it.
fn spool() -> Option<Descriptor> {
    let spool = streaming::spool();
    if let Err(Errno(number)) = spool {
        let why = format_args!(
            "cannot create a file for streaming (error {number}); set TMPDIR, or MEMORY_PROFILER_OUTPUT"
        );
        log::say(Level::Error, why);
    }
    spool.ok()
}
