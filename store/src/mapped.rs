//! A growable vector in a mapped file: its memory is page cache, which the system can write out, not anonymous memory.
#![expect(unsafe_code, reason = "mapping a file is unsafe: see the one block")]

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};
use rustix::fs::FallocateFlags;

use crate::{Result, Scratch, StoreError, durable};

/// A vector of plain values in a scratch file.
///
/// It grows by doubling, and by a quarter once it is large. The blocks of the file are allocated before they are mapped, so a
/// full disk is an error of [`push`](Self::push) and never a `SIGBUS` of a later write. The file has no name from the start:
/// it goes with the vector, however the process ends.
#[derive(Debug)]
pub struct MappedVec<T> {
    file: File,
    path: PathBuf,
    map: Option<MmapMut>,
    len: usize,
    values: PhantomData<T>,
}

/// The first growth; a vector that stays empty costs no mapping.
const FIRST_BYTES: usize = 64 * 1024;
/// From here on, what is taken from the disk before it is needed matters to others.
const LARGE_BYTES: usize = 256 << 20;

impl<T: Pod> MappedVec<T> {
    /// An empty vector in `scratch`.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        const {
            assert!(
                size_of::<T>() > 0 && align_of::<T>() <= 4096,
                "values need a size, and a page's alignment at most"
            )
        };
        let path = scratch.fresh_path();
        let file = durable::create_file(&path)?;
        durable::remove_file(&path)?;
        Ok(Self { file, path, map: None, len: 0, values: PhantomData })
    }

    /// A vector of so many values that are zero bytes, in a file that has no room for more.
    pub fn zeroed(scratch: &Scratch, len: usize) -> Result<Self> {
        let mut vector = Self::new(scratch)?;
        if len > 0 {
            vector.map_bytes(bytes_of::<T>(len)?)?;
        }
        Ok(Self { len, ..vector })
    }

    /// Appends a value; the vector is unchanged when there is no room.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<()> {
        let place = self.len * size_of::<T>()..(self.len + 1) * size_of::<T>();
        let Some(bytes) = self.map.as_mut().and_then(|map| map.get_mut(place)) else {
            return self.extend_from_slice(&[value]);
        };
        bytes.copy_from_slice(bytemuck::bytes_of(&value));
        self.len += 1;
        Ok(())
    }

    /// Appends all values, or none when there is no room.
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<()> {
        let len = self.len + values.len();
        self.reserve(len)?;
        let start = self.len;
        self.len = len;
        self.as_mut_slice()[start..].copy_from_slice(values);
        Ok(())
    }

    /// Makes the vector `len` long; new values are zero bytes.
    pub fn resize_zeroed(&mut self, len: usize) -> Result<()> {
        self.reserve(len)?;
        let old = self.len;
        self.len = len;
        // What lies behind a vector that was once longer is not zero any more.
        if len > old {
            bytemuck::fill_zeroes(&mut self.as_mut_slice()[old..]);
        }
        Ok(())
    }

    /// Empties the vector and keeps its room.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T> {
        self.as_slice().get(index).copied()
    }

    /// Replaces the value at `index`.
    ///
    /// # Panics
    /// When `index` is not below the length, as a slice does.
    pub fn set(&mut self, index: usize, value: T) {
        self.as_mut_slice()[index] = value;
    }

    /// All values.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match &self.map {
            Some(map) => bytemuck::cast_slice(&map[..self.len * size_of::<T>()]),
            None => &[],
        }
    }

    /// All values, to change in place.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.map {
            Some(map) => bytemuck::cast_slice_mut(&mut map[..self.len * size_of::<T>()]),
            None => &mut [],
        }
    }

    fn reserve(&mut self, len: usize) -> Result<()> {
        let needed = bytes_of::<T>(len)?;
        if needed <= self.mapped_bytes() {
            return Ok(());
        }
        let grown = match needed {
            ..LARGE_BYTES => Some(needed.next_power_of_two().max(FIRST_BYTES)),
            _ => needed.checked_add(needed / 4),
        };
        self.map_bytes(grown.ok_or_else(|| too_long(len))?)
    }

    fn mapped_bytes(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }

    /// Makes room; what is new is zeros.
    fn map_bytes(&mut self, bytes: usize) -> Result<()> {
        let mapped = self.mapped_bytes();
        allocate(&self.file, mapped as u64, (bytes - mapped) as u64)
            .map_err(StoreError::io("grow", &self.path))?;
        self.map = Some(map_shared(&self.file, bytes).map_err(StoreError::io("map", &self.path))?);
        Ok(())
    }
}

fn bytes_of<T>(len: usize) -> Result<usize> {
    len.checked_mul(size_of::<T>()).ok_or_else(|| too_long(len))
}

fn too_long(len: usize) -> StoreError {
    StoreError::Refused(format!("a vector of {len} values does not fit in the address space"))
}

/// Gives the file blocks for the range, so that writing to its mapping can't run out of them.
fn allocate(file: &File, from: u64, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), from, len) {
        // Some file systems can't reserve: write the zeros instead.
        Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(file, from, len),
        result => result.map_err(io::Error::from),
    }
}

fn write_zeros(file: &File, from: u64, len: u64) -> io::Result<()> {
    static ZEROS: [u8; 65536] = [0; 65536];
    let mut at = from;
    while at < from + len {
        let count = (from + len - at).min(ZEROS.len() as u64);
        file.write_all_at(&ZEROS[..count as usize], at)?;
        at += count;
    }
    Ok(())
}

fn map_shared(file: &File, len: usize) -> io::Result<MmapMut> {
    // SAFETY: the file was created for this vector with `create_new` and unlinked at once, so nobody else can open,
    // write or truncate it; its length covers the mapping because `allocate` succeeded.
    unsafe { MmapOptions::new().len(len).map_mut(file) }
}
