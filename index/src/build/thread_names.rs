//! Names of threads, as the capture tells them.

use bytehound_store::SegmentWriter;

use super::interner::Interner;
use crate::IndexError;
use crate::layout::{ThreadNameRecord, section};

/// More names say nothing any more.
const NAMES_MAX: usize = 1 << 20;
/// Linux cuts them to 15 bytes.
const NAME_LEN_MAX: usize = 64;

/// What was told of all threads; each name is a number of `names`.
pub(super) struct ThreadNames {
    told: Vec<ThreadNameRecord>,
    names: Interner<u8>,
}

impl ThreadNames {
    pub(super) fn new() -> Self {
        Self { told: Vec::new(), names: Interner::new() }
    }

    /// A thread has a name from some moment on.
    pub(super) fn tell(&mut self, time: u64, thread: u32, name: &str) {
        if self.told.len() < NAMES_MAX && name.len() <= NAME_LEN_MAX {
            let name = self.names.intern(name.as_bytes());
            self.told.push(ThreadNameRecord { time, thread, name });
        }
    }

    /// Writes them; the names become strings of the index.
    pub(super) fn write(
        mut self,
        writer: &mut SegmentWriter,
        strings: &mut Interner<u8>,
    ) -> Result<(), IndexError> {
        for record in &mut self.told {
            record.name = strings.intern(self.names.slices().get(record.name));
        }
        // Stable: of what is told at the same moment, the last counts.
        self.told.sort_by_key(|record| (record.thread, record.time));
        Ok(writer.write_section(section::THREAD_NAMES, &self.told)?)
    }
}
