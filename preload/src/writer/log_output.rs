//! Where the log goes.

use std::ffi::CString;

use crate::lifecycle::Start;
use crate::log;
use crate::placeholders::Placeholders;
use crate::sys::{self, Descriptor, Open};

/// A file of its own, or the program's standard error, or nowhere.
#[derive(Debug)]
pub(super) struct LogOutput {
    descriptor: Option<Descriptor>,
    rotation: Option<Rotation>,
}

/// How a log that has become too long begins anew: its file gets another name.
#[derive(Debug)]
struct Rotation {
    path: CString,
    len_max: u64,
    len: u64,
    /// What the next full file is called: the first one stays, of the later ones the last.
    full: &'static str,
}

impl LogOutput {
    /// Opens the log file, or keeps a copy of the standard error while a log is wanted at all.
    pub(super) fn open(start: &Start, placeholders: &Placeholders<'_>) -> Self {
        let nowhere = Self { descriptor: None, rotation: None };
        if start.settings.log.is_none() {
            return nowhere;
        }
        let standard = || Self { descriptor: sys::duplicate(sys::STDERR).ok(), rotation: None };
        let Some(pattern) = &start.settings.logfile else { return standard() };
        let Ok(path) = CString::new(placeholders.expand(pattern, 0)) else { return standard() };
        let Ok(file) = sys::open(&path, Open::Append) else { return standard() };
        let len_max = start.settings.logfile_rotate_when_bigger_than.filter(|&len| len != 0);
        let len = sys::file_len(file).unwrap_or(0);
        // The first full file of a process may be of a program that it executed before this one.
        let full = if start.executed == 0 { "initial" } else { "old" };
        let rotation = len_max.map(|len_max| Rotation { path, len_max, len, full });
        Self { descriptor: Some(file), rotation }
    }

    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        self.descriptor
    }

    /// Puts out the lines that were left since the last time.
    pub(super) fn flush(&mut self) {
        log::take(|lines| {
            let Some(file) = self.descriptor else { return };
            // There is nobody to tell that the log itself fails.
            let _ = sys::write_all(file, lines);
            if let Some(rotation) = &mut self.rotation
                && rotation.is_full(lines.len())
                && let Some(fresh) = rotation.begin_anew()
            {
                sys::close(file);
                self.descriptor = Some(fresh);
            }
        });
    }
}

impl Rotation {
    fn is_full(&mut self, added: usize) -> bool {
        self.len += added as u64;
        self.len > self.len_max
    }

    fn begin_anew(&mut self) -> Option<Descriptor> {
        let mut full = self.path.as_bytes().to_vec();
        full.push(b'.');
        full.extend_from_slice(self.full.as_bytes());
        sys::rename(&self.path, &CString::new(full).ok()?).ok()?;
        self.full = "old";
        self.len = 0;
        sys::open(&self.path, Open::Append).ok()
    }
}
