//! How deep the debug information of a binary nests. Readers of DWARF walk it by recursion, and a stack
//! overflow cannot be caught: so the depth is measured first, in a plain loop.

use gimli::Dwarf;

use crate::line_tables::Slice;

/// Whether any unit nests its entries deeper than `limit`. Units that cannot be read end the walk; a reader
/// ends there, too.
pub(crate) fn exceeds(limit: isize, dwarf: &Dwarf<Slice<'_>>) -> bool {
    let mut units = dwarf.units();
    while let Ok(Some(unit)) = units.next() {
        let Ok(abbreviations) = unit.abbreviations(&dwarf.debug_abbrev) else {
            continue;
        };
        let Ok(mut entries) = unit.entries_raw(&abbreviations, None) else {
            continue;
        };
        while !entries.is_empty() {
            if entries.next_depth() > limit {
                return true;
            }
            let Ok(abbreviation) = entries.read_abbreviation() else {
                break;
            };
            let attributes = abbreviation.map_or(&[][..], |abbreviation| abbreviation.attributes());
            if entries.skip_attributes(attributes).is_err() {
                break;
            }
        }
    }
    false
}
