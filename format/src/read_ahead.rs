//! Reading and decompressing blocks on a thread of their own, while the caller works on the block before.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::block::{BlockRead, BlockReader, Buffer, FileStart};

/// Blocks that may wait for the caller: one in work, one ready. More would only cost memory.
const BLOCKS_AHEAD: usize = 1;

/// Where a stream takes its blocks from.
#[derive(Debug)]
pub(crate) enum Blocks<R> {
    /// The caller's own thread.
    Here(BlockReader<R>),
    /// A helper thread.
    Ahead(ReadAhead),
}

/// The caller's end of a helper thread. The thread ends with the file, or after this is dropped.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    filled: Receiver<Filled>,
    emptied: Sender<Buffer>,
    offset: u64,
    file_start: FileStart,
}

/// What the helper thread read.
#[derive(Debug)]
struct Filled {
    buffer: Buffer,
    read: io::Result<BlockRead>,
    offset: u64,
    file_start: FileStart,
}

impl ReadAhead {
    pub(crate) fn spawn<R: Read + Send + 'static>(reader: BlockReader<R>) -> io::Result<Self> {
        let (filled_sender, filled) = sync_channel(BLOCKS_AHEAD);
        let (emptied, emptied_receiver) = channel();
        thread::Builder::new()
            .name("read-ahead".to_owned())
            .spawn(move || read_blocks(reader, &filled_sender, &emptied_receiver))?;
        Ok(Self { filled, emptied, offset: 0, file_start: FileStart::default() })
    }

    fn read(&mut self, buffer: &mut Buffer) -> io::Result<BlockRead> {
        // If the thread is gone it no longer needs buffers, and the receiver below says so.
        let _ = self.emptied.send(std::mem::take(buffer));
        let ended = |_| io::Error::other("the thread that reads ahead has ended");
        let filled = self.filled.recv().map_err(ended)?;
        self.offset = filled.offset;
        self.file_start = filled.file_start;
        *buffer = filled.buffer;
        filled.read
    }
}

/// The helper thread: stops at the end of the file, at the first trouble, or when nobody listens any more.
fn read_blocks<R: Read>(mut reader: BlockReader<R>, filled: &SyncSender<Filled>, emptied: &Receiver<Buffer>) {
    loop {
        let mut buffer = emptied.try_recv().unwrap_or_default();
        let read = reader.read(&mut buffer);
        let more = matches!(read, Ok(BlockRead::Block));
        let (offset, file_start) = (reader.offset(), reader.file_start());
        let sent = filled.send(Filled { buffer, read, offset, file_start });
        if !more || sent.is_err() {
            return;
        }
    }
}

impl<R: Read> Blocks<R> {
    /// Reads the next block into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut Buffer) -> io::Result<BlockRead> {
        match self {
            Self::Here(reader) => reader.read(buffer),
            Self::Ahead(ahead) => ahead.read(buffer),
        }
    }

    /// As [`BlockReader::offset`], for the blocks that were handed out.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Here(reader) => reader.offset(),
            Self::Ahead(ahead) => ahead.offset,
        }
    }

    /// As [`BlockReader::file_start`].
    pub(crate) fn file_start(&self) -> FileStart {
        match self {
            Self::Here(reader) => reader.file_start(),
            Self::Ahead(ahead) => ahead.file_start,
        }
    }
}
