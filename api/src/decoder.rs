//! Undoing the content encoding of an upload, a bounded piece at a time: a few bytes can stand for gigabytes.

use crate::errors::BAD_ENCODING;
use crate::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};
use zstd::stream::raw::{Decoder as RawZstd, InBuffer, Operation, OutBuffer};

/// Bytes decoded at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// A zstd stream may ask for a window of 2²⁵ bytes: `zstd --ultra -20` does, and every upload may.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// Undoes one content encoding.
pub(crate) enum Decoder {
    /// Bytes as they are.
    Identity,
    /// One or several gzip members.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// One or several zstd frames.
    Zstd(Box<Zstd>),
}

pub(crate) struct Zstd {
    raw: RawZstd<'static>,
    is_between_frames: bool,
}

impl Decoder {
    /// The decoder for a request; its encoding, where there is none.
    fn of(headers: &HeaderMap) -> Result<Self, String> {
        let encoding = headers.get(CONTENT_ENCODING).map_or(Ok("identity"), |value| value.to_str());
        match encoding.unwrap_or("?").trim().to_ascii_lowercase().as_str() {
            "identity" | "" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))),
            "zstd" => Zstd::new().map(|zstd| Self::Zstd(Box::new(zstd))).map_err(|error| error.to_string()),
            other => Err(other.to_owned()),
        }
    }

    /// The same, telling why there is none.
    pub(crate) fn of_request(request: &HttpRequest) -> Result<Self, Problem> {
        Self::of(request.headers()).map_err(|encoding| {
            let detail = format!("`{encoding}`: send the capture as it is, or with `gzip` or `zstd`");
            Problem::new(&BAD_ENCODING, detail)
        })
    }

    /// Decodes some of `input`: gives how much of it is done, and what came of that.
    pub(crate) fn decode(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        match self {
            Self::Identity => {
                let piece = &input[..input.len().min(PIECE_BYTES)];
                Ok((piece.len(), piece.to_vec()))
            }
            Self::Gzip(gzip) => {
                let done = gzip.write(input)?;
                Ok((done, std::mem::take(gzip.get_mut())))
            }
            Self::Zstd(zstd) => zstd.decode(input),
        }
    }

    /// What was still held back. An encoding that is not complete is an error.
    pub(crate) fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip(gzip) => {
                gzip.try_finish()?;
                Ok(std::mem::take(gzip.get_mut()))
            }
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl Zstd {
    fn new() -> io::Result<Self> {
        let mut raw = RawZstd::new()?;
        raw.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(Self { raw, is_between_frames: true })
    }

    fn decode(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let mut source = InBuffer::around(input);
        let hint = self.raw.run(&mut source, &mut OutBuffer::around(&mut piece))?;
        self.is_between_frames = hint == 0;
        Ok((source.pos(), piece))
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self.is_between_frames {
            true => Ok(Vec::new()),
            false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the zstd frame is not complete")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoder(encoding: &'static str) -> Decoder {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, actix_web::http::header::HeaderValue::from_static(encoding));
        Decoder::of(&headers).unwrap()
    }

    /// Feeds `encoded` in chunks; gives all that comes out, and the largest piece.
    fn decode(encoding: &'static str, encoded: &[u8], chunk: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut decoder = decoder(encoding);
        let (mut all, mut largest) = (Vec::new(), 0);
        for mut input in encoded.chunks(chunk) {
            while !input.is_empty() {
                let (done, piece) = decoder.decode(input)?;
                input = &input[done..];
                largest = largest.max(piece.len());
                all.extend(piece);
            }
        }
        all.extend(decoder.finish()?);
        Ok((all, largest))
    }

    #[test]
    fn what_was_encoded_comes_back_in_bounded_pieces() {
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|index| (index / 100_000) as u8).collect();
        let zstd = zstd::encode_all(bytes.as_slice(), 3).unwrap();
        for (encoding, encoded) in [("gzip", gzip(&bytes)), ("zstd", zstd), ("identity", bytes.clone())] {
            for chunk in [encoded.len(), 7000] {
                let (decoded, largest) = decode(encoding, &encoded, chunk).unwrap();
                assert!(decoded == bytes, "{encoding}");
                assert!(largest <= 4 * PIECE_BYTES, "{encoding}: {largest}");
            }
        }
    }

    #[test]
    fn several_members_are_one_stream() {
        let twice = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode("gzip", &twice, 5).unwrap().0, b"one two");
        let twice =
            [zstd::encode_all(&b"one "[..], 3).unwrap(), zstd::encode_all(&b"two"[..], 3).unwrap()].concat();
        assert_eq!(decode("zstd", &twice, 5).unwrap().0, b"one two");
    }

    #[test]
    fn an_encoding_that_is_cut_off_is_an_error() {
        let bytes = vec![7; 100_000];
        for (encoding, encoded) in
            [("gzip", gzip(&bytes)), ("zstd", zstd::encode_all(bytes.as_slice(), 3).unwrap())]
        {
            for cut in [encoded.len() - 1, encoded.len() / 2] {
                assert!(decode(encoding, &encoded[..cut], 4096).is_err(), "{encoding} {cut}");
            }
            assert!(decode(encoding, b"no such stream", 4096).is_err(), "{encoding}");
        }
    }
}
