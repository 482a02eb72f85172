//! A list whose first values are in memory, and all others in a file: only the disk bounds it.
//!
//! What lies in the file is page cache, which the system writes out when it needs the memory. While there is enough of it, a
//! look into the file costs little more than one into memory; else, it may wait for the disk.

use std::ops::{Index, IndexMut};

use bytehound_store::{MappedVec, Scratch};
use bytemuck::Pod;

use crate::IndexError;

/// As of a slice.
const INSIDE: &str = "a place inside the list";

/// A list that grows.
pub(super) struct SpillingVec<T> {
    memory: Vec<T>,
    memory_max: usize,
    /// What comes behind `memory`, once that is full. Boxed, since many lists are looked at that have nothing there.
    spilled: Option<Box<MappedVec<T>>>,
    /// Of both together: it is asked for at every look.
    len: usize,
    scratch: Scratch,
}

impl<T: Pod> SpillingVec<T> {
    /// These values, in memory; what is added stays there as long as there are no more than `memory_max`.
    pub(super) fn new(values: Vec<T>, memory_max: usize, scratch: &Scratch) -> Self {
        Self { len: values.len(), memory: values, memory_max, spilled: None, scratch: scratch.clone() }
    }

    /// A list of so many values that are zero bytes, with as much room in memory as this one has.
    pub(super) fn zeroed(&self, len: usize) -> Result<Self, IndexError> {
        let in_memory = len.min(self.memory_max);
        let mut list = Self::new(vec![T::zeroed(); in_memory], self.memory_max, &self.scratch);
        if in_memory < len {
            list.spilled = Some(Box::new(MappedVec::zeroed(&self.scratch, len - in_memory)?));
            list.len = len;
        }
        Ok(list)
    }

    /// The length.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value at a place.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        // The bounds of memory have to be held anyway: what lies within them pays nothing for the others.
        match self.memory.get(at) {
            None if self.spilled.is_some() => self.get_spilled(at),
            value => value,
        }
    }

    /// The value at a place, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        if at < self.memory.len() || self.spilled.is_none() {
            self.memory.get_mut(at)
        } else {
            self.get_spilled_mut(at)
        }
    }

    /// Adds a value; when the disk has no room for it, the list stays as it was.
    #[inline]
    pub(super) fn push(&mut self, value: T) -> Result<(), IndexError> {
        if self.len < self.memory_max {
            self.memory.push(value);
        } else {
            self.spill(value)?;
        }
        self.len += 1;
        Ok(())
    }

    /// All values in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.memory.iter().chain(self.spilled.iter().flat_map(|spilled| spilled.as_slice()))
    }

    #[cold]
    #[inline(never)]
    fn get_spilled(&self, at: usize) -> Option<&T> {
        self.spilled.as_ref()?.as_slice().get(at - self.memory.len())
    }

    #[cold]
    #[inline(never)]
    fn get_spilled_mut(&mut self, at: usize) -> Option<&mut T> {
        self.spilled.as_mut()?.as_mut_slice().get_mut(at - self.memory.len())
    }

    #[cold]
    fn spill(&mut self, value: T) -> Result<(), IndexError> {
        let spilled = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Box::new(MappedVec::new(&self.scratch)?),
        };
        Ok(self.spilled.insert(spilled).push(value)?)
    }
}

impl<T: Pod> Index<usize> for SpillingVec<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: usize) -> &T {
        self.get(at).expect(INSIDE)
    }
}

impl<T: Pod> IndexMut<usize> for SpillingVec<T> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut T {
        self.get_mut(at).expect(INSIDE)
    }
}
