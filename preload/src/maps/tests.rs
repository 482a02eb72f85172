//! Calls and lists to events.

use bytehound_format::v2::batch::Node;
use bytehound_format::{Event, Timestamp};

use super::book::{Book, Sink};
use super::listing::Listing;
use super::reconcile::{Ranges, Reconciler};
use super::steps::Steps;
use crate::calls::{Call, JEMALLOC, Request, What};
use crate::clock::Tick;
use crate::sys::Result;

const STACK: Node = Node(9);
const FIXED: i32 = libc::MAP_FIXED;

/// Keeps events as lines: `+` a region, `-` one that is gone, with the parts that calls took.
#[derive(Default)]
struct Lines(Vec<String>);

impl Sink for Lines {
    fn time(&self, tick: Tick) -> Timestamp {
        Timestamp(tick.0)
    }

    fn event(&mut self, _: Tick, event: &Event<'_>) -> Result<()> {
        self.0.push(match event {
            Event::MemoryMapEx { map_id, address, source, .. } => {
                format!("{}: map {map_id} {address:x}", source.timestamp.0)
            }
            Event::AddRegion { timestamp, map_id, address, length, flags, name, .. } => {
                let end = address + length;
                format!("{}: + {map_id} {address:x}-{end:x} {flags} {name}", timestamp.0)
            }
            Event::RemoveRegion { timestamp, map_id, address, length, sources } => {
                let part = |part: &bytehound_format::RegionTargetedSource| {
                    format!(" {:x}-{:x}", part.address, part.address + part.length)
                };
                let parts: String = sources.iter().map(part).collect();
                format!("{}: - {map_id} {address:x}-{:x} by{parts}", timestamp.0, address + length)
            }
            Event::UpdateRegionUsage { timestamp, map_id, address, length, private_dirty, .. } => {
                format!("{}: = {map_id} {address:x}-{:x} {private_dirty}", timestamp.0, address + length)
            }
            _ => return Ok(()),
        });
        Ok(())
    }
}

/// A program whose calls come one after the other, and a kernel that is asked now and then.
struct Program {
    book: Book,
    steps: Steps,
    lines: Lines,
    now: u64,
    listing: Listing,
}

impl Program {
    fn new() -> Self {
        let listing = Listing::of(&[], Tick(0));
        Self { book: Book::new(), steps: Steps::new(), lines: Lines::default(), now: 0, listing }
    }

    fn call(&mut self, what: What) {
        self.now += 10;
        let (before, after) = (Tick(self.now), Tick(self.now + 1));
        self.steps.add(Call { before, after, thread: 1, stack: STACK, what });
        let steps: Vec<_> = self.steps.take_before(Tick(u64::MAX)).collect();
        for step in steps {
            self.book.enter(&step, &self.listing, &mut self.lines).unwrap();
        }
    }

