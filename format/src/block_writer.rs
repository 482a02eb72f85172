//! Writing blocks. Nothing is allocated after construction: the capture library brings its own memory.

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use crate::block::{BLOCK_HEADER_LEN, KIND_LZ4};
use crate::event::Event;
use crate::limits::BLOCK_LEN;
use crate::output::Output;

/// Bytes of the second piece of a [`BlockWriter`]'s memory: a block that does not compress, and its header.
pub const BLOCK_SCRATCH_LEN: usize = BLOCK_HEADER_LEN + get_maximum_output_size(BLOCK_LEN);

/// Takes whole blocks, ready for the file.
pub trait BlockSink {
    /// What can go wrong when a block is written.
    type Error;

    /// Takes one block.
    fn put_block(&mut self, block: &[u8]) -> Result<(), Self::Error>;
}

impl<F, E> BlockSink for F
where
    F: FnMut(&[u8]) -> Result<(), E>,
{
    type Error = E;

    fn put_block(&mut self, block: &[u8]) -> Result<(), E> {
        self(block)
    }
}

/// Collects events, compresses them, and hands out blocks.
///
/// `B` is the memory it works in: two pieces, of [`BLOCK_LEN`] bytes and of [`BLOCK_SCRATCH_LEN`] bytes.
/// An event that fits in one block is not spread over two, so a file that is cut between blocks ends cleanly.
pub struct BlockWriter<B, S: BlockSink> {
    staging: B,
    staged: usize,
    scratch: B,
    table: CompressTable,
    sink: S,
    failure: Option<S::Error>,
}

impl<B: AsMut<[u8]>, S: BlockSink> BlockWriter<B, S> {
    /// Starts with an empty block; none if a piece of memory is too small.
    pub fn new(mut staging: B, mut scratch: B, sink: S) -> Option<Self> {
        let enough = staging.as_mut().len() >= BLOCK_LEN && scratch.as_mut().len() >= BLOCK_SCRATCH_LEN;
        enough.then(|| Self::with_memory(staging, scratch, sink))
    }

    /// As [`Self::new`], for memory that is known to be enough.
    pub(crate) fn with_memory(staging: B, scratch: B, sink: S) -> Self {
        Self { staging, staged: 0, scratch, table: CompressTable::large(), sink, failure: None }
    }

    /// Adds one event.
    pub fn write_event(&mut self, event: &Event<'_>) -> Result<(), S::Error> {
        self.make_room(event.encoded_len());
        event.encode(self);
        self.take_failure()
    }

    /// Adds an event that is encoded already.
    pub fn write_encoded(&mut self, event: &[u8]) -> Result<(), S::Error> {
        self.make_room(event.len());
        self.put(event);
        self.take_failure()
    }

    /// Hands out what was collected, as a block of its own.
    pub fn flush(&mut self) -> Result<(), S::Error> {
        self.write_block();
        self.take_failure()
    }

    /// Bytes collected that no block holds yet.
    pub fn staged(&self) -> usize {
        self.staged
    }

    /// Where the blocks go.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Gives up the memory; what was collected since the last [`Self::flush`] is lost.
    pub fn into_sink(self) -> S {
        self.sink
    }

    fn make_room(&mut self, len: usize) {
        if len <= BLOCK_LEN && len > BLOCK_LEN - self.staged {
            self.write_block();
        }
    }

    fn write_block(&mut self) {
        if self.staged == 0 {
            return;
        }
        let input = self.staging.as_mut().get(..self.staged).unwrap_or_default();
        self.staged = 0;
        let Some((header, payload)) = self.scratch.as_mut().split_first_chunk_mut::<BLOCK_HEADER_LEN>()
        else {
            return;
        };
        // The scratch is as long as the compressor can ever need, so this does not fail.
        let Ok(len) = compress_into_with_table(input, payload, &mut self.table) else {
            return;
        };
        let [a, b, c, d] = (len as u32).to_le_bytes();
        *header = [KIND_LZ4, a, b, c, d];
        let block = self.scratch.as_mut().get(..BLOCK_HEADER_LEN + len).unwrap_or_default();
        if let Err(error) = self.sink.put_block(block) {
            self.failure.get_or_insert(error);
        }
    }

    fn take_failure(&mut self) -> Result<(), S::Error> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl<B: AsMut<[u8]>, S: BlockSink> Output for BlockWriter<B, S> {
    /// Adds a part of an event. What goes wrong is told by the next call that can fail.
    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.staging.as_mut().get_mut(self.staged..BLOCK_LEN).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            copy_to_start(room, now);
            self.staged += now.len();
            bytes = later;
            if self.staged == BLOCK_LEN {
                self.write_block();
            }
        }
    }
}

/// Copies `bytes` to the start of `to`, which is at least as long.
fn copy_to_start(to: &mut [u8], bytes: &[u8]) {
    if let Some(slot) = to.get_mut(..bytes.len()) {
        slot.copy_from_slice(bytes);
    }
}
