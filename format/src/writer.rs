//! Events to a capture file.

use std::io::{self, Write};

use crate::block_writer::{BLOCK_SCRATCH_LEN, BlockSink, BlockWriter};
use crate::event::Event;
use crate::limits::BLOCK_LEN;

/// Writes events as a capture file. The first one should be a header.
///
/// What was written since the last [`Writer::flush`] is only in the file after [`Writer::finish`].
pub struct Writer<W: Write> {
    blocks: BlockWriter<Vec<u8>, File<W>>,
}

struct File<W>(W);

impl<W: Write> BlockSink for File<W> {
    type Error = io::Error;

    fn put_block(&mut self, block: &[u8]) -> io::Result<()> {
        self.0.write_all(block)
    }
}

impl<W: Write> Writer<W> {
    /// Starts a file.
    pub fn new(output: W) -> Self {
        let staging = vec![0; BLOCK_LEN];
        let scratch = vec![0; BLOCK_SCRATCH_LEN];
        Self { blocks: BlockWriter::with_memory(staging, scratch, File(output)) }
    }

    /// Adds one event.
    pub fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.blocks.write_event(event)
    }

    /// Writes out everything so far; it starts a new block, so often is expensive.
    pub fn flush(&mut self) -> io::Result<()> {
        self.blocks.flush()?;
        self.blocks.sink_mut().0.flush()
    }

    /// Writes out the rest and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.blocks.into_sink().0)
    }
}
