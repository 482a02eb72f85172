//! Names of code that the program generates: the list that runtimes keep for `perf`, as it grows.

use std::ffi::CString;

use bytehound_format::Timestamp;

use super::stream::Stream;
use crate::sys::{self, Open, Result};

/// The list of this process, and what of it is in the capture.
pub(super) struct GeneratedNames {
    path: String,
    /// When the capture began, in seconds of the wall clock: an older list is another process's.
    since: u64,
    /// Whether there was generated code, ever and since the list was looked for.
    was_seen: bool,
    is_wanted: bool,
    written: u64,
}

impl GeneratedNames {
    pub(super) fn new(process: u32) -> Self {
        Self {
            path: format!("/tmp/perf-{process}.map"),
            since: sys::clock(libc::CLOCK_REALTIME) / 1_000_000_000,
            was_seen: false,
            is_wanted: false,
            written: 0,
        }
    }

    /// Whether the list is to be looked for already.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// There are stacks with generated code that is new.
    pub(super) fn want(&mut self) {
        (self.was_seen, self.is_wanted) = (true, true);
    }

    /// Writes the list if it has grown. Before the end only when it is twice as long: it is written as a whole.
    pub(super) fn write(&mut self, last: bool, stream: &mut Stream, now: Timestamp) -> Result<()> {
        if !(self.is_wanted || last && self.was_seen) {
            return Ok(());
        }
        let len = self.len().unwrap_or(0);
        if len == self.written || !last && len < 2 * self.written {
            self.is_wanted = len != self.written;
            return Ok(());
        }
        (self.written, self.is_wanted) = (len, false);
        stream.file_from_disk(now, &self.path)
    }

    /// How long the list is; none if there is none, or not of this process.
    fn len(&self) -> Option<u64> {
        let path = CString::new(self.path.as_str()).ok().filter(|path| sys::is_regular_file(path))?;
        let status = |path| {
            let file = sys::open(path, Open::Read).ok()?;
            let status = sys::status(file).ok();
            sys::close(file);
            status
        };
        let list = status(&path)?;
        // What belongs to the process belongs to its user.
        let own = status(c"/proc/thread-self/comm")?;
        let is_own = list.st_uid == own.st_uid && list.st_mtime as u64 >= self.since;
        is_own.then_some(list.st_size as u64)
    }
}
