//! Names of code that the program generated: the list that runtimes write for `perf` (`/tmp/perf-PID.map`).

use rustc_hash::FxHashMap;

use super::stacks::Location;

/// What stands for the library of generated code.
pub(super) const LIBRARY: &str = "[jit]";

/// Whether a file of a capture is the list of the process `pid`.
pub(super) fn is_list(path: &str, pid: u32) -> bool {
    path.strip_prefix("/tmp/perf-").and_then(|rest| rest.strip_suffix(".map")) == Some(&pid.to_string())
}

/// Names of those addresses that lie in generated code.
#[derive(Default)]
pub(super) struct Generated<'a>(FxHashMap<u64, Place<'a>>);

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) function: &'a str,
    /// Bytes from the function's start.
    pub(super) offset: u64,
}

impl<'a> Generated<'a> {
    /// Looks the addresses without a module up in a list: what stands later in it is newer.
    pub(super) fn new(list: &'a str, locations: &[Location]) -> Self {
        let unresolved = |location: &Location| match location {
            Location::Unresolved { address } => Some(*address),
            _ => None,
        };
        let mut addresses: Vec<u64> = locations.iter().filter_map(unresolved).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut places = FxHashMap::default();
        let mut unnamed = Unnamed::new(addresses.len());
        // The newest first: each address is named once.
        for (start, len, function) in list.lines().rev().filter_map(parse) {
            let mut at = unnamed.first_from(addresses.partition_point(|&address| address < start));
            while let Some(&address) = addresses.get(at).filter(|&&address| address - start < len) {
                places.insert(address, Place { function, offset: address - start });
                unnamed.take(at);
                at = unnamed.first_from(at);
            }
        }
        Self(places)
    }

    pub(super) fn get(&self, address: u64) -> Option<Place<'a>> {
        self.0.get(&address).copied()
    }
}

/// Which of a row of things have no name yet: where the next one may be, at or behind each.
struct Unnamed(Vec<usize>);

impl Unnamed {
    fn new(len: usize) -> Self {
        Self((0..=len).collect())
    }

    /// The first without a name at or behind `at`; the length of the row if there is none.
    fn first_from(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn take(&mut self, at: usize) {
        self.0[at] = at + 1;
    }
}

/// A line: start and length in hexadecimal, and the name, which may have spaces.
fn parse(line: &str) -> Option<(u64, u64, &str)> {
    let mut fields = line.splitn(3, ' ');
    let mut number = || {
        let digits = fields.next()?;
        u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
    };
    let (start, len) = (number()?, number()?);
    let name = fields.next()?.trim();
    (!name.is_empty()).then_some((start, len, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_name_that_was_given_to_it_last() {
        let list =
            "1000 20 old one\n2000 10 other\n0x1010 0x8 new\nnonsense\n3000 ffffffffffffffff endless\n";
        let at = [0xfff, 0x1000, 0x100f, 0x1010, 0x1017, 0x1018, 0x1020, 0x2fff, 0x3000];
        let locations = at.map(|address| Location::Unresolved { address });
        let generated = Generated::new(list, &locations);
        let found = at.map(|address| generated.get(address).map(|place| (place.function, place.offset)));
        let old = |offset| Some(("old one", offset));
        let new = |offset| Some(("new", offset));
        assert_eq!(found, [None, old(0), old(15), new(0), new(7), old(24), None, None, Some(("endless", 0))]);
    }

    #[test]
    fn only_the_list_of_the_captured_process_counts() {
        assert!(is_list("/tmp/perf-42.map", 42));
        assert!(!is_list("/tmp/perf-42.map", 43));
        assert!(!is_list("/tmp/perf-42.map.old", 42));
    }
}
