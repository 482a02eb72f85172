//! Writing a segment, section by section, in one pass.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use bytemuck::Pod;
use xxhash_rust::xxh3::xxh3_64;

use super::block_column::BlockEntry;
use super::packed::{Number, PackedBlock};
use super::toc::{self, Encoding, Entry, NAME_LEN_MAX};
use super::{ALIGNMENT, BLOCK_ALIGNMENT, BLOCK_LEN, header};
use crate::{PackedList, Result, Scratch, StoreError, durable};

const BUFFER_LEN: usize = 256 * 1024;

/// Writes the file of one segment in a scratch directory.
pub struct SegmentWriter {
    file: BufWriter<File>,
    path: PathBuf,
    scratch: Scratch,
    offset: u64,
    entries: Vec<Entry>,
    columns: Vec<BlockSection>,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

/// A column whose blocks are being written.
struct BlockSection {
    name: String,
    element_size: u32,
    blocks: Vec<BlockEntry>,
}

/// A segment that is whole and synced, but not yet in the store.
#[derive(Debug)]
pub struct FinishedSegment {
    pub(super) path: PathBuf,
    /// Keeps the directory that the file lies in.
    _scratch: Scratch,
}

impl FinishedSegment {
    /// The file that was written; a [`SegmentStore`](crate::SegmentStore) moves or copies it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl SegmentWriter {
    /// Begins a segment.
    pub fn create(scratch: &Scratch) -> Result<Self> {
        let path = scratch.fresh_path();
        let file = BufWriter::with_capacity(BUFFER_LEN, durable::create_file(&path)?);
        let mut writer = Self {
            file,
            path,
            scratch: scratch.clone(),
            offset: 0,
            entries: Vec::new(),
            columns: Vec::new(),
            syncing: None,
        };
        writer.write(&header())?;
        Ok(writer)
    }

    /// Writes a section as it is, for [`Segment::slice`](crate::Segment::slice).
    pub fn write_section<T: Pod>(&mut self, name: &str, values: &[T]) -> Result<()> {
        const {
            assert!(
                size_of::<T>() > 0 && align_of::<T>() <= ALIGNMENT,
                "values need a size, and an alignment of 64 at most"
            )
        };
        let count = values.len() as u64;
        self.write_entry(name, Encoding::Raw, (size_of::<T>() as u32, count), bytemuck::cast_slice(values))
    }

    /// Writes the next block of a column, which begins with its first one; columns may take turns. All blocks of a column
    /// but the last are full, and an empty column has one empty block.
    pub fn write_block(&mut self, name: &str, block: &PackedBlock) -> Result<()> {
        let at = match self.columns.iter().position(|column| column.name == name) {
            Some(at) => at,
            None => {
                self.check_name(name)?;
                let element_size = block.element_size;
                self.columns.push(BlockSection { name: name.to_owned(), element_size, blocks: Vec::new() });
                self.columns.len() - 1
            }
        };
        let column = &self.columns[at];
        let is_after_full = column.blocks.last().is_none_or(|last| last.count as usize == BLOCK_LEN);
        if !is_after_full || column.element_size != block.element_size {
            return Err(StoreError::Refused(format!(
                "no block can follow in column `{name}`; give all the same type, and end with the one that is not full"
            )));
        }
        self.align(BLOCK_ALIGNMENT)?;
        self.columns[at].blocks.push(BlockEntry::new(block, self.offset));
        self.write(bytemuck::cast_slice(&block.words))
    }

    /// Writes a column whose numbers are packed already.
    pub fn write_list<T: Number>(&mut self, name: &str, list: &PackedList<T>) -> Result<()> {
        (0..list.blocks()).try_for_each(|block| self.write_block(name, &list.block(block)))
    }

    /// Lets the disk have what was written so far, while more is being written: less is left to wait for at the end.
    pub fn sync_meanwhile(&mut self) -> Result<()> {
        self.finish_syncing()?;
        self.file.flush().map_err(StoreError::io("write", &self.path))?;
        let file = self.file.get_ref().try_clone().map_err(StoreError::io("sync", &self.path))?;
        // Without a thread, all of it is left for the end.
        self.syncing = thread::Builder::new().name("sync".to_owned()).spawn(move || file.sync_data()).ok();
        Ok(())
    }

    /// An error is told once, so it must not be missed.
    fn finish_syncing(&mut self) -> Result<()> {
        let synced = self.syncing.take().map_or(Ok(Ok(())), JoinHandle::join);
        synced.unwrap_or_else(|panic| resume_unwind(panic)).map_err(StoreError::io("sync", &self.path))
    }

    /// Ends the segment: writes the table and syncs the file.
    pub fn finish(mut self) -> Result<FinishedSegment> {
        for column in std::mem::take(&mut self.columns) {
            let count = column.blocks.iter().map(|block| u64::from(block.count)).sum();
            let elements = (column.element_size, count);
            self.write_entry(&column.name, Encoding::Blocks, elements, bytemuck::cast_slice(&column.blocks))?;
        }
        let table = toc::encode(&self.entries, self.offset);
        self.write(&table)?;
        self.finish_syncing()?;
        let file = self
            .file
            .into_inner()
            .map_err(|error| StoreError::io("write", &self.path)(error.into_error()))?;
        file.sync_all().map_err(StoreError::io("sync", &self.path))?;
        Ok(FinishedSegment { path: self.path, _scratch: self.scratch })
    }

    /// Writes what a section is made of: so many elements of such a size.
    fn write_entry(
        &mut self,
        name: &str,
        encoding: Encoding,
        (element_size, count): (u32, u64),
        bytes: &[u8],
    ) -> Result<()> {
        self.check_name(name)?;
        self.align(ALIGNMENT)?;
        let (offset, checksum) = (self.offset, xxh3_64(bytes));
        self.write(bytes)?;
        let name = name.to_owned();
        self.entries.push(Entry { name, encoding, element_size, offset, count, checksum });
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<()> {
        let mut taken = self
            .entries
            .iter()
            .map(|entry| &entry.name)
            .chain(self.columns.iter().map(|column| &column.name));
        if !name.is_empty() && name.len() <= NAME_LEN_MAX && taken.all(|other| other != name) {
            return Ok(());
        }
        Err(StoreError::Refused(format!(
            "`{name}` can't name a section; give each its own name of 1 to {NAME_LEN_MAX} bytes"
        )))
    }

    fn align(&mut self, alignment: usize) -> Result<()> {
        let padding = self.offset.next_multiple_of(alignment as u64) - self.offset;
        self.write(&[0; ALIGNMENT][..padding as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(StoreError::io("write", &self.path))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
