//! The program's modules in the stream: its memory map, and the files that are mapped executable.
//!
//! A reader gives an address its name by the latest map before the stack it stands in. So before a stack with
//! an address that the last written map does not cover, the map is written again, with the files that are new.

use core::sync::atomic::{AtomicBool, Ordering};

use bytehound_format::Timestamp;

use super::stream::Stream;
use crate::maps::{self, Mapping};
use crate::memory::zeroed;
use crate::sys::{self, Errno, Open, Result};

/// Whether code was unloaded since the map was read last.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Says that code was unloaded.
pub(crate) fn note_change() {
    CHANGED.store(true, Ordering::Release);
}

/// Addresses that no map covers (code that is gone already) make it be read again only this often: in µs.
const PATIENCE: u64 = 200_000;
const MAPS_LEN: usize = 64 * 1024;

pub(super) struct Modules {
    write_binaries: bool,
    /// Executable ranges of the last map, in order.
    ranges: Vec<(u64, u64)>,
    /// Files in the stream, by inode and path.
    written: Vec<(u64, String)>,
    not_before: u64,
}

impl Modules {
    pub(super) fn new(write_binaries: bool) -> Self {
        Self {
            write_binaries,
            ranges: Vec::with_capacity(256),
            written: Vec::with_capacity(64),
            not_before: 0,
        }
    }

    /// Writes the map again if these addresses need it.
    pub(super) fn cover(
        &mut self,
        addresses: impl Iterator<Item = u64>,
        stream: &mut Stream,
        now: Timestamp,
    ) -> Result<()> {
        let changed = CHANGED.swap(false, Ordering::AcqRel);
        let mut uncovered = addresses.filter(|&address| !self.covers(address)).peekable();
        if !changed && (uncovered.peek().is_none() || now.0 < self.not_before) {
            return Ok(());
        }
        drop(uncovered);
        self.not_before = now.0 + PATIENCE;
        self.write(stream, now)
    }

    fn covers(&self, address: u64) -> bool {
        let after = self.ranges.partition_point(|&(start, _)| start <= address);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|&(_, end)| address <= end)
    }

    /// Writes the map and the files that are not in the stream yet.
    pub(super) fn write(&mut self, stream: &mut Stream, now: Timestamp) -> Result<()> {
        let Ok(text) = read_maps() else { return Ok(()) };
        stream.file(now, "/proc/self/maps", &text)?;
        self.ranges.clear();
        for mapping in text.split(|&byte| byte == b'\n').filter_map(maps::parse) {
            if mapping.executable {
                self.ranges.push((mapping.start, mapping.end));
                self.write_binary(&mapping, stream, now)?;
            }
        }
        Ok(())
    }

    fn write_binary(&mut self, mapping: &Mapping<'_>, stream: &mut Stream, now: Timestamp) -> Result<()> {
        let Ok(path) = core::str::from_utf8(mapping.name) else { return Ok(()) };
        let is_file = path.starts_with('/') && !mapping.shared && !path.ends_with(" (deleted)");
        let known = |(inode, name): &(u64, String)| *inode == mapping.inode && name == path;
        if !self.write_binaries || !is_file || self.written.iter().any(known) {
            return Ok(());
        }
        self.written.push((mapping.inode, path.to_owned()));
        stream.file_from_disk(now, path)
    }
}

fn read_maps() -> Result<Vec<u8>> {
    let mut text = zeroed(MAPS_LEN).ok_or(Errno(libc::ENOMEM))?;
    let descriptor = sys::open(c"/proc/self/maps", Open::Read)?;
    let mut len = 0;
    let result = loop {
        if len == text.len() {
            text.try_reserve_exact(len).map_err(|_| Errno(libc::ENOMEM))?;
            text.resize(2 * len, 0);
        }
        match sys::read(descriptor, text.get_mut(len..).unwrap_or_default()) {
            Ok(0) => break Ok(()),
            Ok(more) => len += more,
            Err(errno) => break Err(errno),
        }
    };
    sys::close(descriptor);
    text.truncate(len);
    result.map(|()| text)
}
