//! Taking fields from bytes that may end anywhere.

use crate::varint;

/// Why a field could not be taken.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The event has at least this many bytes, counted from its start.
    Incomplete { needed: usize },
    /// A length field says more than is allowed.
    TooLong { what: &'static str, len: u64, limit: u64 },
}

/// A position in the bytes of one event.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    contents_limit: u64,
    oversized: Option<u64>,
}

impl<'a> Cursor<'a> {
    /// Starts at the start of an event.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], contents_limit: u64) -> Self {
        Self { bytes, at: 0, contents_limit, oversized: None }
    }

    /// Bytes taken.
    #[inline(always)]
    pub(crate) fn used(&self) -> usize {
        self.at
    }

    /// Whether nothing is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Length of the contents that were left in the stream, if they were above the limit.
    #[inline(always)]
    pub(crate) fn oversized(&self) -> Option<u64> {
        self.oversized
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(array) = rest.first_chunk::<N>() else {
            return Err(self.incomplete(N));
        };
        self.at += N;
        Ok(*array)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(slice) = rest.get(..len) else {
            return Err(self.incomplete(len));
        };
        self.at += len;
        Ok(slice)
    }

    /// `count` elements of `size` bytes each; `what` names them if there are more than `limit`.
    pub(crate) fn elements(
        &mut self,
        what: &'static str,
        count: u64,
        limit: u64,
        size: usize,
    ) -> Result<&'a [u8], Stop> {
        let count = checked_count(what, count, limit)?;
        self.slice(count.saturating_mul(size))
    }

    /// Makes sure that there is room for `count` elements of at least `size_min` bytes each.
    pub(crate) fn expect_elements(
        &self,
        what: &'static str,
        count: u64,
        limit: u64,
        size_min: usize,
    ) -> Result<(), Stop> {
        let needed = checked_count(what, count, limit)?.saturating_mul(size_min);
        let rest = self.bytes.len().saturating_sub(self.at);
        if needed > rest { Err(self.incomplete(needed)) } else { Ok(()) }
    }

    /// The contents of an embedded file, or nothing of them if they are above the limit. They end their event.
    pub(crate) fn contents(&mut self, len: u64) -> Result<&'a [u8], Stop> {
        match usize::try_from(len) {
            Ok(len_held) if len <= self.contents_limit => self.slice(len_held),
            _ => {
                self.oversized = Some(len);
                Ok(&[])
            }
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Stop> {
        let [first] = self.array()?;
        let following = self.slice(varint::len(first) - 1)?;
        Ok(varint::decode(first, following))
    }

    #[cold]
    fn incomplete(&self, len: usize) -> Stop {
        Stop::Incomplete { needed: self.at.saturating_add(len) }
    }
}

fn checked_count(what: &'static str, count: u64, limit: u64) -> Result<usize, Stop> {
    match usize::try_from(count) {
        Ok(small) if count <= limit => Ok(small),
        _ => Err(Stop::TooLong { what, len: count, limit }),
    }
}
