//! Why a file is not opened.

use std::io;

use crate::block::{KIND_LZ4, KIND_STORED};
use crate::decode::Malformed;
use crate::ending::{Defect, Ending};
use crate::kind::EventKind;

/// Why a file is not opened as a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The input could not be read.
    #[error("the capture cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There is no byte.
    #[error("the file is empty: the program was not profiled, or it ended before anything was written")]
    Empty,
    /// It is something else.
    #[error(
        "this is {found}, not a capture: give a `.dat` file that `bytehound run` or `libbytehound.so` wrote"
    )]
    NotACapture {
        /// What it looks like.
        found: &'static str,
    },
    /// It ends before its header does.
    #[error(
        "the file ends before its header is complete (at least {missing} bytes are missing): nothing in it can be used"
    )]
    Truncated {
        /// Bytes that the header lacks, at least.
        missing: u64,
    },
    /// It starts like a capture, but its header cannot be read.
    #[error("the start of the file is damaged: {0}; nothing in it can be used")]
    Damaged(Defect),
    /// A later version of the container.
    #[error(
        "the file is of version {found} of the format, this program reads versions up to 2: use a newer one"
    )]
    Version {
        /// The version.
        found: u8,
    },
    /// The first event is not a header.
    #[error(
        "the file starts with `{found}` instead of `Header`: it is a part of a capture, or something else"
    )]
    NoHeader {
        /// The first event.
        found: EventKind,
    },
}

impl OpenError {
    /// Why there is no first event.
    pub(crate) fn from_ending(ending: Option<&Ending>, start: &[u8]) -> Self {
        let what = match ending {
            None | Some(Ending::Clean | Ending::Partial(_)) => return Self::Empty,
            Some(Ending::Truncated { missing, .. }) => return Self::Truncated { missing: *missing },
            Some(Ending::Corrupt { what, .. }) => what,
        };
        let starts_like_a_block = matches!(start, [KIND_LZ4 | KIND_STORED, ..]);
        match what {
            Defect::Block(_) if !starts_like_a_block => Self::NotACapture { found: guess(start) },
            Defect::Event(Malformed::UnknownTag { .. }) => Self::NotACapture { found: UNKNOWN },
            what => Self::Damaged(what.clone()),
        }
    }
}

const UNKNOWN: &str = "a file of an unknown kind";

/// What a file is, by its first bytes.
fn guess(start: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 8] = [
        (&[0x1f, 0x8b], "a gzip file (unpack it first)"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "a zstd file (unpack it first)"),
        (b"BZh", "a bzip2 file (unpack it first)"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "an xz file (unpack it first)"),
        (&[0x04, 0x22, 0x4d, 0x18], "an LZ4 frame file (unpack it first)"),
        (b"PK", "a zip archive (unpack it first)"),
        (b"\x7fELF", "an ELF binary"),
        (b"{", "a JSON text"),
    ];
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match KNOWN.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, found)) => found,
        None if start.iter().all(is_text) => "a text",
        None => UNKNOWN,
    }
}
