//! A binary as the loader sees it: who it is, and where its segments want to be.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use crate::Error;

/// The longest build-id that is believed, in bytes; linkers write 8 to 32.
pub(crate) const MAX_BUILD_ID_BYTES: usize = 64;

/// Marks an id made of the content of a binary that has no build-id.
const CONTENT_MARK: char = 'x';
const CONTENT_HASH_DIGITS: usize = 32;

/// The identity of a binary: the lower-case hexadecimal digits of its GNU build-id, or `x` and the digits of
/// a 128-bit hash of its content when it has none.
///
/// The text is safe as a file name. Note that a build-id is what the file *claims*: a stripped binary and its
/// debug file share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BinaryId(String);

impl BinaryId {
    /// Reads the text form back, refusing everything that [`inspect`](crate::inspect) would not have made.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix(CONTENT_MARK);
        let plausible = match digits {
            Some(digits) => digits.len() == CONTENT_HASH_DIGITS,
            None => !text.is_empty() && text.len().is_multiple_of(2) && text.len() <= 2 * MAX_BUILD_ID_BYTES,
        };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if plausible && digits.unwrap_or(text).bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            let text = text.chars().take(40).collect();
            Err(Error::InvalidBinaryId { text })
        }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a build-id, which a file of debug information shares with its binary.
    pub fn is_build_id(&self) -> bool {
        !self.0.starts_with(CONTENT_MARK)
    }

    /// The id of a binary whose build-id is known; `None` when the build-id identifies nothing.
    ///
    /// Some build systems write zeros to keep builds reproducible, and all their binaries would be one.
    pub(crate) fn from_build_id(build_id: &[u8]) -> Option<Self> {
        let identifies =
            (2..=MAX_BUILD_ID_BYTES).contains(&build_id.len()) && build_id.iter().any(|&byte| byte != 0);
        identifies.then(|| {
            let mut text = String::with_capacity(2 * build_id.len());
            for byte in build_id {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            Self(text)
        })
    }

    pub(crate) fn from_content(content: &[u8]) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_128(content);
        Self(format!("{CONTENT_MARK}{hash:0width$x}", width = CONTENT_HASH_DIGITS))
    }
}

impl fmt::Display for BinaryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for BinaryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// A part of the file that is mapped into memory (`PT_LOAD`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoadSegment {
    /// Where the segment starts in the file.
    pub file_offset: u64,
    /// Where it starts in the address space of the binary (`p_vaddr`).
    pub address: u64,
    /// How much of it is in the file.
    pub file_size: u64,
    /// How much of it is in memory; what the file lacks is zero.
    pub memory_size: u64,
    /// May be read.
    pub readable: bool,
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
    /// The alignment that file offset and address share (`p_align`).
    pub alignment: u64,
}

/// What [`inspect`](crate::inspect) learns of a binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Who it is.
    pub id: BinaryId,
    /// Its load segments, in the order of the program headers.
    pub segments: Vec<LoadSegment>,
}
