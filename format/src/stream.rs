//! From blocks to events: the window over the uncompressed stream.

use std::io::{self, Read};

use crate::block::{BlockRead, Buffer, FileStart};
use crate::cursor::Cursor;
use crate::decode::{Outcome, decode};
use crate::encode::REALLOC_EX_LEN;
use crate::ending::{Cut, Defect, Ending, Place};
use crate::event::{AllocBody, AllocationId, Event, Timestamp};
use crate::field::Field;
use crate::heap_events::HeapEvents;
use crate::kind::EventKind;
use crate::read_ahead::Blocks;

/// Contents that were too large to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many events came without their contents.
    pub events: u64,
    /// How many bytes of contents they claim.
    pub bytes: u64,
}

/// The events of a file, one at a time.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    blocks: Blocks<R>,
    contents_len_max: u64,
    /// The current block, and before it what the one before left over.
    window: Buffer,
    spare: Buffer,
    /// Offset in the uncompressed stream of the window's start.
    offset: u64,
    /// Bytes of contents to pass over before the next event.
    to_skip: u64,
    skipped: Skipped,
    ending: Option<Ending>,
    /// The input failed in the middle of a block, so what it says next has lost its place.
    failed: bool,
}

impl<R: Read> Stream<R> {
    pub(crate) fn new(blocks: Blocks<R>, contents_len_max: u64) -> Self {
        Self {
            blocks,
            contents_len_max,
            window: Buffer::default(),
            spare: Buffer::default(),
            offset: 0,
            to_skip: 0,
            skipped: Skipped::default(),
            ending: None,
            failed: false,
        }
    }

