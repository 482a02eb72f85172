//! Reading a segment through its mapping.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytemuck::Pod;
use memmap2::Mmap;
use xxhash_rust::xxh3::xxh3_64;

use super::column::Column;
use super::toc::{self, Encoding, Entry};
use super::{ALIGNMENT, FOOTER_LEN, MAGIC, VERSION, header};
use crate::{Result, StoreError};

/// An open segment. Its columns borrow from it.
pub struct Segment {
    map: Mmap,
    path: PathBuf,
    sections: HashMap<String, Section>,
}

struct Section {
    entry: Entry,
    /// Whether the checksum was right; empty until somebody asked.
    sound: OnceLock<bool>,
}

impl Segment {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::NotFound { what: format!("the segment `{}`", path.display()) });
            }
            opened => opened.map_err(StoreError::io("open", path))?,
        };
        let map = map_read_only(&file).map_err(StoreError::io("map", path))?;
        let damaged = |what: &str| StoreError::corrupt(format!("{what} of the segment `{}`", path.display()));
        check_header(&map, path)?;
        let entries = toc::decode(&map).ok_or_else(|| damaged("the table"))?;
        let section = |entry: Entry| (entry.name.clone(), Section { entry, sound: OnceLock::new() });
        Ok(Self { sections: entries.into_iter().map(section).collect(), map, path: path.to_owned() })
    }

    /// A section as a column. The values are read as `T`: any type of the right size does, as in memory.
    pub fn column<T: Pod>(&self, name: &str) -> Result<Column<'_, T>> {
        let (entry, stored) = self.stored::<T>(name)?;
        match (entry.encoding, stored) {
            (Encoding::Constant, [value]) => {
                Ok(Column::Constant { value: *value, len: entry.count as usize })
            }
            (_, values) => Ok(Column::Values(values)),
        }
    }

    /// The values of a section that was written by [`write_section`](crate::SegmentWriter::write_section).
    pub fn slice<T: Pod>(&self, name: &str) -> Result<&[T]> {
        let (entry, stored) = self.stored(name)?;
        if stored.len() as u64 == entry.count {
            Ok(stored)
        } else {
            Err(self.damaged(name, "is stored as one value"))
        }
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

    fn stored<T: Pod>(&self, name: &str) -> Result<(&Entry, &[T])> {
        let section = self.sections.get(name).ok_or_else(|| self.damaged(name, "is missing"))?;
        let entry = &section.entry;
        if entry.element_size as usize != size_of::<T>() {
            return Err(self.damaged(name, &format!("has values of {} bytes", entry.element_size)));
        }
        // The table was checked against the length of the file when it was read.
        let start = entry.offset as usize;
        let bytes = &self.map[start..start + entry.stored() as usize * size_of::<T>()];
        if !*section.sound.get_or_init(|| xxh3_64(bytes) == entry.checksum) {
            return Err(self.damaged(name, "has a wrong checksum"));
        }
        let values =
            bytemuck::try_cast_slice(bytes).map_err(|error| self.damaged(name, &error.to_string()))?;
        Ok((entry, values))
    }

    fn damaged(&self, name: &str, how: &str) -> StoreError {
        StoreError::corrupt(format!("section `{name}` of the segment `{}` {how}: it", self.path.display()))
    }
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