    fn map(&mut self, start: u64, end: u64, flags: i32) {
        let request = Request {
            len: end - start,
            protection: 3,
            flags: (flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u32,
            ..Request::default()
        };
        self.call(What::Map { address: start, request, caller: 0 });
    }

    fn map_file(&mut self, start: u64, len: u64, offset: u64) {
        let flags = libc::MAP_PRIVATE as u32;
        let request = Request { len, protection: 1, flags, offset, ..Request::default() };
        self.call(What::Map { address: start, request, caller: 0 });
    }

    fn unmap(&mut self, start: u64, end: u64) {
        self.call(What::Unmap { address: start, len: end - start, resident: 0 });
    }

    fn remap(&mut self, (old, old_end): (u64, u64), (new, new_end): (u64, u64), flags: i32) {
        let (old_len, new_len) = (old_end - old, new_end - new);
        self.call(What::Remap { old, old_len, new, new_len, flags: flags as u32, caller: 0 });
    }

    fn look(&mut self, lines: &[&str], touched: &[(u64, u64)]) {
        self.now += 10;
        self.listing = Listing::of(lines, Tick(self.now));
        let mut ranges = Ranges::new();
        ranges.set(touched.iter().copied());
        let mut reconciler = Reconciler::new();
        reconciler.correct(&mut self.book, &self.listing, &ranges, &mut self.lines).unwrap();
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(core::mem::take(&mut self.lines.0), expected);
    }
}

#[test]
fn what_is_left_of_a_map_is_regions_of_it() {
    let mut program = Program::new();
    program.map(0x1000, 0x9000, 0);
    program.check(&["11: map 1 1000", "11: + 1 1000-9000 3 [anon:mmap]"]);
    program.unmap(0x3000, 0x4000);
    program.check(&[
        "20: - 1 1000-9000 by 3000-4000",
        "20: + 1 1000-3000 3 [anon:mmap]",
        "20: + 1 4000-9000 3 [anon:mmap]",
    ]);
    program.unmap(0x2000, 0x9000);
    program.check(&[
        "30: - 1 1000-3000 by 2000-3000",
        "30: + 1 1000-2000 3 [anon:mmap]",
        "30: - 1 4000-9000 by 4000-9000",
    ]);
}

#[test]
fn what_was_in_memory_of_a_map_that_goes_is_told_before_its_end() {
    let mut program = Program::new();
    program.map(0x1000, 0x9000, 0);
    program.map_file(0x10000, 4096, 0);
    program.lines.0.clear();
    program.call(What::Unmap { address: 0x1000, len: 0x8000, resident: 0x3000 });
    program.call(What::Unmap { address: 0x10000, len: 0x1000, resident: 0x1000 });
    program.check(&[
        "29: = 1 1000-9000 12",
        "30: - 1 1000-9000 by 1000-9000",
        "21: + 2 10000-11000 1 ",
        "40: - 2 10000-11000 by 10000-11000",
    ]);
}

#[test]
fn a_map_on_top_takes_its_part_before_it_is_there() {
    let mut program = Program::new();
    program.map(0x1000, 0x5000, 0);
    program.map(0x1000, 0x2000, FIXED);
    program.check(&[
        "11: map 1 1000",
        "11: + 1 1000-5000 3 [anon:mmap]",
        "20: - 1 1000-5000 by 1000-2000",
        "20: + 1 2000-5000 3 [anon:mmap]",
        "21: map 2 1000",
        "21: + 2 1000-2000 3 [anon:mmap]",
    ]);
}

#[test]
fn a_map_where_one_is_known_shows_that_this_was_unmapped_unseen() {
    let mut program = Program::new();
    program.map(0x1000, 0x3000, 0);
    program.map(0x1000, 0x2000, 0);
    let lines = &program.lines.0[2..];
    assert_eq!(lines[..2], ["21: - 1 1000-3000 by", "21: + 1 2000-3000 3 [anon:mmap]"]);
}

#[test]
fn a_map_that_moves_and_grows_stays_the_same_map() {
    let mut program = Program::new();
    program.map(0x1000, 0x3000, 0);
    program.remap((0x1000, 0x3000), (0x10000, 0x14000), libc::MREMAP_MAYMOVE);
    program.remap((0x10000, 0x14000), (0x10000, 0x15000), 0);
    program.remap((0x10000, 0x15000), (0x10000, 0x11000), 0);
    program.check(&[
        "11: map 1 1000",
        "11: + 1 1000-3000 3 [anon:mmap]",
        "20: - 1 1000-3000 by 1000-3000",
        "21: + 1 10000-14000 3 [anon:mmap]",
        "31: - 1 10000-14000 by 10000-14000",
        "31: + 1 10000-15000 3 [anon:mmap]",
        "40: - 1 10000-15000 by 11000-15000",
        "40: + 1 10000-11000 3 [anon:mmap]",
    ]);
}

#[test]
fn a_second_view_of_the_same_pages_is_a_region_of_the_same_map() {
    let mut program = Program::new();
    program.map(0x1000, 0x3000, 0);
    program.remap((0x1000, 0x1000), (0x8000, 0xa000), libc::MREMAP_MAYMOVE);
    program.remap((0x1000, 0x3000), (0x1000, 0x3000), 0);
    let told = &program.lines.0[2..];
    assert_eq!(told, ["21: + 1 8000-a000 3 [anon:mmap]"]);
}

#[test]
fn a_file_is_told_when_its_name_is_known() {
    let mut program = Program::new();
    program.map_file(0x1000, 5000, 0x2000);
    program.check(&["11: map 1 1000"]);
    program.look(&["1000-3000 r--p 00002000 fe:00 77 /some/file"], &[]);
    program.check(&["11: + 1 1000-3000 1 /some/file"]);
    program.look(&["1000-3000 r--p 00002000 fe:00 77 /some/file"], &[]);
    program.check(&[]);
}

#[test]
fn a_file_that_is_gone_before_a_look_is_told_without_its_name() {
    let mut program = Program::new();
    program.map_file(0x1000, 4096, 0);
    program.unmap(0x1000, 0x2000);
    program.check(&["11: map 1 1000", "11: + 1 1000-2000 1 ", "20: - 1 1000-2000 by 1000-2000"]);
}

#[test]
fn a_look_finds_what_no_call_told_of_and_keeps_merged_maps_apart() {
    let mut program = Program::new();
    program.map(0x2000, 0x3000, 0);
    program.map(0x3000, 0x4000, 0);
    program.lines.0.clear();
    program.look(&["1000-5000 rw-p 00000000 00:00 0", "8000-9000 r-xp 00000000 fe:00 5 /lib/x"], &[]);
    program.check(&["30: + 3 1000-2000 3 ", "30: + 4 4000-5000 3 ", "30: + 5 8000-9000 5 /lib/x"]);
    program.look(&["2000-4000 rw-p 00000000 00:00 0"], &[]);
    program.check(&["40: - 3 1000-2000 by", "40: - 4 4000-5000 by", "40: - 5 8000-9000 by"]);
}

#[test]
fn a_look_does_not_judge_what_calls_have_touched_since() {
    let mut program = Program::new();
    program.map(0x2000, 0x4000, 0);
    program.lines.0.clear();
    program.look(&["8000-a000 rw-p 00000000 00:00 0"], &[(0x3000, 0x4000), (0x9000, 0xa000)]);
    program.check(&[]);
}

#[test]
fn protected_parts_are_regions_of_their_own_until_the_kernel_unites_them() {
    let mut program = Program::new();
    program.map(0x1000, 0x4000, 0);
    program.lines.0.clear();
    program.look(&["1000-2000 r--p 00000000 00:00 0", "2000-4000 rw-p 00000000 00:00 0"], &[]);
    program.check(&[
        "20: - 1 1000-4000 by",
        "20: + 1 1000-2000 1 [anon:mmap]",
        "20: + 1 2000-4000 3 [anon:mmap]",
    ]);
    program.look(&["1000-4000 rw-p 00000000 00:00 0"], &[]);
    program.check(&["30: - 1 1000-2000 by", "30: - 1 2000-4000 by", "30: + 1 1000-4000 3 [anon:mmap]"]);
}

#[test]
fn a_heap_that_grows_stays_one_map() {
    let mut program = Program::new();
    program.look(&["1000-2000 rw-p 00000000 00:00 0 [heap]"], &[]);
    program.check(&["10: + 1 1000-2000 3 [heap]"]);
    program.look(&["1000-4000 rw-p 00000000 00:00 0 [heap]"], &[]);
    program.check(&["20: - 1 1000-2000 by", "20: + 1 1000-4000 3 [heap]"]);
}

#[test]
fn memory_of_this_library_is_told_once_a_look_has_seen_it() {
    let mut program = Program::new();
    program.call(What::OwnMap { address: 0x1000, len: 100 });
    program.call(What::OwnMap { address: 0x5000, len: 4096 });
    program.call(What::OwnUnmap { address: 0x5000, len: 4096 });
    program.check(&[]);
    program.look(&["1000-2000 rw-p 00000000 00:00 0"], &[]);
    program.check(&["40: + 1 1000-2000 3 [anon:bytehound]"]);
}

#[test]
fn memory_is_named_after_the_library_that_maps_it() {
    let mut program = Program::new();
    let lines = [
        "1000-2000 r-xp 00000000 fe:00 1 /usr/lib/libjemalloc.so.2",
        "2000-3000 r-xp 00000000 fe:00 2 /lib/x86_64-linux-gnu/libc.so.6",
        "3000-4000 r-xp 00000000 fe:00 3 /bin/program",
    ];
    program.look(&lines, &[]);
    program.lines.0.clear();
    let request = Request { len: 4096, flags: libc::MAP_ANONYMOUS as u32, ..Request::default() };
    let callers =
        [(0x10000, 0x1234), (0x20000, 0x2345), (0x30000, 0x3456), (0x40000, 0), (0x50000, JEMALLOC)];
    for (address, caller) in callers {
        program.call(What::Map { address, request, caller });
    }
    let names = ["[anon:jemalloc]", "[anon:glibc]", "[anon:mmap]", "[anon:mmap]", "[anon:jemalloc]"];
    let told: Vec<_> = program.lines.0.iter().filter_map(|line| line.rsplit_once(' ')).collect();
    assert!(names.iter().all(|name| told.iter().any(|(_, end)| end == name)));
    assert_eq!(
        told.iter().filter_map(|(_, end)| names.contains(end).then_some(*end)).collect::<Vec<_>>(),
        names
    );
}
