//! The part of the stack that may be read: a bad rule must not make the program fault.
#![expect(unsafe_code, reason = "reads the program's stack")]

use crate::maps;

/// Stack memory from the innermost frame to the end of its mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    start: u64,
    end: u64,
}

impl Stack {
    #[inline]
    pub(super) fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Where the mapping ends.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The word at an address that [`Stack::has`], or that was read before, of a stack with the same end.
    #[inline(always)]
    pub(super) fn read_again(&self, address: u64) -> u64 {
        // SAFETY: `has` found the address aligned and inside a mapping that `Regions::stack` found readable and that ends
        // where this one does; this thread's stack pointer is in it, so it is still there.
        unsafe { core::ptr::with_exposed_provenance::<u64>(address as usize).read_volatile() }
    }

    /// Whether these are whole words of this stack: `len` bytes that end at an address.
    #[inline(always)]
    pub(super) fn has(&self, len: u64, end: u64) -> bool {
        end <= self.end && end.wrapping_sub(self.start) >= len && end > self.start && end.is_multiple_of(8)
    }

    /// The word at `address`, if it is a word of this stack.
    #[inline(always)]
    pub(super) fn read(&self, address: u64) -> Option<u64> {
        self.has(8, address.wrapping_add(8)).then(|| self.read_again(address))
    }
}

#[derive(Clone, Copy, Debug)]
struct Region {
    start: u64,
    end: u64,
}

/// Stacks that a thread used lately: its own, that of its signal handlers, those of its coroutines.
/// Zeroed memory is a valid one.
#[derive(Debug)]
pub(super) struct Regions {
    known: [Region; 4],
    buffer: [u8; 4096],
    /// After a stack was not found: how often it is not looked for, and how often it was not, yet.
    skips: u32,
    skipped: u32,
}

/// The kernel keeps this much free below the main stack, so that it can grow.
const GROWTH_GAP: u64 = 1 << 20;
const SKIPS_MAX: u32 = 1 << 20;

impl Regions {
    /// The stack that `sp` points into. If it is not found, nothing of it can be read.
    #[inline]
    pub(super) fn stack(&mut self, sp: u64) -> Stack {
        let [latest, ..] = self.known;
        let region = if (latest.start..latest.end).contains(&sp) { Some(latest) } else { self.look_up(sp) };
        Stack { start: sp, end: region.map_or(sp, |region| region.end) }
    }

    /// Memory to read memory maps with.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Whether all of these lie in the stack that was used last; also while it is being looked up.
    ///
    /// # Safety
    /// `this` is valid for reads.
    pub(super) unsafe fn latest_contains(this: *const Self, addresses: [u64; 2]) -> bool {
        // SAFETY: as the caller vouches; it is read once, whatever it holds.
        let [latest, ..] = unsafe { (&raw const (*this).known).read_volatile() };
        addresses.iter().all(|address| (latest.start..latest.end).contains(address))
    }

    #[cold]
    fn look_up(&mut self, sp: u64) -> Option<Region> {
        let known = self.known.iter().position(|region| (region.start..region.end).contains(&sp));
        let region = match known {
            Some(at) => self.known[at],
            None => self.ask(sp, find)?,
        };
        let at = known.unwrap_or(self.known.len() - 1);
        self.known[..=at].rotate_right(1);
        self.known[0] = region;
        Some(region)
    }

    /// Where the list of mappings can't be read, as in a sandbox, it is asked for ever more rarely.
    fn ask(&mut self, sp: u64, find: impl FnOnce(u64, &mut [u8]) -> Option<Region>) -> Option<Region> {
        if self.skipped < self.skips {
            self.skipped += 1;
            return None;
        }
        let found = find(sp, &mut self.buffer);
        self.skips = if found.is_some() { 0 } else { (2 * self.skips).clamp(1, SKIPS_MAX) };
        self.skipped = 0;
        found
    }
}

fn find(sp: u64, buffer: &mut [u8]) -> Option<Region> {
    let mut found = None;
    let _ = maps::for_each_line(buffer, |line| {
        let Some(mapping) = maps::parse(line) else { return true };
        if mapping.start <= sp && sp < mapping.end && mapping.readable {
            let grows = mapping.name == b"[stack]";
            let start = if grows { mapping.start.saturating_sub(GROWTH_GAP) } else { mapping.start };
            found = Some(Region { start, end: mapping.end });
        }
        mapping.end <= sp
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions() -> Box<Regions> {
        let nothing = Region { start: 0, end: 0 };
        Box::new(Regions { known: [nothing; 4], buffer: [0; 4096], skips: 0, skipped: 0 })
    }

    #[test]
    fn only_whole_words_of_the_stack_are_read() {
        let words = [11_u64, 22, 33];
        let start = words.as_ptr().expose_provenance() as u64;
        let stack = Stack { start, end: start + 24 };
        assert_eq!(stack.read(start + 16), Some(33));
        for outside in [start - 8, start + 24, start + 4, 0, u64::MAX] {
            assert_eq!(stack.read(outside), None);
            assert!(!stack.has(8, outside.wrapping_add(8)));
        }
        assert!(stack.has(24, start + 24) && stack.has(8, start + 8));
        assert!(!stack.has(32, start + 24) && !stack.has(24, start + 16));
    }

    #[test]
    fn the_stack_of_a_thread_is_found_and_ends_with_its_mapping() {
        let local = 5_u64;
        let sp = (&raw const local).expose_provenance() as u64;
        let stack = regions().stack(sp);
        assert_eq!(stack.read(sp), Some(5));
        assert!(stack.end - stack.start < 1 << 30);
        assert_eq!(stack.read(stack.end), None);
    }

    #[test]
    fn nothing_is_read_of_a_stack_that_is_not_mapped() {
        assert_eq!(regions().stack(0x10).read(0x10), None);
    }

    #[test]
    fn mappings_that_cannot_be_read_are_asked_for_ever_more_rarely() {
        let mut regions = regions();
        let mut asked = 0;
        for _ in 0..50_000 {
            let found = regions.ask(0x1000, |_, _| {
                asked += 1;
                None
            });
            assert!(found.is_none());
        }
        assert!((5..20).contains(&asked), "asked {asked} times");
        let found = (0..100_000).find_map(|_| regions.ask(5, |sp, _| Some(Region { start: sp, end: 9 })));
        assert_eq!(found.map(|region| region.end), Some(9));
    }
}
