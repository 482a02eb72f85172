//! The file in version 2: blocks, each sealed and written at once.

use bytehound_format::v2::{BlockFlags, BlockKind, MAGIC, seal};

use super::output::Output;
use crate::sys::Result;

/// Bytes of rare events that are collected for a block.
const RARE_LEN: usize = 256 * 1024;

/// Blocks on their way into the file.
pub(super) struct Blocks {
    output: Output,
    /// Bytes of the file, and how many blocks it has.
    len: u64,
    count: u64,
    /// Rare events that are in no block yet.
    rare: Vec<u8>,
    /// What all blocks of rare events have.
    rare_flags: BlockFlags,
    /// Whether these begin inside an event, and end inside one.
    goes_on: bool,
    is_open: bool,
}

impl Blocks {
    /// Starts a file.
    pub(super) fn new(output: Output, rare_flags: BlockFlags) -> Result<Self> {
        let mut blocks = Self {
            output,
            len: 0,
            count: 0,
            rare: Vec::with_capacity(RARE_LEN),
            rare_flags,
            goes_on: false,
            is_open: false,
        };
        blocks.write(&[&MAGIC])?;
        Ok(blocks)
    }

    /// Writes a block of which `parts` are the payload, one after another.
    pub(super) fn put(&mut self, kind: BlockKind, parts: [&[u8]; 3]) -> Result<()> {
        self.put_flagged(kind, BlockFlags::PLAIN, parts)
    }

    /// Adds bytes of a rare event; after the last ones comes [`Blocks::end_event`].
    pub(super) fn put_rare(&mut self, bytes: &[u8]) -> Result<()> {
        if self.rare.len() + bytes.len() > RARE_LEN {
            self.flush_rare()?;
        }
        self.is_open = true;
        self.rare.extend_from_slice(bytes);
        Ok(())
    }

    /// Says that the bytes so far end with a whole event.
    pub(super) fn end_event(&mut self) -> Result<()> {
        self.is_open = false;
        if self.goes_on || self.rare.len() > RARE_LEN / 2 { self.flush_rare() } else { Ok(()) }
    }

    /// Writes the rare events so far.
    pub(super) fn flush_rare(&mut self) -> Result<()> {
        if self.rare.is_empty() {
            return Ok(());
        }
        let flag = |is_set: bool, flag| if is_set { flag } else { BlockFlags::PLAIN };
        let pieces =
            flag(self.goes_on, BlockFlags::CONTINUATION).and(flag(self.is_open, BlockFlags::CONTINUES));
        let flags = pieces.and(self.rare_flags);
        self.goes_on = self.is_open;
        let rare = core::mem::take(&mut self.rare);
        let result = self.put_flagged(BlockKind::Rare, flags, [&rare, &[], &[]]);
        self.rare = rare;
        self.rare.clear();
        result
    }

    /// Length of the file, and how many blocks it has.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.len, self.count)
    }

    fn put_flagged(&mut self, kind: BlockKind, flags: BlockFlags, [a, b, c]: [&[u8]; 3]) -> Result<()> {
        let header = seal(kind, flags, self.count, &[a, b, c]);
        self.count += 1;
        self.write(&[&header, a, b, c])
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.len += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.output.put(parts)
    }
}
