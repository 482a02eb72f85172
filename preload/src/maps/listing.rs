//! The kernel's list of mappings at one moment.

use bytehound_format::region_flags::{EXECUTABLE, READABLE, SHARED, WRITABLE};

use super::apportion::Usage;
use super::text::{self, number};
use crate::clock::{self, Tick};
use crate::memory::zeroed;
use crate::sys::Result;

/// Longer lines are cut short.
const LINE_LEN_MAX: usize = 16 * 1024;

/// One mapping of the kernel's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) inode: u64,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) usage: Usage,
    /// Where the name is among those of the list.
    name: (u32, u32),
}

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Places,
    Usage,
}

/// All mappings in order, as the kernel told them between two moments.
pub(super) struct Listing {
    pub(super) began: Tick,
    pub(super) ended: Tick,
    pub(super) detail: Detail,
    pub(super) mappings: Vec<Listed>,
    names: Vec<u8>,
    buffer: Vec<u8>,
}

impl Listing {
    /// An empty list.
    pub(super) fn new() -> Self {
        Self {
            began: Tick(0),
            ended: Tick(0),
            detail: Detail::Places,
            mappings: Vec::with_capacity(256),
            names: Vec::with_capacity(16 * 1024),
            buffer: zeroed(LINE_LEN_MAX).unwrap_or_default(),
        }
    }

    /// Looks again.
    pub(super) fn take(&mut self, detail: Detail) -> Result<()> {
        self.mappings.clear();
        self.names.clear();
        self.detail = detail;
        self.began = clock::before();
        let path = match detail {
            Detail::Places => c"/proc/thread-self/maps",
            Detail::Usage => c"/proc/thread-self/smaps",
        };
        let (mappings, names) = (&mut self.mappings, &mut self.names);
        let result = text::for_each_line_of(path, &mut self.buffer, |line| {
            take_line(line, mappings, names);
            true
        });
        self.ended = clock::after();
        result
    }

    /// The list that these lines make.
    #[cfg(test)]
    pub(super) fn of(lines: &[&str], ended: Tick) -> Self {
        let mut listing = Self { ended, ..Self::new() };
        for line in lines {
            take_line(line.as_bytes(), &mut listing.mappings, &mut listing.names);
        }
        listing
    }

