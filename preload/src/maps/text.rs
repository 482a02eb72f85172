//! Reading the process's memory map piece by piece, without memory of its own.
//!
//! It is read through the calling thread: the process's own entry of `/proc` is empty once its first thread ended.

use core::ffi::CStr;

use crate::sys::{self, Descriptor, Open};

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    pub(crate) shared: bool,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// Device of the file.
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) inode: u64,
    /// Path of the file, a name in brackets, or nothing.
    pub(crate) name: &'a [u8],
}

/// Reads a line such as `7f00-7f10 r-xp 00001000 08:01 42   /lib/libc.so.6`.
pub(crate) fn parse(line: &[u8]) -> Option<Mapping<'_>> {
    let (range, rest) = split(line, b' ')?;
    let (start, end) = split(range, b'-')?;
    let (permissions, rest) = split(rest, b' ')?;
    let (offset, rest) = split(rest, b' ')?;
    let (device, rest) = split(rest, b' ')?;
    let (major, minor) = split(device, b':')?;
    let (inode, name) = split(rest, b' ').unwrap_or((rest, &[]));
    Some(Mapping {
        start: number(start, 16)?,
        end: number(end, 16)?,
        readable: permissions.first() == Some(&b'r'),
        writable: permissions.get(1) == Some(&b'w'),
        executable: permissions.get(2) == Some(&b'x'),
        shared: permissions.get(3) == Some(&b's'),
        offset: number(offset, 16)?,
        major: number(major, 16)? as u32,
        minor: number(minor, 16)? as u32,
        inode: number(inode, 10)?,
        name: name.trim_ascii_start(),
    })
}

/// Calls `visit` for every line of the process's map, without its end, until it returns false.
///
/// A line longer than `buffer` is cut short.
pub(crate) fn for_each_line(buffer: &mut [u8], visit: impl FnMut(&[u8]) -> bool) -> sys::Result<()> {
    for_each_line_of(c"/proc/thread-self/maps", buffer, visit)
}

/// As [`for_each_line`], of another file.
pub(super) fn for_each_line_of(
    path: &CStr,
    buffer: &mut [u8],
    mut visit: impl FnMut(&[u8]) -> bool,
) -> sys::Result<()> {
    let descriptor = sys::open(path, Open::Read)?;
    let result = scan(descriptor, buffer, &mut visit);
    sys::close(descriptor);
    result
}

fn scan(from: Descriptor, buffer: &mut [u8], visit: &mut impl FnMut(&[u8]) -> bool) -> sys::Result<()> {
    let mut held = 0;
    loop {
        let read = sys::read(from, buffer.get_mut(held..).unwrap_or_default())?;
        let text = buffer.get(..held + read).unwrap_or_default();
        let mut lines = text.split(|&byte| byte == b'\n');
        let unfinished = lines.next_back().unwrap_or_default().len();
        if !lines.all(&mut *visit) || read == 0 {
            return Ok(());
        }
        let start = text.len() - unfinished;
        buffer.copy_within(start..start + unfinished, 0);
        // A line that fills the buffer is given up.
        held = if unfinished < buffer.len() { unfinished } else { 0 };
    }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|&byte| byte == at)?;
    Some((text.get(..position)?, text.get(position + 1..)?))
}

pub(super) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_library_is_understood() {
        let line =
            b"7f0123400000-7f0123456000 r-xp 00028000 fe:01 4711                       /usr/lib/a b.so";
        let mapping = parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end), (0x7f01_2340_0000, 0x7f01_2345_6000));
        assert!(mapping.readable && !mapping.writable && mapping.executable && !mapping.shared);
        assert_eq!((mapping.offset, mapping.major, mapping.minor), (0x28000, 0xfe, 1));
        assert_eq!((mapping.inode, mapping.name), (4711, &b"/usr/lib/a b.so"[..]));
    }

    #[test]
    fn a_line_without_a_name_is_understood() {
        for line in [&b"1000-2000 rw-s 00000000 00:00 0"[..], b"1000-2000 rw-s 00000000 00:00 0 "] {
            let mapping = parse(line).unwrap();
            assert!(mapping.shared && !mapping.executable && mapping.name.is_empty());
        }
    }

    #[test]
    fn what_is_no_line_of_a_map_is_refused() {
        for line in [&b""[..], b"hello", b"10-zz rw-p 0 0:0 0", b"10-20 rw-p 0 0 0", b"10-20 rw-p 0"] {
            assert_eq!(parse(line), None);
        }
    }

    #[test]
    fn a_small_buffer_sees_the_same_mappings_as_a_large_one() {
        let own = core::ptr::from_ref(&NAME).addr() as u64;
        for len in [512, 1 << 16] {
            let mut found = false;
            for_each_line(&mut vec![0; len], |line| {
                found |= parse(line).is_some_and(|mapping| (mapping.start..mapping.end).contains(&own));
                true
            })
            .unwrap();
            assert!(found, "with {len} bytes");
        }
    }

    static NAME: &str = "somewhere";
}
