//! Reading the blocks of a file.

use std::io::{self, Read};

use crate::input::read_full;
use crate::limits::BLOCK_LEN;
use crate::lz4::{self, Lz4Error};

/// Bytes before the payload of a block: its kind and the payload's length.
pub(crate) const BLOCK_HEADER_LEN: usize = 5;
/// The payload is an LZ4 block.
pub(crate) const KIND_LZ4: u8 = 1;
/// The payload is the bytes themselves.
pub(crate) const KIND_STORED: u8 = 2;

/// Room kept free before the bytes of a block, for the end of an event that started in the block before.
const HEADROOM: usize = 64 * 1024;

/// A buffer above this is given back after use: one large block shall not cost its memory for ever.
const KEPT_LEN_MAX: usize = 8 << 20;

/// Why a block cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockDefect {
    /// The first byte is no kind of block.
    #[error("a block starts with byte {kind:#04x}, which is no kind of block")]
    UnknownKind {
        /// The byte.
        kind: u8,
    },
    /// The block is larger than the reader was told to take.
    #[error("a block holds more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The payload does not decompress.
    #[error("a block's compressed data is damaged: {reason}")]
    Lz4 {
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What [`BlockReader::read`] found.
#[derive(Debug)]
pub(crate) enum BlockRead {
    /// A block, now in the buffer.
    Block,
    /// The end of the file, between two blocks.
    End,
    /// The end of the file inside a block that lacks this many bytes.
    Truncated { missing: u64 },
    /// A block that cannot be read.
    Corrupt(BlockDefect),
}

/// Uncompressed bytes of a block, with room before them.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Longer than what is filled: growing it again would zero it again.
    pub(crate) bytes: Vec<u8>,
    /// Where the filled part starts.
    pub(crate) start: usize,
    /// Where the filled part ends.
    pub(crate) end: usize,
}

impl Buffer {
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Puts `head` before the filled part, if there is room.
    pub(crate) fn prepend(&mut self, head: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(head.len()) else {
            return false;
        };
        let Some(room) = self.bytes.get_mut(start..self.start) else {
            return false;
        };
        room.copy_from_slice(head);
        self.start = start;
        true
    }

    /// Puts `tail` after the filled part.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        if self.bytes.len() - self.end < tail.len() && self.start > self.bytes.len() / 2 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let end = self.end + tail.len();
        if let Some(room) = self.bytes.get_mut(self.end..end) {
            room.copy_from_slice(tail);
        } else {
            self.bytes.truncate(self.end);
            self.bytes.extend_from_slice(tail);
        }
        self.end = end;
    }

    /// Empties the buffer; the next bytes have [`HEADROOM`] before them and `room` at first.
    fn clear(&mut self, room: usize) {
        if self.bytes.len() < HEADROOM + room {
            self.bytes.resize(HEADROOM + room, 0);
        }
        self.start = HEADROOM;
        self.end = HEADROOM;
    }

    /// Makes the buffer ready for another block.
    pub(crate) fn recycle(&mut self) {
        if self.bytes.len() > KEPT_LEN_MAX {
            *self = Self::default();
        }
    }
}

/// Reads one block after another.
#[derive(Debug)]
pub(crate) struct BlockReader<R> {
    input: R,
    offset: u64,
    len_max: usize,
    payload: Vec<u8>,
    file_start: FileStart,
}

/// The first bytes of a file: what it is, if it is no capture.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileStart {
    bytes: [u8; BLOCK_HEADER_LEN],
    len: usize,
}

impl FileStart {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<R: Read> BlockReader<R> {
    pub(crate) fn new(input: R, len_max: usize) -> Self {
        Self { input, offset: 0, len_max, payload: Vec::new(), file_start: FileStart::default() }
    }

    /// Bytes of the file taken so far. After a defect: where the block starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The first bytes of the file, once one block was tried.
    pub(crate) fn file_start(&self) -> FileStart {
        self.file_start
    }

    /// Reads the next block into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut Buffer) -> io::Result<BlockRead> {
        let mut header = [0; BLOCK_HEADER_LEN];
        let header_len = read_full(&mut self.input, &mut header)?;
        if header_len == 0 {
            return Ok(BlockRead::End);
        }
        if self.offset == 0 {
            self.file_start = FileStart { bytes: header, len: header_len };
        }
        let [kind, len @ ..] = header;
        if kind != KIND_LZ4 && kind != KIND_STORED {
            return Ok(BlockRead::Corrupt(BlockDefect::UnknownKind { kind }));
        }
        if header_len < BLOCK_HEADER_LEN {
            return Ok(BlockRead::Truncated { missing: (BLOCK_HEADER_LEN - header_len) as u64 });
        }
        let len = u64::from(u32::from_le_bytes(len));
        // LZ4 makes incompressible data longer, by a 255th and a few bytes.
        if len > self.len_max as u64 + self.len_max as u64 / 255 + 16 {
            return Ok(BlockRead::Corrupt(BlockDefect::TooLarge { limit: self.len_max }));
        }
        self.payload.clear();
        let payload_len = (&mut self.input).take(len).read_to_end(&mut self.payload)? as u64;
        if payload_len < len {
            return Ok(BlockRead::Truncated { missing: len - payload_len });
        }
        let unpacked = self.unpack(kind, buffer);
        if self.payload.capacity() > KEPT_LEN_MAX {
            self.payload = Vec::new();
        }
        if let Err(defect) = unpacked {
            return Ok(BlockRead::Corrupt(defect));
        }
        self.offset += BLOCK_HEADER_LEN as u64 + len;
        Ok(BlockRead::Block)
    }

    fn unpack(&mut self, kind: u8, buffer: &mut Buffer) -> Result<(), BlockDefect> {
        if kind == KIND_STORED {
            if self.payload.len() > self.len_max {
                return Err(BlockDefect::TooLarge { limit: self.len_max });
            }
            buffer.clear(0);
            buffer.append(&self.payload);
        } else {
            // A byte of LZ4 stands for 255 bytes at most, and most writers stop at `BLOCK_LEN`.
            buffer.clear(self.payload.len().saturating_mul(255).min(BLOCK_LEN));
            buffer.end += lz4::decompress(&self.payload, &mut buffer.bytes, HEADROOM, self.len_max)
                .map_err(|error| self.defect(error))?;
        }
        Ok(())
    }

    fn defect(&self, error: Lz4Error) -> BlockDefect {
        match error {
            Lz4Error::TooLarge => BlockDefect::TooLarge { limit: self.len_max },
            Lz4Error::Damaged(reason) => BlockDefect::Lz4 { reason },
        }
    }
}
