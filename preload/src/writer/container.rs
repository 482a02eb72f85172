//! Rare events in either version of the container.

use bytehound_format::v2::{self, BlockKind, Start};
use bytehound_format::{BlockWriter, Event, Output as _};

use super::blocks::Blocks;
use super::output::Output;
use crate::clock::Tick;
use crate::sys::Result;

/// What the file is made of.
pub(super) enum Container {
    /// Blocks of one stream, compressed: as Bytehound 0.11 reads it.
    V0_11(Box<BlockWriter<Vec<u8>, Output>>),
    /// Blocks as they are; at first what goes into the one at the start.
    V2 { blocks: Blocks, start: Option<Vec<u8>>, scratch: Vec<u8> },
}

impl Container {
    /// Adds an event that happens at `tick`.
    pub(super) fn event(&mut self, tick: Tick, event: &Event<'_>) -> Result<()> {
        match self {
            Self::V0_11(blocks) => blocks.write_event(event),
            Self::V2 { start: Some(payload), .. } => {
                Start::put_event(event, payload);
                Ok(())
            }
            Self::V2 { blocks, scratch, .. } => {
                scratch.clear();
                v2::put_rare(tick.0, event, scratch);
                blocks.put_rare(scratch)?;
                blocks.end_event()
            }
        }
    }

    /// Adds a piece of an event, as 0.11 encodes it: its first one.
    pub(super) fn begin_event(&mut self, tick: Tick, piece: &[u8]) -> Result<()> {
        if let Self::V2 { blocks, .. } = self {
            blocks.put_rare(&tick.0.to_le_bytes())?;
        }
        self.put(piece)
    }

    /// Adds a further piece.
    pub(super) fn put(&mut self, piece: &[u8]) -> Result<()> {
        match self {
            Self::V0_11(blocks) => {
                blocks.put(piece);
                Ok(())
            }
            Self::V2 { blocks, .. } => blocks.put_rare(piece),
        }
    }

    /// Says that the last piece was there.
    pub(super) fn end_event(&mut self) -> Result<()> {
        match self {
            Self::V0_11(blocks) => blocks.write_encoded(&[]),
            Self::V2 { blocks, .. } => blocks.end_event(),
        }
    }

    /// Ends what stands in the block at the start.
    pub(super) fn end_start(&mut self) -> Result<()> {
        match self {
            Self::V2 { blocks, start, .. } => match start.take() {
                Some(payload) => blocks.put(BlockKind::Start, [&payload, &[], &[]]),
                None => Ok(()),
            },
            Self::V0_11(_) => Ok(()),
        }
    }

    /// Writes what is collected to the file.
    pub(super) fn flush(&mut self) -> Result<()> {
        match self {
            Self::V0_11(blocks) => blocks.flush(),
            Self::V2 { blocks, .. } => blocks.flush_rare(),
        }
    }
}
