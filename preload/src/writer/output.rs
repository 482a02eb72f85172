//! The capture's file and the log.

use std::ffi::CString;

use bytehound_format::BlockSink;

use crate::log::{self, Level};
use crate::settings::Placeholders;
use crate::sys::{self, Descriptor, Errno, Open};

/// Where blocks go: a file, or nowhere.
#[derive(Debug)]
pub(super) struct Output(Option<Descriptor>);

impl Output {
    /// Creates the file of this pattern with this number; an empty pattern asks for none.
    pub(super) fn create(pattern: &[u8], placeholders: &Placeholders<'_>, number: u64) -> Option<Self> {
        if pattern.is_empty() {
            return Some(Self(None));
        }
        let path = CString::new(placeholders.expand(pattern, number)).ok()?;
        match sys::open(&path, Open::Create) {
            Ok(file) => {
                log::say(Level::Info, format_args!("writing to `{}`", path.to_string_lossy()));
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

    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        self.0
    }
}

impl BlockSink for Output {
    type Error = Errno;

    fn put_block(&mut self, block: &[u8]) -> Result<(), Errno> {
        self.0.map_or(Ok(()), |file| sys::write_all(file, block))
    }
}

/// Where log lines go.
#[derive(Debug)]
pub(super) struct LogOutput(Option<Descriptor>);

impl LogOutput {
    /// Opens the log file, or keeps a copy of the standard error while a log is wanted at all.
    pub(super) fn open(wanted: bool, pattern: Option<&[u8]>, placeholders: &Placeholders<'_>) -> Self {
        if !wanted {
            return Self(None);
        }
        let file = pattern.and_then(|pattern| {
            let path = CString::new(placeholders.expand(pattern, 0)).ok()?;
            sys::open(&path, Open::Append).ok()
        });
        Self(file.or_else(|| sys::duplicate(sys::STDERR).ok()))
    }

    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        self.0
    }

    /// Puts out the lines that were left since the last time.
    pub(super) fn flush(&self) {
        log::take(|lines| {
            if let Some(file) = self.0 {
                // There is nobody to tell that the log itself fails.
                let _ = sys::write_all(file, lines);
            }
        });
    }
}
