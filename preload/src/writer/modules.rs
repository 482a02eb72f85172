//! The program's modules in the stream: its memory map, and the files that are mapped executable.
//!
//! A reader gives an address its name by the latest map before the stack it stands in. So before a stack with
//! an address that the last written map does not cover, or of a later generation than it, the map is read again,
//! and written with the files that are new. Where code was unloaded since, the map that was left then is taken.

use std::collections::VecDeque;

use bytehound_format::Timestamp;
use bytehound_format::v2::batch::Node;

use super::generated::GeneratedNames;
use super::stream::Stream;
use crate::clock::Tick;
use crate::maps::earlier::{self, Earlier};
use crate::maps::{self, Mapping};
use crate::sys::Result;

/// Addresses that no map covers (they are no code at all, or of code that is gone) make it be read again only
/// this often: in µs.
const PATIENCE: u64 = 200_000;
/// As many places as this may be found missing before that.
const MISSING_MAX: usize = 16;

/// An executable range.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Code {
    start: u64,
    end: u64,
    inode: u64,
}

pub(super) struct Modules {
    write_binaries: bool,
    /// What the last written map has, in order.
    code: Vec<Code>,
    generation: u32,
    /// Maps of before code was unloaded, for stacks that were not written then.
    earlier: VecDeque<Earlier>,
    /// Places (an address without its lower bits) that the last map did not have.
    missing: Vec<u64>,
    /// Files in the stream, by inode and path.
    written: Vec<(u64, String)>,
    not_before: u64,
    generated: GeneratedNames,
}

impl Modules {
    pub(super) fn new(write_binaries: bool, process: u32) -> Self {
        Self {
            write_binaries,
            code: Vec::with_capacity(256),
            generation: 0,
            earlier: VecDeque::new(),
            missing: Vec::with_capacity(MISSING_MAX),
            written: Vec::with_capacity(64),
            not_before: 0,
            generated: GeneratedNames::new(process),
        }
    }

    /// Writes the map again if the addresses of this stack need it.
    pub(super) fn cover(
        &mut self,
        stack: Node,
        generation: u32,
        addresses: &[u64],
        stream: &mut Stream,
        now: Timestamp,
    ) -> Result<()> {
        if !self.generated.is_wanted() && addresses.iter().any(|&address| self.is_generated(address)) {
            self.generated.want();
        }
        if generation <= self.generation && !self.may_find(addresses, now) {
            return Ok(());
        }
        if now.0 >= self.not_before || generation > self.generation {
            self.not_before = now.0 + PATIENCE;
            self.missing.clear();
        }
        self.generation = generation.max(self.generation);
        let (map, since) = self.map_for(stack);
        stream.tell_early(since, |stream| {
            let map = self.write_map(map, stream, now)?;
            self.write_binaries(&map, stream, now)
        })?;
        let room = MISSING_MAX.saturating_sub(self.missing.len());
        let code = &self.code;
        let missing = addresses.iter().filter(|&&address| !covers(code, address)).map(place);
        self.missing.extend(missing.take(room));
        Ok(())
    }

    /// Whether an address, as far as the last map tells, may be of code that is in no file.
    fn is_generated(&self, address: u64) -> bool {
        code_at(&self.code, address).is_none_or(|code| code.inode == 0)
    }

    /// Writes the names of code that the program generates, if there are more.
    pub(super) fn write_generated(&mut self, last: bool, stream: &mut Stream, now: Timestamp) -> Result<()> {
        self.generated.write(last, stream, now)
    }

    /// Whether reading the map again may show code at an address where the last one showed none.
    fn may_find(&self, addresses: &[u64], now: Timestamp) -> bool {
        let waited = now.0 >= self.not_before;
        let has_room = self.missing.len() < MISSING_MAX;
        let uncovered = |address: &&u64| !covers(&self.code, **address);
        addresses
            .iter()
            .filter(uncovered)
            .any(|address| waited || has_room && !self.missing.contains(&place(address)))
    }

    /// The map by which a stack means something, and since when: that of now, if no code was unloaded since the stack was
    /// made. Empty if it can't be read.
    fn map_for(&mut self, stack: Node) -> (Vec<u8>, Option<Tick>) {
        let map = earlier::read().unwrap_or_default();
        // Only now, so that what is unloaded while the map is read is not missed.
        self.take_earlier();
        let older = self.earlier.partition_point(|map| map.before <= stack);
        let since = older.checked_sub(1).and_then(|last| self.earlier.get(last)).map(|map| map.until);
        (self.earlier.get(older).map_or(map, |map| map.text.clone()), since)
    }

    /// Takes the maps that were left.
    pub(super) fn take_earlier(&mut self) {
        earlier::take(|map| self.earlier.push_back(map));
        let too_many = self.earlier.len().saturating_sub(earlier::KEPT_MAX);
        self.earlier.drain(..too_many);
    }

    /// Writes the map that the first stack means something by; gives its text.
    pub(super) fn write_first(&mut self, stream: &mut Stream, now: Timestamp) -> Result<Vec<u8>> {
        let (map, _) = self.map_for(Node::FIRST);
        self.write_map(map, stream, now)
    }

    /// Writes a map, if its code has changed; gives its text then.
    fn write_map(&mut self, text: Vec<u8>, stream: &mut Stream, now: Timestamp) -> Result<Vec<u8>> {
        if text.is_empty() {
            return Ok(text);
        }
        let code = || executable(&text).map(|Mapping { start, end, inode, .. }| Code { start, end, inode });
        if code().eq(self.code.iter().copied()) {
            return Ok(Vec::new());
        }
        self.code.clear();
        self.code.extend(code());
        stream.file(now, "/proc/self/maps", &text)?;
        Ok(text)
    }

    /// Writes the files of a map that are not in the stream yet.
    pub(super) fn write_binaries(&mut self, map: &[u8], stream: &mut Stream, now: Timestamp) -> Result<()> {
        executable(map).try_for_each(|mapping| self.write_binary(&mapping, stream, now))
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

/// The executable mappings of a map.
fn executable(map: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    map.split(|&byte| byte == b'\n').filter_map(maps::parse).filter(|mapping| mapping.executable)
}

fn covers(code: &[Code], address: u64) -> bool {
    code_at(code, address).is_some()
}

/// The range that a return address leads into.
fn code_at(code: &[Code], address: u64) -> Option<&Code> {
    let after = code.partition_point(|code| code.start <= address);
    after.checked_sub(1).and_then(|at| code.get(at)).filter(|code| address <= code.end)
}

fn place(address: &u64) -> u64 {
    address >> 16
}
