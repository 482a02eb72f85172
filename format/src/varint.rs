//! Integers of 1 to 9 bytes.
//!
//! ```text
//! first byte          following bytes   value bits
//! 0vvvvvvv            0                  7
//! 10vvvvvv            1                 14
//! 110vvvvv            2                 21
//! …
//! 11111110            7                 56
//! 11111111            8                 64
//! ```
//!
//! The bits in the first byte are the most significant ones; the following bytes are little endian.

/// Longest encoding, in bytes.
pub(crate) const LEN_MAX: usize = 9;

/// The shortest encoding of `value`, and how many bytes of the array it takes.
pub(crate) fn encode(value: u64) -> ([u8; LEN_MAX], usize) {
    let bits = (u64::BITS - value.leading_zeros()).max(1);
    let following = ((bits - 1) / 7).min(8) as usize;
    let mut bytes = [0; LEN_MAX];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    bytes[0] = prefix(following) | high_bits(value, following);
    (bytes, following + 1)
}

/// How many bytes the encoding that starts with `first` takes.
pub(crate) fn len(first: u8) -> usize {
    first.leading_ones() as usize + 1
}

/// The value of a whole encoding: the first byte and the `len(first) - 1` after it.
pub(crate) fn decode(first: u8, following: &[u8]) -> u64 {
    let mut low = [0; 8];
    for (to, from) in low.iter_mut().zip(following) {
        *to = *from;
    }
    let high = u64::from(first & mask(following.len()));
    u64::from_le_bytes(low) | high.checked_shl(8 * following.len() as u32).unwrap_or(0)
}

/// As many leading ones as bytes follow.
fn prefix(following: usize) -> u8 {
    !0xff_u8.checked_shr(following as u32).unwrap_or(0)
}

/// The value bits of a first byte.
fn mask(following: usize) -> u8 {
    0x7f_u8.checked_shr(following as u32).unwrap_or(0)
}

/// The part of `value` that goes to the first byte.
fn high_bits(value: u64, following: usize) -> u8 {
    value.checked_shr(8 * following as u32).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u64, expected: &[u8]) {
        let (bytes, len_written) = encode(value);
        assert_eq!(&bytes[..len_written], expected, "encoding of {value}");
        assert_eq!(len(expected[0]), expected.len());
        assert_eq!(decode(expected[0], &expected[1..]), value);
    }

    #[test]
    fn values_at_the_edges_have_the_bytes_that_0_11_writes() {
        check(0, &[0x00]);
        check(1, &[0x01]);
        check(127, &[0x7f]);
        check(128, &[0x80, 0x80]);
        check(300, &[0x81, 0x2c]);
        check(0x3fff, &[0xbf, 0xff]);
        check(0x4000, &[0xc0, 0x00, 0x40]);
        check(8192, &[0xa0, 0x00]);
        check(0x1f_ffff, &[0xdf, 0xff, 0xff]);
        check(0x20_0000, &[0xe0, 0x00, 0x00, 0x20]);
        check(1 << 32, &[0xf1, 0, 0, 0, 0]);
        check((1 << 56) - 1, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        check(1 << 56, &[0xff, 0, 0, 0, 0, 0, 0, 0, 1]);
        check(u64::MAX, &[0xff; 9]);
    }

    #[test]
    fn longer_encodings_than_needed_are_read() {
        assert_eq!(decode(0x80, &[0x05]), 5);
        assert_eq!(decode(0xff, &[7, 0, 0, 0, 0, 0, 0, 0]), 7);
    }
}
