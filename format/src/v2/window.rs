//! A part of a file that can be looked at before it is taken.

use std::io::{self, Read};

/// Bytes that are asked of the input at once.
const CHUNK: usize = 64 * 1024;

/// A position in a file, and the bytes behind it that were read already.
#[derive(Debug)]
pub(crate) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), start: 0, end: 0, offset: 0 }
    }

    /// Where in the file this is.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `len` bytes; fewer only if the file ends before.
    pub(crate) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.end - self.start < len && self.fill(len)? {}
        let end = self.end.min(self.start + len);
        Ok(self.bytes.get(self.start..end).unwrap_or_default())
    }

    /// Takes `len` of the bytes that were looked at.
    pub(crate) fn take(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Takes everything before the next `pattern`, or to the end of the file.
    pub(crate) fn take_up_to(&mut self, pattern: &[u8]) -> io::Result<()> {
        loop {
            let held = self.bytes.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = held.windows(pattern.len()).position(|bytes| bytes == pattern) {
                self.take(at);
                return Ok(());
            }
            self.take((held.len() + 1).saturating_sub(pattern.len()));
            if !self.fill(pattern.len())? {
                self.take(usize::MAX);
                return Ok(());
            }
        }
    }

    /// Reads on, with room for `len` bytes in all; false at the end of the file.
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        if self.bytes.len() - self.start < len.max(CHUNK) {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() < self.end + CHUNK {
            // Memory grows with what was read, not with what is asked for.
            self.bytes.resize(self.end + CHUNK, 0);
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.input.read(room) {
                Ok(more) => {
                    self.end += more;
                    return Ok(more > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = out.len().min(1);
            self.0.read(&mut out[..len])
        }
    }

    #[test]
    fn bytes_are_there_until_they_are_taken() {
        let mut window = Window::new(Slow(b"hello world"));
        assert_eq!(window.peek(5).expect("no error"), b"hello");
        assert_eq!(window.peek(6).expect("no error"), b"hello ");
        window.take(6);
        assert_eq!(window.peek(99).expect("no error"), b"world");
        assert_eq!(window.offset(), 6);
    }

    #[test]
    fn a_pattern_is_found_however_the_input_comes() {
        let mut window = Window::new(Slow(b"aaabaabb"));
        window.take_up_to(b"aabb").expect("no error");
        assert_eq!(window.offset(), 4);
        window.take_up_to(b"abc").expect("no error");
        assert_eq!(window.offset(), 8);
        assert!(window.peek(1).expect("no error").is_empty());
    }
}
