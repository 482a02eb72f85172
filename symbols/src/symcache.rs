//! The digested symbols of one binary, as bytes that are mapped and asked, never loaded.
//!
//! ```text
//! offset size
//!      0    8  the magic "bhsymc\0\0"
//!      8    4  SYMCACHE_VERSION
//!     12    4  zero
//!     16    8  load address: what to subtract from an address of the binary
//!     24    8  length of the symcache that follows
//!     32    8  xxh3 of bytes 0..32 and of the first 128 bytes of the symcache, where its counts are
//!     40    .  symcache, as `symbolic` writes it; its addresses are 32 bits wide, from the load address
//! ```
//!
//! Integers are little endian. The hash keeps a lookup from trusting damaged counts; everything behind the
//! counts is bounds-checked at each access, so damage there costs names and is no danger.

use std::borrow::Cow;

use symbolic::symcache::{SourceLocation, SymCache};
use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;

/// The version of the bytes that [`digest`](fn@crate::digest) makes; part of the file name in a store.
///
/// It is `symbolic`'s version and, in the last two digits, that of our own header and rules.
pub const SYMCACHE_VERSION: u32 = symbolic::symcache::SYMCACHE_VERSION * 100 + 1;

const MAGIC: &[u8; 8] = b"bhsymc\0\0";
const HEADER_SIZE: usize = 40;
/// The part of the header that the hash covers.
const HASHED_HEADER: usize = 32;
/// At least the header of `symbolic`'s format, which holds its counts.
const HASHED_BODY: usize = 128;
const ALIGNMENT: usize = 8;

/// No compiler nests as many inlined functions at one address, and [`digest`](fn@crate::digest) takes no deeper
/// ones; damaged bytes may nest without end.
const MAX_FRAMES: usize = 2048;

/// The symbols of one binary, over bytes that [`digest`](fn@crate::digest) made.
#[derive(Debug)]
pub struct Symcache<'a> {
    load_address: u64,
    symbols: SymCache<'a>,
}

/// One function at an address: the physical one, or one that was inlined into the next frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SymbolFrame<'a> {
    /// The name as the linker knows it, of the whole function where it is in two pieces; see [`demangle`](crate::demangle::demangle).
    pub raw_function: &'a str,
    /// The full path of the source file, if known.
    pub source: Option<Cow<'a, str>>,
    /// The line in it, counted from 1.
    pub line: Option<u32>,
    /// The column in it. The present symcache version records none, so this is always `None` here; captures
    /// that were decoded elsewhere do have columns.
    pub column: Option<u32>,
    /// Whether the function was inlined into the one of the next frame.
    pub is_inline: bool,
}

impl<'a> Symcache<'a> {
    /// Opens the bytes, which must start at a multiple of 8, as memory maps do. It reads the headers only.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (load_address, body) = open(bytes)?;
        let symbols = SymCache::parse(body).map_err(|_| Error::DamagedSymcache { what: "body" })?;
        Ok(Self { load_address, symbols })
    }

    /// Appends the frames at an address of the binary to `out`, innermost inlined function first.
    ///
    /// A return address is the address *after* the call: subtract 1 from it before asking. Nothing is
    /// appended where no function is known.
    pub fn lookup(&self, address: u64, out: &mut Vec<SymbolFrame<'a>>) {
        let Some(relative) = address.checked_sub(self.load_address) else {
            return;
        };
        let first = out.len();
        out.extend(self.symbols.lookup(relative).take(MAX_FRAMES).filter_map(|location| frame(&location)));
        if let Some(physical) = out[first..].last_mut() {
            physical.is_inline = false;
        }
    }
}

fn frame<'a>(location: &SourceLocation<'a, '_>) -> Option<SymbolFrame<'a>> {
    let raw_function = whole_function(location.function().name());
    let source = location.file().map(|file| file.full_path()).filter(|path| !path.is_empty());
    let line = Some(location.line()).filter(|&line| line != 0 && source.is_some());
    // Damaged bytes and anonymous debug entries have no name; a frame without one says nothing.
    let named = !raw_function.is_empty() && raw_function != "?";
    named.then(|| SymbolFrame {
        raw_function,
        source: source.map(Cow::Owned),
        line,
        column: None,
        is_inline: true,
    })
}

/// A compiler may put the unlikely half of a function elsewhere, as `name.cold`. It belongs to the function all the
/// same; and where it lies in front, its name is given to both halves.
fn whole_function(name: &str) -> &str {
    let numbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let unnumbered = numbered.strip_suffix('.').filter(|_| numbered.len() < name.len()).unwrap_or(name);
    unnumbered.strip_suffix(".cold").unwrap_or(name)
}

/// Puts our header before the bytes of `symbolic`.
pub(crate) fn seal(load_address: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_SIZE + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&SYMCACHE_VERSION.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&load_address.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let hash = head_hash(&bytes, body);
    bytes.extend_from_slice(&hash.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Checks our header; gives the load address and the bytes of `symbolic`.
fn open(bytes: &[u8]) -> Result<(u64, &[u8]), Error> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
        return Err(Error::DamagedSymcache { what: "length of the header" });
    };
    let word = |at: usize| header[at..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
    if !header.starts_with(MAGIC) {
        return Err(Error::DamagedSymcache { what: "magic" });
    }
    // The low half of the word; the high half is the zero.
    let found = word(8) as u32;
    if found != SYMCACHE_VERSION {
        return Err(Error::SymcacheVersion { found, expected: SYMCACHE_VERSION });
    }
    if word(24) != body.len() as u64 {
        return Err(Error::DamagedSymcache { what: "length" });
    }
    if word(HASHED_HEADER) != head_hash(&header[..HASHED_HEADER], body) {
        return Err(Error::DamagedSymcache { what: "hash of the headers" });
    }
    if !body.as_ptr().addr().is_multiple_of(ALIGNMENT) {
        return Err(Error::MisalignedSymcache);
    }
    Ok((word(16), body))
}

fn head_hash(header: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(header);
    hash.update(&body[..body.len().min(HASHED_BODY)]);
    hash.digest()
}