    pub(super) fn name(&self, listed: &Listed) -> &[u8] {
        let (start, end) = listed.name;
        self.names.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The mapping that an address lies in.
    pub(super) fn at(&self, address: u64) -> Option<&Listed> {
        let after = self.mappings.partition_point(|listed| listed.start <= address);
        self.mappings.get(after.checked_sub(1)?).filter(|listed| address < listed.end)
    }
}

/// A line begins a mapping, or says something of the last one.
fn take_line(line: &[u8], mappings: &mut Vec<Listed>, names: &mut Vec<u8>) {
    if line.first().is_some_and(u8::is_ascii_uppercase) {
        if let Some(last) = mappings.last_mut() {
            take_amount(line, &mut last.usage);
        }
    } else if let Some(mapping) = text::parse(line) {
        let start = names.len() as u32;
        names.extend_from_slice(mapping.name);
        let flag = |is, flag| if is { flag } else { 0 };
        give_way(mappings, mapping.start);
        mappings.push(Listed {
            start: mapping.start,
            end: mapping.end,
            flags: flag(mapping.readable, READABLE)
                | flag(mapping.writable, WRITABLE)
                | flag(mapping.executable, EXECUTABLE)
                | flag(mapping.shared, SHARED),
            offset: mapping.offset,
            inode: mapping.inode,
            major: mapping.major,
            minor: mapping.minor,
            usage: Usage::default(),
            name: (start, names.len() as u32),
        });
    }
}

/// Takes out what the last mappings had from `start` on. The kernel lists a mapping anew if it has grown since it was
/// listed: where two overlap, the later one is as things are.
fn give_way(mappings: &mut Vec<Listed>, start: u64) {
    while mappings.pop_if(|before| before.start >= start).is_some() {}
    if let Some(before) = mappings.last_mut() {
        before.end = before.end.min(start);
    }
}

/// Reads a line such as `Private_Dirty:       332 kB`.
fn take_amount(line: &[u8], usage: &mut Usage) {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
    let (key, value) = line.split_at(colon);
    let amount = match key {
        b"Anonymous" => &mut usage.anonymous,
        b"Shared_Clean" => &mut usage.shared_clean,
        b"Shared_Dirty" => &mut usage.shared_dirty,
        b"Private_Clean" => &mut usage.private_clean,
        b"Private_Dirty" => &mut usage.private_dirty,
        b"Swap" => &mut usage.swap,
        _ => return,
    };
    let digits = value.get(1..).unwrap_or_default().trim_ascii_start();
    let digits = digits.split(|&byte| byte == b' ').next().unwrap_or_default();
    *amount = number(digits, 10).unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_belong_to_the_mapping_before_them() {
        let (mut mappings, mut names) = (Vec::new(), Vec::new());
        for line in [
            "1000-3000 rw-p 00000000 00:00 0 ",
            "Rss:                   8 kB",
            "Private_Dirty:         8 kB",
            "Anonymous:             8 kB",
            "Swap:                 12 kB",
            "SwapPss:               3 kB",
            "VmFlags: rd wr mr mw me ac",
            "3000-4000 r-xs 00001000 fe:01 42     /lib/x",
            "Shared_Clean:          4 kB",
        ] {
            take_line(line.as_bytes(), &mut mappings, &mut names);
        }
        let [one, two] = mappings[..] else { panic!("{mappings:?}") };
        assert_eq!(one.usage, Usage { anonymous: 8, private_dirty: 8, swap: 12, ..Usage::default() });
        assert_eq!(two.usage, Usage { shared_clean: 4, ..Usage::default() });
        assert_eq!((two.flags, two.offset, two.inode), (READABLE | EXECUTABLE | SHARED, 0x1000, 42));
        assert_eq!(names, b"/lib/x");
    }

    #[test]
    fn a_mapping_that_grew_while_it_was_listed_is_there_once() {
        let listed = |lines: &[&str]| -> Vec<_> {
            let listing = Listing::of(lines, Tick(1));
            listing.mappings.iter().map(|listed| (listed.start, listed.end, listed.usage.anonymous)).collect()
        };
        let upwards = [
            "1000-2000 r--p 00000000 00:00 0 ",
            "3000-5000 rw-p 00000000 00:00 0 ",
            "Anonymous:             8 kB",
            "3000-6000 rw-p 00000000 00:00 0 ",
            "Anonymous:            12 kB",
            "6000-9000 ---p 00000000 00:00 0 ",
        ];
        assert_eq!(listed(&upwards), [(0x1000, 0x2000, 0), (0x3000, 0x6000, 12), (0x6000, 0x9000, 0)]);
        let downwards = ["1000-5000 ---p 00000000 00:00 0 ", "3000-6000 rw-p 00000000 00:00 0 "];
        assert_eq!(listed(&downwards), [(0x1000, 0x3000, 0), (0x3000, 0x6000, 0)]);
    }

    #[test]
    fn looks_find_this_function_and_what_it_needs() {
        let mut listing = Listing::new();
        let here: fn() = looks_find_this_function_and_what_it_needs;
        for detail in [Detail::Places, Detail::Usage] {
            listing.take(detail).unwrap();
            let code = listing.at(here as usize as u64).unwrap();
            assert!(code.flags & EXECUTABLE != 0 && listing.name(code).starts_with(b"/"));
            assert_eq!(code.usage.resident() != 0, detail == Detail::Usage);
            assert!(listing.mappings.is_sorted_by_key(|listed| listed.start));
            assert!(listing.began < listing.ended);
        }
    }
}
