//! The start of a file, which says what version it is.

use std::io::{self, Read};

use crate::v2;

/// How much of a file says what it is: the magic bytes of version 2 and the start of its first block.
const START_LEN: usize = 12;

/// What the start of a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 0.11, or no capture at all.
    V1,
    /// Version 2.
    V2,
    /// A later one.
    Later(u8),
}

/// A file whose start was looked at, but not taken.
#[derive(Debug)]
pub(crate) struct Input<R> {
    start: [u8; START_LEN],
    len: usize,
    at: usize,
    rest: R,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(mut rest: R) -> io::Result<Self> {
        let mut start = [0; START_LEN];
        let len = read_full(&mut rest, &mut start)?;
        Ok(Self { start, len, at: 0, rest })
    }

    /// What version this is. One damaged byte does not hide version 2.
    pub(crate) fn version(&self) -> Version {
        let start = self.start.get(..self.len).unwrap_or_default();
        let magic = start.get(..v2::MAGIC.len().min(self.len)).unwrap_or_default();
        if !magic.is_empty() && v2::MAGIC.starts_with(magic) || start.ends_with(&v2::MARKER) {
            return Version::V2;
        }
        match (magic.split_last(), v2::MAGIC.split_last()) {
            (Some((&version, name)), Some((_, ours))) if name == ours => Version::Later(version),
            _ => Version::V1,
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let kept = self.start.get(self.at..self.len).filter(|kept| !kept.is_empty());
        let Some(mut kept) = kept else { return self.rest.read(out) };
        let len = kept.read(out)?;
        self.at += len;
        Ok(len)
    }
}

/// Reads until `out` is full or the input ends.
pub(crate) fn read_full(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
