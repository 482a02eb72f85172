//! Memory for the code of detours: executable, never writable, and so near to a module that a jump reaches it.

use crate::arch::SLOT_LEN;
use crate::maps;
use crate::sys::{self, Errno, Result};

/// Slots, one a function.
#[derive(Debug)]
pub(crate) struct Slots {
    start: u64,
}

const PAGE: u64 = 4096;
/// Kept free around other mappings.
const DISTANCE: u64 = 16 * PAGE;
/// A jump reaches 2 GiB; this is less by what the functions refer to.
const REACH: u64 = 1 << 30;
/// Somebody else may take a place that was just found free.
const ATTEMPTS: u32 = 8;
/// The kernel lets nobody map below.
const LOWEST: u64 = 1 << 16;

impl Slots {
    /// `count` slots near the code from `start` to `end`.
    pub(super) fn near(start: u64, end: u64, count: usize) -> Result<Self> {
        let len = ((count * SLOT_LEN) as u64).next_multiple_of(PAGE);
        let mut error = Errno(libc::ENOMEM);
        for _ in 0..ATTEMPTS {
            for place in places(start, end, len)?.into_iter().flatten() {
                match sys::map_code(place as usize, len as usize) {
                    Ok(()) => return Ok(Self { start: place }),
                    Err(errno) => error = errno,
                }
            }
        }
        Err(error)
    }

    pub(super) fn at(&self, index: usize) -> u64 {
        self.start + (index * SLOT_LEN) as u64
    }
}

/// The nearest free places below and above. Below is better: a program's heap grows upwards behind it.
fn places(start: u64, end: u64, len: u64) -> Result<[Option<u64>; 2]> {
    let mut buffer = vec![0; 16 * 1024];
    let mut places = [None; 2];
    let mut last = LOWEST;
    maps::for_each_line(&mut buffer, |line| {
        let Some(mapping) = maps::parse(line) else { return true };
        let room = mapping.start.saturating_sub(last);
        if room >= len + 2 * DISTANCE {
            let [below, above] = &mut places;
            if mapping.start <= start {
                *below = Some(mapping.start - DISTANCE - len).filter(|place| end - place < REACH);
            } else if last >= end && above.is_none() {
                *above = Some(last + DISTANCE).filter(|place| place + len - start < REACH);
            }
        }
        last = last.max(mapping.end);
        places[1].is_none()
    })?;
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_near_the_code_they_are_for_and_hold_nothing_yet() {
        let here = slots_are_near_the_code_they_are_for_and_hold_nothing_yet as fn() as usize as u64;
        let slots = Slots::near(here, here + 100, 70).unwrap();
        assert!(slots.at(0).abs_diff(here) < REACH);
        assert_eq!(slots.at(1) - slots.at(0), SLOT_LEN as u64);
        let others = Slots::near(here, here + 100, 1).unwrap();
        assert!(others.at(0).abs_diff(slots.at(0)) >= PAGE);
    }
}
