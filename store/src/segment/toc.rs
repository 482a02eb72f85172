//! The table of a segment's sections, as bytes and back.

use super::block_column::BlockEntry;
use super::{ALIGNMENT, BLOCK_LEN, END_MAGIC, FOOTER_LEN};
use xxhash_rust::xxh3::xxh3_64;

/// A section's name fits in the table's `name_len`, with room to spare.
pub(super) const NAME_LEN_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw = 0,
    Blocks = 2,
}

/// One section's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) encoding: Encoding,
    pub(super) element_size: u32,
    pub(super) offset: u64,
    pub(super) count: u64,
    pub(super) checksum: u64,
}

impl Entry {
    /// The bytes of the section in the file; `None` when no file has so many.
    pub(super) fn stored_len(&self) -> Option<u64> {
        match self.encoding {
            Encoding::Raw => self.count.checked_mul(self.element_size.into()),
            // An empty column has one block, too.
            Encoding::Blocks => {
                self.count.div_ceil(BLOCK_LEN as u64).max(1).checked_mul(size_of::<BlockEntry>() as u64)
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.name.len() as u8);
        out.extend_from_slice(self.name.as_bytes());
        out.push(self.encoding as u8);
        out.extend_from_slice(&self.element_size.to_le_bytes());
        for number in [self.offset, self.count, self.checksum] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [name_len] = take(bytes)?;
        let (name, rest) = bytes.split_at_checked(usize::from(name_len))?;
        *bytes = rest;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let encoding = match take(bytes)? {
            [0] => Encoding::Raw,
            [2] => Encoding::Blocks,
            _ => return None,
        };
        let element_size = u32::from_le_bytes(take(bytes)?);
        let [offset, count, checksum] = [take(bytes)?, take(bytes)?, take(bytes)?].map(u64::from_le_bytes);
        Some(Self { name, encoding, element_size, offset, count, checksum })
    }

    /// Whether the section lies where sections lie in a file whose table is at `table`.
    fn fits(&self, table: u64) -> bool {
        let end = self.stored_len().and_then(|len| len.checked_add(self.offset));
        self.offset.is_multiple_of(ALIGNMENT as u64) && end.is_some_and(|end| end <= table)
    }
}

/// The table and the footer of a file whose sections end at `offset`.
pub(super) fn encode(entries: &[Entry], offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut bytes));
    let (len, checksum) = (bytes.len() as u64, xxh3_64(&bytes));
    for number in [offset, len, checksum] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&END_MAGIC);
    bytes
}

/// The sections of a whole file, and where they end; `None` when its footer or its table is damaged.
pub(super) fn decode(file: &[u8]) -> Option<(Vec<Entry>, u64)> {
    let (body, mut footer) = file.split_at_checked(file.len().checked_sub(FOOTER_LEN)?)?;
    let [offset, len, checksum] =
        [take(&mut footer)?, take(&mut footer)?, take(&mut footer)?].map(u64::from_le_bytes);
    let table_offset = usize::try_from(offset).ok()?;
    let mut table = body.get(table_offset..)?;
    if footer != END_MAGIC || table.len() as u64 != len || xxh3_64(table) != checksum {
        return None;
    }
    let mut entries = Vec::new();
    while !table.is_empty() {
        entries.push(Entry::read(&mut table).filter(|entry| entry.fits(offset))?);
    }
    Some((entries, offset))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
