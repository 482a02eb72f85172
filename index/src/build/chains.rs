//! The rows of each chain: they were one block of the program.

use bytehound_store::{MappedVec, Scratch, SegmentWriter};

use super::columns::OrderedRows;
use crate::IndexError;
use crate::layout::{NONE, section};

/// Writes which rows each chain has, first to last: no row of a chain is born before the one it came from.
pub(super) fn write_chains(
    writer: &mut SegmentWriter,
    scratch: &Scratch,
    rows: &OrderedRows<'_>,
) -> Result<(), IndexError> {
    let chains = rows.rows.chains;
    let links = || rows.numbers(0..rows.len()).map(|raw| rows.rows.ends.as_slice()[raw].chain);
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
