//! The rows of each chain: they were one block of the program.

use bytehound_store::{MappedVec, Scratch, SegmentWriter};
use bytemuck::{Pod, Zeroable};

use crate::IndexError;
use crate::layout::section;

/// A row, and the chain that it is in.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct Member {
    pub(super) row: u32,
    pub(super) chain: u32,
}

/// Writes which rows each chain has, first to last: no row of a chain is born before the one it came from. The members are
/// in the order of their rows.
pub(super) fn write_chains(
    writer: &mut SegmentWriter,
    scratch: &Scratch,
    members: &[Member],
    chains: u32,
) -> Result<(), IndexError> {
    let mut offsets = MappedVec::<u32>::new(scratch)?;
    offsets.resize_zeroed(chains as usize + 1)?;
    let ends = offsets.as_mut_slice();
    members.iter().for_each(|member| ends[member.chain as usize + 1] += 1);
    for chain in 0..chains as usize {
        ends[chain + 1] += ends[chain];
    }
    writer.write_section(section::CHAIN_OFFSETS, offsets.as_slice())?;

    let mut rows = MappedVec::<u32>::new(scratch)?;
    rows.resize_zeroed(members.len())?;
    let (rows_now, next) = (rows.as_mut_slice(), offsets.as_mut_slice());
    for member in members {
        let at = &mut next[member.chain as usize];
        rows_now[*at as usize] = member.row;
        *at += 1;
    }
    writer.write_section(section::CHAIN_ROWS, rows.as_slice())?;
    Ok(())
}
