//! The block: what a file is made of, and what damage costs.
//!
//! ```text
//!  0        4      5       6          8          12          16            24            32
//!  ┌────────┬──────┬───────┬──────────┬──────────┬───────────┬─────────────┬─────────────┬─────────┐
//!  │ marker │ kind │ flags │ zero     │ len      │ plain_len │ sequence    │ checksum    │ payload │
//!  │ 4      │ u8   │ u8    │ u16      │ u32      │ u32       │ u64         │ u64         │ len     │
//!  └────────┴──────┴───────┴──────────┴──────────┴───────────┴─────────────┴─────────────┴─────────┘
//! ```
//!
//! `len` counts the payload as it is stored, `plain_len` what it is when it is unpacked. The first block has sequence
//! number 0, and each further one the next. The checksum is XXH3-64 of bytes 4..24 and the payload as it is stored.

use xxhash_rust::xxh3::Xxh3;

/// The bytes that every file of version 2 starts with; no file of 0.11 starts with such a byte.
pub const MAGIC: [u8; 8] = *b"\x8bhound\x00\x02";

/// Bytes before the payload of a block.
pub const HEADER_LEN: usize = 32;

/// Bytes of the longest payload, stored or unpacked: what a reader holds at most for one block. What is longer is
/// spread over several blocks.
pub const PAYLOAD_LEN_MAX: usize = 4 << 20;

/// The bytes that every block starts with.
pub(crate) const MARKER: [u8; 4] = [0xb7, b'B', b'L', b'K'];

/// Where the checksum stands, which is also where the checksummed part of the header ends.
const CHECKSUM_AT: usize = 24;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BlockKind {
    /// What is known at the start: see [`super::Start`].
    Start = 1,
    /// A batch of one thread's events: see [`super::BatchStart`].
    Events = 2,
    /// Nodes of the tree of stacks: see [`super::NodeEncoder`].
    Stacks = 3,
    /// Events of the 0.11 encoding, each behind its tick: see [`super::put_rare`].
    Rare = 4,
    /// A mark: see [`super::Complete`].
    Complete = 5,
    /// The end: see [`super::End`].
    End = 6,
}

impl BlockKind {
    const ALL: [Self; 6] = [Self::Start, Self::Events, Self::Stacks, Self::Rare, Self::Complete, Self::End];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// How a payload is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BlockFlags(u8);

impl BlockFlags {
    /// The payload is what it is.
    pub const PLAIN: Self = Self(0);
    /// The payload is an LZ4 block.
    pub const LZ4: Self = Self(1);
    /// Rare blocks: the last event goes on in the next block with [`Self::CONTINUATION`].
    pub const CONTINUES: Self = Self(2);
    /// Rare blocks: the payload is a further piece of an event, and nothing else.
    pub const CONTINUATION: Self = Self(4);
    /// Rare blocks: backtraces are ids of events in such blocks, not nodes.
    pub const OWN_BACKTRACES: Self = Self(8);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// What the block holds.
    pub kind: BlockKind,
    /// How.
    pub flags: BlockFlags,
    /// Bytes of the payload as it is stored.
    pub len: usize,
    /// Bytes of the payload when it is unpacked.
    pub plain_len: usize,
    /// Number of the block.
    pub sequence: u64,
    checksum: u64,
}

/// Makes the header of a block whose payload is `parts`, one after another, stored as they are. It allocates nothing.
pub fn seal(kind: BlockKind, flags: BlockFlags, sequence: u64, parts: &[&[u8]]) -> [u8; HEADER_LEN] {
    let len = parts.iter().map(|part| part.len()).sum();
    seal_packed(kind, flags, sequence, len, parts)
}

/// As [`seal`], for a payload that unpacks to `plain_len` bytes.
pub(crate) fn seal_packed(
    kind: BlockKind,
    flags: BlockFlags,
    sequence: u64,
    plain_len: usize,
    parts: &[&[u8]],
) -> [u8; HEADER_LEN] {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut header = [0; HEADER_LEN];
    let [a, b, c, d] = MARKER;
    let [l0, l1, l2, l3] = (len as u32).to_le_bytes();
    let [p0, p1, p2, p3] = (plain_len as u32).to_le_bytes();
    let start = [a, b, c, d, kind as u8, flags.0, 0, 0, l0, l1, l2, l3, p0, p1, p2, p3];
    let fields = start.into_iter().chain(sequence.to_le_bytes());
    header.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
    let sum = checksum(&header, parts);
    header.iter_mut().skip(CHECKSUM_AT).zip(sum.to_le_bytes()).for_each(|(place, byte)| *place = byte);
    header
}

fn checksum(header: &[u8; HEADER_LEN], parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(header.get(MARKER.len()..CHECKSUM_AT).unwrap_or_default());
    parts.iter().for_each(|part| hash.update(part));
    hash.digest()
}

impl BlockHeader {
    /// The header in these bytes, if they can be one.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let [a, b, c, d, kind, flags, 0, 0, l0, l1, l2, l3, p0, p1, p2, p3, rest @ ..] = *bytes else {
            return None;
        };
        let [s0, s1, s2, s3, s4, s5, s6, s7, sum @ ..] = rest;
        let header = Self {
            kind: BlockKind::from_byte(kind)?,
            flags: BlockFlags(flags),
            len: u32::from_le_bytes([l0, l1, l2, l3]) as usize,
            plain_len: u32::from_le_bytes([p0, p1, p2, p3]) as usize,
            sequence: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            checksum: u64::from_le_bytes(sum),
        };
        let fits = header.len <= PAYLOAD_LEN_MAX && header.plain_len <= PAYLOAD_LEN_MAX;
        ([a, b, c, d] == MARKER && fits).then_some(header)
    }

    /// Whether header and payload are as they were written.
    pub fn is_intact(&self, bytes: &[u8; HEADER_LEN], payload: &[u8]) -> bool {
        payload.len() == self.len && checksum(bytes, &[payload]) == self.checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_from_its_bytes_however_the_payload_was_cut() {
        let flags = BlockFlags::LZ4.and(BlockFlags::CONTINUES);
        let whole = seal_packed(BlockKind::Rare, flags, 7, 99, &[b"hello world"]);
        let parts = seal_packed(BlockKind::Rare, flags, 7, 99, &[b"hel", b"", b"lo world"]);
        assert_eq!(whole, parts);
        let header = BlockHeader::parse(&whole).expect("a header");
        assert_eq!((header.kind, header.flags), (BlockKind::Rare, flags));
        assert_eq!((header.len, header.plain_len, header.sequence), (11, 99, 7));
        assert!(header.is_intact(&whole, b"hello world"));
        assert!(!header.is_intact(&whole, b"hello_world"));
    }

    #[test]
    fn every_bit_of_a_header_counts() {
        let bytes = seal(BlockKind::Events, BlockFlags::PLAIN, 3, &[b"payload"]);
        for bit in 0..8 * HEADER_LEN {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let header = BlockHeader::parse(&damaged);
            assert!(!header.is_some_and(|header| header.is_intact(&damaged, b"payload")), "bit {bit}");
        }
    }
}