    #[inline]
    pub(crate) fn next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        // The event borrows the window, so whether it is whole is found out before it is taken.
        let ready =
            (self.to_skip == 0 && starts_with_allocation(self.window.filled())) || self.find_event()?;
        if !ready {
            return Ok(None);
        }
        let bytes = self.window.bytes.get(self.window.start..self.window.end).unwrap_or_default();
        let (event, used) = match decode(bytes, self.contents_len_max) {
            Outcome::Event { event, used } => (event, used),
            Outcome::Oversized { event, used, contents } => {
                self.to_skip = contents;
                self.skipped.events += 1;
                self.skipped.bytes = self.skipped.bytes.saturating_add(contents);
                (event, used)
            }
            Outcome::Incomplete { .. } | Outcome::Malformed(_) => return Ok(None),
        };
        self.window.start += used;
        self.offset += used as u64;
        Ok(Some(event))
    }

    pub(crate) fn tell_heap(&mut self, len: usize, heap: &mut impl HeapEvents) -> usize {
        for told in 0..len {
            let used = if self.to_skip == 0 { tell_first(self.window.filled(), heap) } else { None };
            let Some(used) = used else { return told };
            self.window.start += used;
            self.offset += used as u64;
        }
        len
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    pub(crate) fn file_offset(&self) -> u64 {
        self.blocks.offset()
    }

    pub(crate) fn file_start(&self) -> FileStart {
        self.blocks.file_start()
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Reads blocks until the window starts with a whole event; false at the end of the stream.
    fn find_event(&mut self) -> io::Result<bool> {
        while self.ending.is_none() && !self.failed {
            if !self.skip_contents() {
                self.read_block(self.to_skip)?;
                continue;
            }
            match decode(self.window.filled(), self.contents_len_max) {
                Outcome::Event { .. } | Outcome::Oversized { .. } => return Ok(true),
                Outcome::Incomplete { needed } => self.read_up_to(needed)?,
                Outcome::Malformed(malformed) => self.end_corrupt(Defect::Event(malformed)),
            }
        }
        Ok(false)
    }

    /// Reads blocks until the window has `needed` bytes or the stream ends.
    fn read_up_to(&mut self, needed: usize) -> io::Result<()> {
        while self.ending.is_none() && self.window.filled().len() < needed {
            self.read_block((needed - self.window.filled().len()) as u64)?;
        }
        Ok(())
    }

    /// Passes over contents that are in the window; false if more are to come.
    fn skip_contents(&mut self) -> bool {
        let here = usize::try_from(self.to_skip).unwrap_or(usize::MAX).min(self.window.filled().len());
        self.window.start += here;
        self.offset += here as u64;
        self.to_skip -= here as u64;
        self.to_skip == 0
    }

    /// Adds a block to the window, or sets the ending. The current event lacks `missing` bytes at least.
    fn read_block(&mut self, missing: u64) -> io::Result<()> {
        match self.blocks.read(&mut self.spare).inspect_err(|_| self.failed = true)? {
            BlockRead::Block => self.extend_window(),
            BlockRead::End if self.window.filled().is_empty() && self.to_skip == 0 => {
                self.ending = Some(Ending::Clean);
            }
            BlockRead::End => self.end_truncated(Cut::Event, missing),
            BlockRead::Truncated { missing } => self.end_truncated(Cut::Block, missing),
            BlockRead::Corrupt(defect) => self.end_corrupt(Defect::Block(defect)),
        }
        Ok(())
    }

    /// Joins what is left of the window and the new block by copying the smaller part, if there is room before the
    /// block.
    fn extend_window(&mut self) {
        let left = self.window.filled();
        if left.len() <= self.spare.filled().len() && self.spare.prepend(left) {
            std::mem::swap(&mut self.window, &mut self.spare);
        } else {
            self.window.append(self.spare.filled());
        }
        self.spare.recycle();
    }

    fn end_truncated(&mut self, inside: Cut, missing: u64) {
        self.ending = Some(Ending::Truncated { inside, missing, place: self.place() });
    }

    fn end_corrupt(&mut self, what: Defect) {
        self.ending = Some(Ending::Corrupt { what, place: self.place() });
    }

    fn place(&self) -> Place {
        Place {
            stream_offset: self.offset,
            file_offset: self.blocks.offset(),
            dropped: self.window.filled().len() as u64,
        }
    }
}

/// Tells the event that the bytes start with, if it is one of the three kinds and there are bytes enough for the longest;
/// says how many it takes.
#[inline(always)]
fn tell_first(bytes: &[u8], heap: &mut impl HeapEvents) -> Option<usize> {
    const ALLOC_EX: u32 = EventKind::AllocEx.tag();
    const REALLOC_EX: u32 = EventKind::ReallocEx.tag();
    const FREE_EX: u32 = EventKind::FreeEx.tag();
    let mut cursor = Cursor::new(bytes.first_chunk::<REALLOC_EX_LEN>()?, 0);
    let tag = u32::take(&mut cursor).ok()?;
    if !matches!(tag, ALLOC_EX | REALLOC_EX | FREE_EX) {
        return None;
    }
    let id = AllocationId::take(&mut cursor).ok()?;
    let timestamp = Timestamp::take(&mut cursor).ok()?;
    match tag {
        ALLOC_EX => heap.allocated(id, timestamp, &AllocBody::take(&mut cursor).ok()?),
        REALLOC_EX => {
            let old_pointer = u64::take(&mut cursor).ok()?;
            heap.reallocated(id, timestamp, old_pointer, &AllocBody::take(&mut cursor).ok()?);
        }
        _ => {
            let (pointer, backtrace) = (u64::take(&mut cursor).ok()?, u64::take(&mut cursor).ok()?);
            heap.freed(id, timestamp, pointer, backtrace, u32::take(&mut cursor).ok()?);
        }
    }
    Some(cursor.used())
}

/// Whether the bytes start with a whole event of the three kinds that make up nearly all of a capture.
#[inline]
fn starts_with_allocation(bytes: &[u8]) -> bool {
    const FIRST: u32 = EventKind::AllocEx.tag();
    const LAST: u32 = EventKind::FreeEx.tag();
    bytes.len() >= REALLOC_EX_LEN
        && bytes.first_chunk().is_some_and(|tag| (FIRST..=LAST).contains(&u32::from_le_bytes(*tag)))
}
