//! Events of mapped memory.

use bytehound_format::{Event, RegionSource, RegionTargetedSource};

use super::super::mappings::{Call, MappedFile, Place, Removal};
use super::Loader;

impl Loader<'_> {
    /// They count for the end of the capture, too.
    pub(super) fn take_mapping(&mut self, event: Event<'_>) {
        match event {
            Event::MemoryMapEx {
                map_id,
                address,
                requested_length: size,
                mmap_protection,
                mmap_flags,
                source,
                ..
            } => {
                self.see(source.timestamp);
                let (place, call) = (Place { address, size }, self.call(&source));
                self.mappings.call(map_id, place, mmap_protection, mmap_flags, call, &mut self.defects);
            }
            Event::AddRegion {
                timestamp,
                map_id,
                address,
                length: size,
                file_offset: offset,
                inode,
                major,
                minor,
                flags,
                name,
            } => {
                let time = self.see(timestamp);
                let (place, file) = (Place { address, size }, MappedFile { offset, inode, major, minor });
                self.mappings.add_region(time, map_id, place, file, flags, &name, &mut self.defects);
            }
            Event::RemoveRegion { timestamp, map_id, address, length: size, sources } => {
                let time = self.see(timestamp);
                let removal = |part: &RegionTargetedSource| Removal {
                    place: Place { address: part.address, size: part.length },
                    call: self.call(&part.source),
                };
                let removals = sources.iter().map(removal).collect();
                let place = Place { address, size };
                self.mappings.remove_region(time, map_id, place, removals, &mut self.defects);
            }
            Event::UpdateRegionUsage {
                timestamp,
                map_id,
                address,
                length: size,
                anonymous,
                shared_clean,
                shared_dirty,
                private_clean,
                private_dirty,
                swap,
            } => {
                let time = self.see(timestamp);
                let kib = [anonymous, shared_clean, shared_dirty, private_clean, private_dirty, swap];
                self.mappings.update_usage(time, map_id, Place { address, size }, kib, &mut self.defects);
            }
            _ => {}
        }
    }

    fn call(&self, source: &RegionSource) -> Call {
        Call {
            time: self.clock.wall_us(source.timestamp),
            thread: source.thread,
            backtrace: self.stacks.find(source.backtrace),
        }
    }
}
