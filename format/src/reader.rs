//! A capture file as a header and a sequence of events.

use std::io::{self, Read};

use crate::block::BlockReader;
use crate::ending::Ending;
use crate::event::{Event, HeaderBody};
use crate::heap_events::HeapEvents;
use crate::input::{Input, Version};
use crate::limits::{BLOCK_LEN_MAX, CONTENTS_LEN_MAX, HELD_LEN_MAX};
use crate::open_error::OpenError;
use crate::read_ahead::{Blocks, ReadAhead};
use crate::stream::{Skipped, Stream};
use crate::v2;

/// How a [`Reader`] reads.
#[derive(Clone, Copy, Debug)]
pub struct ReaderOptions {
    /// Embedded files and memory dumps of more bytes are streamed past; their events come with empty contents.
    pub contents_len_max: u64,
    /// 0.11: a block of more uncompressed bytes counts as damage.
    pub block_len_max: usize,
    /// Version 2: of events that wait for a mark, so many bytes are held back; if there are more, the events come as
    /// well ordered as they can be.
    pub held_len_max: usize,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { contents_len_max: CONTENTS_LEN_MAX, block_len_max: BLOCK_LEN_MAX, held_len_max: HELD_LEN_MAX }
    }
}

/// Reads a capture of either version.
///
/// The first event is in [`Reader::header`]; [`Reader::next_event`] goes on after it. When that says `None`,
/// [`Reader::ending`] says whether the file was whole.
///
/// 0.11 takes the memory of one block and one event. Version 2 takes that of the events between two marks and of the
/// distinct stacks; its events come in order of time, with each backtrace before what refers to it.
#[derive(Debug)]
pub struct Reader<R> {
    header: HeaderBody<'static>,
    events: Events<R>,
}

#[derive(Debug)]
enum Events<R> {
    V1(Box<Stream<Input<R>>>),
    V2(Box<v2::Stream<R>>),
}

impl<R: Read> Reader<R> {
    /// Opens a capture: reads its header.
    pub fn new(input: R) -> Result<Self, OpenError> {
        Self::with_options(input, ReaderOptions::default())
    }

    /// Opens a capture with limits of the caller.
    pub fn with_options(input: R, options: ReaderOptions) -> Result<Self, OpenError> {
        Self::open(input, options, |input| Ok(Blocks::Here(BlockReader::new(input, options.block_len_max))))
    }

    /// As [`Self::with_options`], but a helper thread reads and decompresses the next block of a capture of 0.11
    /// meanwhile.
    ///
    /// Faster where a processor is free: decompressing is most of the work of reading. The thread ends with the
    /// file, or some time after the reader is dropped (an input that blocks for ever keeps it).
    pub fn read_ahead(input: R, options: ReaderOptions) -> Result<Self, OpenError>
    where
        R: Send + 'static,
    {
        Self::open(input, options, |input| {
            let blocks = BlockReader::new(input, options.block_len_max);
            Ok(Blocks::Ahead(ReadAhead::spawn(blocks)?))
        })
    }

    fn open(
        input: R,
        options: ReaderOptions,
        blocks: impl FnOnce(Input<R>) -> io::Result<Blocks<Input<R>>>,
    ) -> Result<Self, OpenError> {
        let input = Input::new(input)?;
        match input.version() {
            Version::V1 => Self::open_v1(blocks(input)?, options),
            Version::V2 => {
                let (header, stream) = v2::Stream::open(input, options)?;
                Ok(Self { header, events: Events::V2(Box::new(stream)) })
            }
            Version::Later(found) => Err(OpenError::Version { found }),
        }
    }

    fn open_v1(blocks: Blocks<Input<R>>, options: ReaderOptions) -> Result<Self, OpenError> {
        let mut stream = Stream::new(blocks, options.contents_len_max);
        let header = match stream.next_event()? {
            Some(Event::Header(header)) => header.into_owned(),
            Some(other) => return Err(OpenError::NoHeader { found: other.kind() }),
            None => {
                return Err(OpenError::from_ending(stream.ending(), stream.file_start().as_bytes()));
            }
        };
        Ok(Self { header, events: Events::V1(Box::new(stream)) })
    }

    /// The first event of the capture.
    pub fn header(&self) -> &HeaderBody<'static> {
        &self.header
    }

    /// How many frames of a stack were kept at most; none if the capture does not say, as those of 0.11 never do.
    pub fn frames_max(&self) -> Option<u32> {
        match &self.events {
            Events::V1(_) => None,
            Events::V2(stream) => stream.frames_max(),
        }
    }

    /// The next event; none at the end, of which [`Self::ending`] tells more. A second header is an event like any
    /// other.
    ///
    /// Errors are those of the input. After one there are no more events, and no ending.
    #[inline]
    pub fn next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        match &mut self.events {
            Events::V1(stream) => stream.next_event(),
            Events::V2(stream) => stream.next_event(),
        }
    }

    /// Tells `heap` what comes next, as long as it is what nearly all of a capture is, and at most `len` events of it;
    /// says how many that were. [`Self::next_event`] goes on with whatever comes then, which may be more of the same.
    #[inline]
    pub fn tell_heap(&mut self, len: usize, heap: &mut impl HeapEvents) -> usize {
        match &mut self.events {
            Events::V1(stream) => stream.tell_heap(len, heap),
            Events::V2(stream) => stream.tell_heap(len, heap),
        }
    }

    /// How the stream ended, once [`Self::next_event`] has said `None`.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.events {
            Events::V1(stream) => stream.ending(),
            Events::V2(stream) => stream.ending(),
        }
    }

    /// Bytes of the file that were taken: for progress.
    pub fn file_offset(&self) -> u64 {
        match &self.events {
            Events::V1(stream) => stream.file_offset(),
            Events::V2(stream) => stream.file_offset(),
        }
    }

    /// Offset of the next event in the uncompressed stream; version 2 has none, and gives [`Self::file_offset`].
    pub fn stream_offset(&self) -> u64 {
        match &self.events {
            Events::V1(stream) => stream.offset(),
            Events::V2(stream) => stream.file_offset(),
        }
    }

    /// Contents that were streamed past so far.
    pub fn skipped(&self) -> Skipped {
        match &self.events {
            Events::V1(stream) => stream.skipped(),
            Events::V2(stream) => stream.skipped(),
        }
    }
}
