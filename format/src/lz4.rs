//! LZ4 blocks whose uncompressed size nobody wrote down.
//!
//! 0.11 ignores LZ4's end-of-block rules: its matches may run to the last byte. The reference decoder refuses most
//! of its blocks; `lz4_flex` takes them, given enough room. So the room is guessed, and measured if too small.

use lz4_flex::block::{DecompressError, decompress_into};

/// Why a payload is no LZ4 block.
#[derive(Debug)]
pub(crate) enum Lz4Error {
    /// It decompresses to more than the limit.
    TooLarge,
    /// It is damaged.
    Damaged(&'static str),
}

/// Decompresses `payload` to `out[at..]`, lets `out` grow if it must, and returns the number of bytes.
pub(crate) fn decompress(
    payload: &[u8],
    out: &mut Vec<u8>,
    at: usize,
    len_max: usize,
) -> Result<usize, Lz4Error> {
    if payload.is_empty() {
        return Ok(0);
    }
    match try_decompress(payload, out, at, len_max) {
        Err(DecompressError::OutputTooSmall { .. }) => {
            let len = measure(payload, len_max)?;
            if out.len() < at + len {
                out.resize(at + len, 0);
            }
            try_decompress(payload, out, at, len_max).map_err(describe)
        }
        result => result.map_err(describe),
    }
}

fn try_decompress(
    payload: &[u8],
    out: &mut [u8],
    at: usize,
    len_max: usize,
) -> Result<usize, DecompressError> {
    let end = out.len().min(at.saturating_add(len_max));
    decompress_into(payload, out.get_mut(at..end).unwrap_or_default())
}

fn describe(error: DecompressError) -> Lz4Error {
    Lz4Error::Damaged(match error {
        DecompressError::LiteralOutOfBounds => "literals run past its end",
        DecompressError::ExpectedAnotherByte => "it ends inside a sequence",
        DecompressError::OffsetZero => "a match has distance 0",
        DecompressError::OffsetOutOfBounds => "a match starts before the block",
        _ => "its sequences contradict each other",
    })
}

/// The uncompressed size of a block, from its tokens alone.
fn measure(payload: &[u8], len_max: usize) -> Result<usize, Lz4Error> {
    let mut rest = payload;
    let mut total = 0_usize;
    while let Some((&token, after_token)) = rest.split_first() {
        rest = after_token;
        let literals = sequence_len(token >> 4, &mut rest)?;
        rest = rest.get(literals..).ok_or(Lz4Error::Damaged("literals run past its end"))?;
        total = total.saturating_add(literals);
        if !rest.is_empty() {
            rest = rest.get(2..).ok_or(Lz4Error::Damaged("it ends inside a sequence"))?;
            total = total.saturating_add(sequence_len(token & 15, &mut rest)? + 4);
        }
        if total > len_max {
            return Err(Lz4Error::TooLarge);
        }
    }
    Ok(total)
}

/// A length of which a token holds `nibble`: 15 is continued by bytes up to the first that is not 255.
fn sequence_len(nibble: u8, rest: &mut &[u8]) -> Result<usize, Lz4Error> {
    let mut len = usize::from(nibble);
    let mut more = nibble == 15;
    while more {
        let (&byte, after) = rest.split_first().ok_or(Lz4Error::Damaged("it ends inside a length"))?;
        *rest = after;
        len += usize::from(byte);
        more = byte == 255;
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &[u8], expected: &[u8]) {
        let mut out = vec![0; 3];
        let len = decompress(payload, &mut out, 1, 1 << 20).unwrap();
        assert_eq!(&out[1..1 + len], expected);
    }

    #[test]
    fn an_empty_payload_is_an_empty_block() {
        check(&[], &[]);
    }

    #[test]
    fn a_match_may_run_to_the_end_before_an_empty_sequence() {
        check(&[0x1f, b'a', 1, 0, 0, 0x00], &[b'a'; 20]);
    }

    #[test]
    fn a_match_may_end_less_than_five_bytes_before_the_end() {
        check(&[0x10, b'a', 1, 0, 0x20, b'b', b'c'], b"aaaaabc");
    }

    #[test]
    fn room_grows_to_what_the_tokens_say() {
        let mut payload = vec![0x1f, b'x', 1, 0];
        payload.extend([255; 40]);
        payload.extend([0, 0x00]);
        check(&payload, &vec![b'x'; 1 + 19 + 40 * 255]);
    }

    #[test]
    fn a_block_above_the_limit_is_refused_without_taking_its_memory() {
        let mut payload = vec![0x1f, b'x', 1, 0];
        payload.extend([255; 40]);
        payload.extend([0, 0x00]);
        let mut out = Vec::new();
        assert!(matches!(decompress(&payload, &mut out, 0, 1000), Err(Lz4Error::TooLarge)));
        assert_eq!(out.capacity(), 0);
    }

    #[test]
    fn a_match_before_the_start_is_damage() {
        let mut out = vec![0; 64];
        assert!(matches!(decompress(&[0x10, b'a', 9, 0, 0x00], &mut out, 0, 64), Err(Lz4Error::Damaged(_))));
    }
}
