//! Reading a segment through its mapping.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytemuck::Pod;
use memmap2::Mmap;
use xxhash_rust::xxh3::xxh3_64;

use super::block_column::{BlockColumn, BlockEntry, add_up};
use super::column::Column;
use super::packed::Number;
use super::toc::{self, Encoding, Entry};
use super::{ALIGNMENT, FOOTER_LEN, MAGIC, VERSION, header};
use crate::damage::Watch;
use crate::{Result, StoreError};

/// An open segment. Its columns borrow from it.
pub struct Segment {
    map: Mmap,
    path: PathBuf,
    sections: HashMap<String, Section>,
    watch: Watch,
}

struct Section {
    entry: Entry,
    /// Whether the checksum was right; empty until somebody asked.
    sound: OnceLock<bool>,
}

impl Segment {
    pub(super) fn open(path: &Path, watch: Watch) -> Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::NotFound { what: format!("the segment `{}`", path.display()) });
            }
            opened => opened.map_err(StoreError::io("open", path))?,
        };
        Self::of_map(map_read_only(&file).map_err(StoreError::io("map", path))?, path, watch)
    }

    /// A segment that lies in memory.
    #[cfg(feature = "testing")]
    pub(crate) fn of_bytes(bytes: &[u8], watch: Watch) -> Result<Self> {
        let path = Path::new("in memory");
        let failed = |error| StoreError::io("map", path)(error);
        let mut map = memmap2::MmapMut::map_anon(bytes.len()).map_err(failed)?;
        map.copy_from_slice(bytes);
        let map = map.make_read_only().map_err(StoreError::io("map", path))?;
        Self::of_map(map, path, watch)
    }

    fn of_map(map: Mmap, path: &Path, watch: Watch) -> Result<Self> {
        let damaged = |what: &str| StoreError::corrupt(format!("{what} of the segment `{}`", path.display()));
        check_header(&map, path)?;
        let (entries, end) = toc::decode(&map).ok_or_else(|| damaged("the table"))?;
        let section = |entry: Entry| (entry.name.clone(), Section { entry, sound: OnceLock::new() });
        let sections = entries.into_iter().map(section).collect();
        let segment = Self { sections, map, path: path.to_owned(), watch };
        if segment.is_padded(end) { Ok(segment) } else { Err(damaged("the padding")) }
    }

    /// A section as a column. The values are read as `T`: any type of the right size does, as in memory.
    pub fn column<T: Number>(&self, name: &str) -> Result<Column<'_, T>> {
        let (entry, stored) = self.stored::<T>(name)?;
        let len = entry.count as usize;
        match entry.encoding {
            Encoding::Raw => Ok(Column::Values(self.values(name, stored)?)),
            Encoding::Blocks => {
                let blocks: &[BlockEntry] = self.values(name, stored)?;
                Ok(match blocks.first().filter(|first| blocks.iter().all(|block| block.equals(first))) {
                    Some(first) => Column::Constant { value: T::narrow(first.value), len },
                    None => Column::Packed(BlockColumn::new(self.words(), blocks, len)),
                })
            }
        }
    }

    /// The values of a section that was written by [`write_section`](crate::SegmentWriter::write_section).
    pub fn slice<T: Pod>(&self, name: &str) -> Result<&[T]> {
        let (entry, stored) = self.stored::<T>(name)?;
        if entry.encoding != Encoding::Raw {
            return Err(self.damaged(name, "is stored as a column"));
        }
        self.values(name, stored)
    }

    /// Verifies a section, where that was not done yet: threads can share the work of opening a large segment.
    pub fn verify(&self, name: &str) -> Result<()> {
        let section = self.section(name)?;
        if *section.sound.get_or_init(|| self.is_sound(&section.entry)) {
            return Ok(());
        }
        Err(self.damaged(name, "has a wrong checksum"))
    }

    /// Looks whether every section is whole, those too that were found so before.
    pub fn verify_all(&self) -> Result<()> {
        let wrong = self.sections.values().find(|section| !self.is_sound(&section.entry));
        wrong.map_or(Ok(()), |section| Err(self.damaged(&section.entry.name, "has a wrong checksum")))
    }

    /// The names of all sections, in order.
    #[must_use]
    pub fn section_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.sections.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The bytes that the segment takes on the disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// A section of such values, and its bytes once they are verified.
    fn stored<T: Pod>(&self, name: &str) -> Result<(&Entry, &[u8])> {
        let entry = &self.section(name)?.entry;
        if entry.element_size as usize != size_of::<T>() {
            return Err(self.damaged(name, &format!("has values of {} bytes", entry.element_size)));
        }
        self.verify(name)?;
        Ok((entry, self.bytes(entry)))
    }

    fn section(&self, name: &str) -> Result<&Section> {
        self.sections.get(name).ok_or_else(|| self.damaged(name, "is missing"))
    }

    fn bytes(&self, entry: &Entry) -> &[u8] {
        &self.map[stored_range(entry)]
    }

    /// The file but for the end of its footer, where nothing but magic bytes can lie.
    fn words(&self) -> &[u64] {
        bytemuck::cast_slice(&self.map[..self.map.len() / 8 * 8])
    }

    fn is_sound(&self, entry: &Entry) -> bool {
        let stored = self.bytes(entry);
        if xxh3_64(stored) != entry.checksum {
            return false;
        }
        entry.encoding != Encoding::Blocks
            || bytemuck::try_cast_slice::<_, BlockEntry>(stored).is_ok_and(|blocks| {
                add_up(blocks, entry.count) && blocks.iter().all(|block| block.is_sound(self.words()))
            })
    }

    fn values<'a, T: Pod>(&self, name: &str, stored: &'a [u8]) -> Result<&'a [T]> {
        bytemuck::try_cast_slice(stored).map_err(|error| self.damaged(name, &error.to_string()))
    }

    /// Whether there are only zeros before `end` where there is neither a section nor a block of one.
    fn is_padded(&self, end: u64) -> bool {
        let mut taken: Vec<Range<u64>> = Vec::new();
        for Section { entry, .. } in self.sections.values() {
            let range = stored_range(entry);
            taken.push(range.start as u64..range.end as u64);
            if entry.encoding == Encoding::Blocks {
                // Damaged entries are found to be so when the section is used.
                let blocks = bytemuck::try_cast_slice::<_, BlockEntry>(self.bytes(entry)).unwrap_or_default();
                taken.extend(blocks.iter().map(BlockEntry::range));
            }
        }
        taken.sort_unstable_by_key(|range| range.start);
        let mut at = ALIGNMENT as u64;
        for range in taken.into_iter().chain(std::iter::once(end..end)) {
            if self
                .map
                .get(at as usize..range.start as usize)
                .is_some_and(|gap| gap.iter().any(|&byte| byte != 0))
            {
                return false;
            }
            at = at.max(range.end);
        }
        true
    }

    fn damaged(&self, name: &str, how: &str) -> StoreError {
        let what = format!("section `{name}` of the segment `{}` {how}: it", self.path.display());
        self.watch.note(StoreError::corrupt(what))
    }
}

/// The table was checked against the length of the file when it was read.
fn stored_range(entry: &Entry) -> Range<usize> {
    let start = entry.offset as usize;
    start..start + entry.stored_len().unwrap_or(0) as usize
}

fn check_header(map: &[u8], path: &Path) -> Result<()> {
    let damaged = || StoreError::corrupt(format!("the header of the segment `{}`", path.display()));
    if map.len() < ALIGNMENT + FOOTER_LEN || map[..8] != MAGIC {
        return Err(damaged());
    }
    let found = u32::from_le_bytes([map[8], map[9], map[10], map[11]]);
    if found != VERSION {
        let what = format!("the segment `{}`", path.display());
        return Err(StoreError::Version { what, found, expected: VERSION });
    }
    if map[..ALIGNMENT] == header() { Ok(()) } else { Err(damaged()) }
}

fn map_read_only(file: &File) -> io::Result<Mmap> {
    // SAFETY: segments are written once, under another name, and only unlinked afterwards; the data directory belongs
    // to one process by its lock, and to one user by its mode, so nobody writes to or truncates the mapped file.
    unsafe { Mmap::map(file) }
}
