//! Reading blocks: what is damaged is passed over, up to the next block that is whole.

use std::io::{self, Read};

use lz4_flex::block::decompress_into;

use super::block::{BlockFlags, BlockHeader, HEADER_LEN, MAGIC, MARKER};
use super::window::Window;
use crate::losses::Losses;

/// What looking into damaged places may cost, in bytes that turn out to be no block: this, and as much again for each
/// byte of the file. Beyond it, what claims to be a block is passed over as a whole.
const VAIN_LEN: u64 = 64 << 20;

/// A block whose checksum was right.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) header: BlockHeader,
    /// Unpacked.
    pub(crate) payload: Vec<u8>,
}

/// Reads one block after another.
#[derive(Debug)]
pub(crate) struct BlockReader<R> {
    window: Window<R>,
    /// Number of the next block.
    sequence: u64,
    /// Bytes that were taken for a block in vain.
    vain: u64,
    /// Payloads that are no longer needed.
    spare: Vec<Vec<u8>>,
}

/// Payloads that are kept for further use.
const SPARE_MAX: usize = 32;

impl<R: Read> BlockReader<R> {
    /// Passes over the start of the file.
    pub(crate) fn new(input: R) -> io::Result<Self> {
        let mut window = Window::new(input);
        window.peek(MAGIC.len())?;
        window.take(MAGIC.len());
        Ok(Self { window, sequence: 0, vain: 0, spare: Vec::new() })
    }

    /// Where in the file this is.
    pub(crate) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Takes back the memory of a payload.
    pub(crate) fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(payload);
        }
    }

    /// The next block; none at the end of the file. What is lost on the way is added to `losses`.
    pub(crate) fn read(&mut self, losses: &mut Losses) -> io::Result<Option<Block>> {
        let start = self.window.offset();
        let mut cut = None;
        loop {
            let offset = self.window.offset();
            match self.read_here()? {
                Found::Block(block) => {
                    losses.damage(start, offset);
                    let sequence = block.header.sequence;
                    losses.missing_blocks =
                        losses.missing_blocks.saturating_add(sequence.saturating_sub(self.sequence));
                    self.sequence = sequence.saturating_add(1);
                    return Ok(Some(block));
                }
                Found::End => {
                    let (at, missing) = cut.unzip();
                    losses.damage(start, at.unwrap_or(offset));
                    losses.cut = losses.cut.or(missing);
                    return Ok(None);
                }
                Found::Cut { missing } => cut = cut.or(Some((offset, missing))),
                Found::Nothing => {}
            }
            self.window.take_up_to(&MARKER)?;
        }
    }

    /// What the file has here. Unless it is a block, one byte of it is taken, or all that it claims to be.
    fn read_here(&mut self) -> io::Result<Found> {
        let bytes = self.window.peek(HEADER_LEN)?;
        if bytes.is_empty() {
            return Ok(Found::End);
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_LEN>().copied() else {
            let is_start = MARKER.starts_with(bytes.get(..bytes.len().min(MARKER.len())).unwrap_or_default());
            let missing = HEADER_LEN - bytes.len();
            self.window.take(1);
            return Ok(if is_start { Found::Cut { missing: missing as u64 } } else { Found::Nothing });
        };
        let Some(header) = BlockHeader::parse(&bytes) else {
            self.window.take(1);
            return Ok(Found::Nothing);
        };
        let whole = HEADER_LEN + header.len;
        let found = self.window.peek(whole)?;
        let payload = found.get(HEADER_LEN..).unwrap_or_default();
        let missing = header.len - payload.len();
        if missing == 0 && header.is_intact(&bytes, payload) {
            let mut unpacked = self.spare.pop().unwrap_or_default();
            let is_sound = unpack(&header, payload, &mut unpacked);
            self.window.take(whole);
            return Ok(if is_sound {
                Found::Block(Block { header, payload: unpacked })
            } else {
                Found::Nothing
            });
        }
        self.vain += found.len() as u64;
        let in_vain = self.vain > VAIN_LEN + self.window.offset();
        self.window.take(if in_vain { whole } else { 1 });
        Ok(if missing > 0 { Found::Cut { missing: missing as u64 } } else { Found::Nothing })
    }
}

/// What the file has at some place.
enum Found {
    Block(Block),
    /// A block that lacks its last bytes, if it is one.
    Cut {
        missing: u64,
    },
    /// No block.
    Nothing,
    /// The end.
    End,
}

/// Puts the payload into `out` as it was before it was packed; false if that cannot be.
fn unpack(header: &BlockHeader, payload: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    if !header.flags.has(BlockFlags::LZ4) {
        out.extend_from_slice(payload);
        return payload.len() == header.plain_len;
    }
    // A byte of LZ4 stands for 255 bytes at most.
    if header.plain_len > payload.len().saturating_mul(255) {
        return false;
    }
    out.resize(header.plain_len, 0);
    decompress_into(payload, out).is_ok_and(|len| len == header.plain_len)
}
