//! The rows of several groups of one selection, found in one pass.

use rayon::prelude::*;

use crate::columns::Columns;
use crate::layout::NONE;
use crate::row_set::{Block, block_len, block_rows, first_row};
use crate::{BacktraceSet, Cancel, IndexError, Profile, RowSet, Selection};

/// The rows of groups of one selection, or `None` if they are no such groups, or have backtraces in common.
pub(crate) fn split(
    profile: &Profile,
    groups: &[&Selection],
    cancel: &Cancel,
) -> Result<Option<Vec<RowSet>>, IndexError> {
    let sets: Option<Vec<_>> = groups.iter().map(|group| group.as_groups().map(|(_, set)| set)).collect();
    let base = groups.first().and_then(|group| group.as_groups());
    let (Some(sets), Some((base, _))) = (sets.filter(|sets| sets.len() > 1), base) else { return Ok(None) };
    let Some(owners) = Owners::of(profile.columns(), &sets) else { return Ok(None) };
    owners.split(profile.columns(), profile.rows(base, cancel)?.as_ref(), cancel).map(Some)
}

/// The group that each backtrace belongs to, by its number, or [`NONE`].
struct Owners {
    groups: usize,
    of: Vec<u32>,
}

impl Owners {
    /// `None` if a backtrace belongs to several.
    fn of(columns: &Columns<'_>, groups: &[&BacktraceSet]) -> Option<Self> {
        let mut of = vec![NONE; columns.backtrace_count() as usize];
        for (group, set) in (0..).zip(groups) {
            for backtrace in set.iter() {
                let Some(owner) = of.get_mut(backtrace.0 as usize) else { continue };
                if std::mem::replace(owner, group) != NONE {
                    return None;
                }
            }
        }
        Some(Self { groups: groups.len(), of })
    }

    /// What of `rows` each group has.
    fn split(
        &self,
        columns: &Columns<'_>,
        rows: &RowSet,
        cancel: &Cancel,
    ) -> Result<Vec<RowSet>, IndexError> {
        let of_block = |index: usize| {
            cancel.check()?;
            Ok(self.split_block(columns, rows, index).into_iter())
        };
        let blocks = (0..rows.block_count()).into_par_iter();
        let mut blocks: Vec<_> = blocks.map(of_block).collect::<Result<_, IndexError>>()?;
        let of_group = |_| {
            let own = blocks.iter_mut().map(|groups| groups.next().unwrap_or(Block::Empty));
            RowSet::from_blocks(rows.universe(), own.collect())
        };
        Ok((0..self.groups).map(of_group).collect())
    }

    fn split_block(&self, columns: &Columns<'_>, rows: &RowSet, index: usize) -> Vec<Block> {
        if matches!(rows.block(index), Block::Empty) {
            return Vec::new();
        }
        let mut offsets = vec![Vec::new(); self.groups];
        let mut add = |offset: u32, backtrace: u32| {
            let owner = self.of.get(backtrace as usize).copied().unwrap_or(NONE);
            if let Some(offsets) = offsets.get_mut(owner as usize) {
                offsets.push(offset as u16);
            }
        };
        let first = first_row(index);
        if matches!(rows.block(index), Block::Listed(_)) {
            rows.iter_block(index).for_each(|row| add(row.0 - first, columns.backtrace.at(row.0 as usize)));
        } else {
            let mut backtraces = Vec::new();
            let backtraces = columns.backtrace.read(block_rows(rows.universe(), index), &mut backtraces);
            rows.iter_block(index).for_each(|row| add(row.0 - first, backtraces[(row.0 - first) as usize]));
        }
        let len = block_len(rows.universe(), index);
        offsets.into_iter().map(|offsets| Block::of_offsets(offsets, len)).collect()
    }
}
