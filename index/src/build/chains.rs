//! Reallocations made into chains: rows that were one block of the program.

use bytehound_store::{MappedVec, Scratch, SegmentWriter};

use super::rows::RawRow;
use crate::IndexError;
use crate::layout::{NONE, section};

/// Turns the `link` of every row from "reallocated from" to the number of its chain, or [`NONE`] for a row that is
/// alone. Returns how many chains there are.
pub(super) fn number_chains(rows: &mut [RawRow]) -> u32 {
    let mut chains = 0;
    for row in 0..rows.len() {
        // A row comes after the one it was reallocated from, whose link is therefore a chain already.
        let from = rows[row].link;
        if from == NONE {
            continue;
        }
        let first = &mut rows[from as usize];
        if first.link == NONE {
            first.link = chains;
            chains += 1;
        }
        rows[row].link = rows[from as usize].link;
    }
    chains
}

/// Writes which rows each chain has, first to last: no row of a chain is born before the one it came from.
pub(super) fn write_chains(
    writer: &mut SegmentWriter,
    scratch: &Scratch,
    chains: u32,
    rows: &[RawRow],
    order: &[u32],
) -> Result<(), IndexError> {
    let links = || order.iter().map(|&raw| rows[raw as usize].link);
    let mut offsets = MappedVec::<u32>::new(scratch)?;
    offsets.resize_zeroed(chains as usize + 1)?;
    let ends = offsets.as_mut_slice();
    for chain in links().filter(|&chain| chain != NONE) {
        ends[chain as usize + 1] += 1;
    }
    for chain in 0..chains as usize {
        ends[chain + 1] += ends[chain];
    }
    writer.write_section(section::CHAIN_OFFSETS, offsets.as_slice())?;

    let mut members = MappedVec::<u32>::new(scratch)?;
    members.resize_zeroed(offsets.as_slice().last().map_or(0, |&end| end as usize))?;
    let (members_now, next) = (members.as_mut_slice(), offsets.as_mut_slice());
    for (row, chain) in links().enumerate().filter(|&(_, chain)| chain != NONE) {
        let at = &mut next[chain as usize];
        members_now[*at as usize] = row as u32;
        *at += 1;
    }
    writer.write_section(section::CHAIN_ROWS, members.as_slice())?;
    Ok(())
}
