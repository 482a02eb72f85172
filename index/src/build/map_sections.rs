//! Mapped memory, and calls of `mallopt`, to their sections.

use bytehound_store::SegmentWriter;

use super::interner::Interner;
use super::mappings::{Map, Mappings, Region};
use crate::IndexError;
use crate::layout::{
    MalloptRecord, MapRecord, NEVER, NONE, RegionRecord, RemovalRecord, UsageRecord, map_flags, section,
};

/// Writes maps; their names become strings of the index.
pub(super) fn write_maps(
    writer: &mut SegmentWriter,
    mappings: Mappings,
    dense: &[u32],
    strings: &mut Interner<u8>,
) -> Result<(), IndexError> {
    let names = mappings.names.slices();
    let names = (0..names.len()).map(|name| strings.intern(names.get(name))).collect();
    let mut tables = Tables { dense, names, regions: Vec::new(), removals: Vec::new(), usage: Vec::new() };
    let maps: Result<Vec<_>, _> =
        mappings.maps.into_iter().map(|map| tables.map(map, &mappings.regions)).collect();
    writer.write_section(section::MAPS, &maps?)?;
    writer.write_section(section::MAP_REGIONS, &tables.regions)?;
    writer.write_section(section::MAP_REMOVALS, &tables.removals)?;
    writer.write_section(section::MAP_USAGE, &tables.usage)?;
    Ok(())
}

/// Writes calls of `mallopt`, whose backtraces are numbers of the capture until here.
pub(super) fn write_mallopts(
    writer: &mut SegmentWriter,
    mut mallopts: Vec<MalloptRecord>,
    dense: &[u32],
) -> Result<(), IndexError> {
    for call in mallopts.iter_mut().filter(|call| call.backtrace != NONE) {
        call.backtrace = dense[call.backtrace as usize];
    }
    Ok(writer.write_section(section::MALLOPTS, &mallopts)?)
}

struct Tables<'a> {
    dense: &'a [u32],
    names: Vec<u32>,
    regions: Vec<RegionRecord>,
    removals: Vec<RemovalRecord>,
    usage: Vec<UsageRecord>,
}

impl Tables<'_> {
    fn map(&mut self, map: Map, regions: &[Region]) -> Result<MapRecord, IndexError> {
        let (mut unmapped, mut unmapped_by) = (NEVER, NONE);
        let last = map.last_region(regions).map(std::ptr::from_ref);
        let first_region = number(self.regions.len())?;
        for region in map.regions.iter().map(|&region| &regions[region as usize]) {
            let first_removal = self.region(region)?;
            if last.is_some_and(|last| std::ptr::eq(last, region)) {
                unmapped = region.removed;
                unmapped_by = if region.removals.is_empty() { NONE } else { first_removal };
            }
        }
        let first_usage = number(self.usage.len())?;
        let (mut usage, peak_rss) = map.changes.into_levels();
        let usage_count = number(usage.len())?;
        self.usage.append(&mut usage);
        let called = map.call.map_or(0, |_| map_flags::CALLED);
        Ok(MapRecord {
            address: map.address,
            size: map.size,
            mapped: map.mapped,
            unmapped,
            peak_rss,
            backtrace: map.call.map_or(NONE, |call| call.dense_backtrace(self.dense)),
            thread: map.call.map_or(0, |call| call.thread),
            unmapped_by,
            name: self.names[map.name as usize],
            flags: map.flags | called,
            first_region,
            region_count: map.regions.len() as u32,
            first_usage,
            usage_count,
            reserved: 0,
        })
    }

    /// Returns where its removals begin.
    fn region(&mut self, region: &Region) -> Result<u32, IndexError> {
        let first_removal = number(self.removals.len())?;
        self.removals.extend(region.removals.iter().map(|removal| RemovalRecord {
            address: removal.place.address,
            size: removal.place.size,
            time: removal.call.time,
            backtrace: removal.call.dense_backtrace(self.dense),
            thread: removal.call.thread,
        }));
        self.regions.push(RegionRecord {
            address: region.place.address,
            size: region.place.size,
            added: region.added,
            removed: region.removed,
            file_offset: region.file.offset,
            inode: region.file.inode,
            major: region.file.major,
            minor: region.file.minor,
            flags: region.flags,
            name: self.names[region.name as usize],
            first_removal,
            removal_count: number(region.removals.len())?,
        });
        Ok(first_removal)
    }
}

fn number(len: usize) -> Result<u32, IndexError> {
    u32::try_from(len).map_err(|_| IndexError::TooManyMaps)
}
