//! A row as it is stored, so that a missing one is noticed.
//!
//! ```text
//! key    0x01 · key as given
//! value  number u32 · check u32 (low half of xxh3 over key, number and value) · value as given
//!
//! 0x00 "commit"   format u32 · count u32 · xxh3 u64 of both: written last, when all rows are durable
//! ```
//!
//! Rows are numbered in the order of their keys. A reader who knows the number of a row's neighbour knows whether one
//! is missing between them, without reading the others; the first must be 0 and the last `count - 1`.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

pub(super) const COMMIT_KEY: &[u8] = b"\0commit";
const ROW_PREFIX: u8 = 1;
const FORMAT: u32 = 1;

pub(super) fn key(key: &[u8]) -> Vec<u8> {
    [&[ROW_PREFIX], key].concat()
}

/// The key as it was given, of a stored row.
pub(super) fn given_key(stored: &[u8]) -> Option<&[u8]> {
    stored.strip_prefix(&[ROW_PREFIX])
}

pub(super) fn encode(key: &[u8], number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + value.len());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&check(key, number, value).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// The number and the value of a stored row; `None` when it is damaged.
pub(super) fn decode<'a>(key: &[u8], bytes: &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (expected, value) = rest.split_first_chunk()?;
    let number = u32::from_le_bytes(*number);
    (check(key, number, value).to_le_bytes() == *expected).then_some((number, value))
}

pub(super) fn encode_commit(count: u32) -> Vec<u8> {
    let mut bytes = FORMAT.to_le_bytes().to_vec();
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
    bytes
}

/// The number of rows; `None` when the commit is damaged or of another format.
pub(super) fn decode_commit(bytes: &[u8]) -> Option<u32> {
    let count = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    (bytes == encode_commit(count)).then_some(count)
}

fn check(key: &[u8], number: u32, value: &[u8]) -> u32 {
    let mut hasher = Xxh3::new();
    hasher.update(key);
    hasher.update(&number.to_le_bytes());
    hasher.update(value);
    hasher.digest() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_bound_to_its_key_its_number_and_its_value() {
        let bytes = encode(b"key", 7, b"value");
        assert_eq!(decode(b"key", &bytes), Some((7, b"value".as_slice())));
        assert_eq!(decode(b"other", &bytes), None);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(decode(b"key", &flipped), None, "byte {at}");
        }
    }

    #[test]
    fn a_damaged_commit_counts_nothing() {
        let bytes = encode_commit(3);
        assert_eq!(decode_commit(&bytes), Some(3));
        assert_eq!(decode_commit(&bytes[..bytes.len() - 1]), None);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(decode_commit(&flipped), None, "byte {at}");
        }
    }
}
