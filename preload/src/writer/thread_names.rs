//! Names of the program's threads, as they are at each mark: a thread names itself some time after its start.

use std::collections::BTreeMap;
use std::ffi::CString;

use bytehound_format::{Event, Timestamp};

use super::stream::Stream;
use crate::glob;
use crate::sys::{self, Result};

/// Of so many threads a change of name is looked for at every mark; of more, only those that are new are looked at.
const WATCHED_MAX: usize = 64;
/// The kernel cuts names to this, with a newline behind.
const NAME_LEN: usize = 16;

/// The names that were told last.
#[derive(Default)]
pub(super) struct ThreadNames(BTreeMap<u32, [u8; NAME_LEN]>);

impl ThreadNames {
    /// Writes the names that are new; at the end of all threads.
    pub(super) fn write(&mut self, last: bool, stream: &mut Stream, now: Timestamp) -> Result<()> {
        let threads = threads();
        let are_watched = last || threads.len() <= WATCHED_MAX;
        let told = core::mem::take(&mut self.0);
        for thread in threads {
            let before = told.get(&thread).copied();
            let name = if before.is_some() && !are_watched { before } else { name_of(thread) };
            let Some(name) = name else { continue };
            self.0.insert(thread, name);
            if before != Some(name) {
                let name = String::from_utf8_lossy(name.split(|&byte| byte == 0).next().unwrap_or_default());
                stream.event(&Event::ThreadName { timestamp: now, thread, name })?;
            }
        }
        Ok(())
    }
}

/// The process's threads, but for the calling one.
fn threads() -> Vec<u32> {
    // The process's own entry is empty once its first thread ended.
    let names = glob::names_in(b"/proc/thread-self/..");
    let numbers = names.iter().filter_map(|name| core::str::from_utf8(name).ok()?.parse().ok());
    numbers.filter(|&thread| thread != sys::thread_id()).collect()
}

/// A thread's name, with zeros behind it; none if it has gone.
fn name_of(thread: u32) -> Option<[u8; NAME_LEN]> {
    let path = CString::new(format!("/proc/thread-self/../{thread}/comm")).ok()?;
    let mut name = [0; NAME_LEN];
    let len = sys::read_file(&path, &mut name).ok()?.len();
    name.get_mut(len.checked_sub(1)?..)?.fill(0);
    Some(name)
}
