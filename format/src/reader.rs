//! A capture file as a header and a sequence of events.

use std::io::{self, Read};

use crate::block::BlockReader;
use crate::ending::Ending;
use crate::event::{Event, HeaderBody};
use crate::limits::{BLOCK_LEN_MAX, CONTENTS_LEN_MAX};
use crate::open_error::OpenError;
use crate::read_ahead::{Blocks, ReadAhead};
use crate::stream::{Skipped, Stream};

/// How a [`Reader`] reads.
#[derive(Clone, Copy, Debug)]
pub struct ReaderOptions {
    /// Embedded files and memory dumps of more bytes are streamed past; their events come with empty contents.
    pub contents_len_max: u64,
    /// A block of more uncompressed bytes counts as damage.
    pub block_len_max: usize,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { contents_len_max: CONTENTS_LEN_MAX, block_len_max: BLOCK_LEN_MAX }
    }
}

/// Reads a capture in the memory of one block and one event.
///
/// The first event is in [`Reader::header`]; [`Reader::next_event`] goes on after it. When that says `None`,
/// [`Reader::ending`] says whether the file was whole.
#[derive(Debug)]
pub struct Reader<R> {
    header: HeaderBody<'static>,
    stream: Stream<R>,
}

impl<R: Read> Reader<R> {
    /// Opens a capture: reads its header.
    pub fn new(input: R) -> Result<Self, OpenError> {
        Self::with_options(input, ReaderOptions::default())
    }

    /// Opens a capture with limits of the caller.
    pub fn with_options(input: R, options: ReaderOptions) -> Result<Self, OpenError> {
        let blocks = BlockReader::new(input, options.block_len_max);
        Self::from_blocks(Blocks::Here(blocks), options)
    }

    /// As [`Self::with_options`], but a helper thread reads and decompresses the next block meanwhile.
    ///
    /// Faster where a processor is free: decompressing is most of the work of reading. The thread ends with the
    /// file, or some time after the reader is dropped (an input that blocks for ever keeps it).
    pub fn read_ahead(input: R, options: ReaderOptions) -> Result<Self, OpenError>
    where
        R: Send + 'static,
    {
        let blocks = BlockReader::new(input, options.block_len_max);
        Self::from_blocks(Blocks::Ahead(ReadAhead::spawn(blocks)?), options)
    }

    fn from_blocks(blocks: Blocks<R>, options: ReaderOptions) -> Result<Self, OpenError> {
        let mut stream = Stream::new(blocks, options.contents_len_max);
        let header = match stream.next_event()? {
            Some(Event::Header(header)) => header.into_owned(),
            Some(other) => return Err(OpenError::NoHeader { found: other.kind() }),
            None => {
                return Err(OpenError::from_ending(stream.ending(), stream.file_start().as_bytes()));
            }
        };
        Ok(Self { header, stream })
    }

    /// The first event of the capture.
    pub fn header(&self) -> &HeaderBody<'static> {
        &self.header
    }

    /// The next event; none at the end, of which [`Self::ending`] tells more. A second header is an event like any
    /// other.
    ///
    /// Errors are those of the input. After one there are no more events, and no ending.
    #[inline]
    pub fn next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        self.stream.next_event()
    }

    /// How the stream ended, once [`Self::next_event`] has said `None`.
    pub fn ending(&self) -> Option<&Ending> {
        self.stream.ending()
    }

    /// Bytes of the file that were taken: for progress.
    pub fn file_offset(&self) -> u64 {
        self.stream.file_offset()
    }

    /// Offset of the next event in the uncompressed stream.
    pub fn stream_offset(&self) -> u64 {
        self.stream.offset()
    }

    /// Contents that were streamed past so far.
    pub fn skipped(&self) -> Skipped {
        self.stream.skipped()
    }
}
