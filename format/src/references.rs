//! Which fields of an event refer to a backtrace.

use crate::event::Event;

/// Shows `visit` every id of a backtrace that must be told before `event`, to be changed or not. The 0 of a free
/// whose stack was not taken is none.
pub(crate) fn visit(event: &mut Event<'_>, mut visit: impl FnMut(&mut u64)) {
    match event {
        Event::Alloc { allocation, .. }
        | Event::Realloc { allocation, .. }
        | Event::AllocEx { allocation, .. }
        | Event::ReallocEx { allocation, .. } => visit(&mut allocation.backtrace),
        Event::Free { backtrace: 0, .. } | Event::FreeEx { backtrace: 0, .. } => {}
        Event::Free { backtrace, .. }
        | Event::FreeEx { backtrace, .. }
        | Event::MemoryMap { backtrace, .. }
        | Event::MemoryUnmap { backtrace, .. }
        | Event::Mallopt { backtrace, .. }
        | Event::GroupStatistics { backtrace, .. } => visit(backtrace),
        Event::MemoryMapEx { source, .. } => visit(&mut source.backtrace),
        Event::RemoveRegion { sources, .. } => {
            sources.iter_mut().for_each(|removal| visit(&mut removal.source.backtrace));
        }
        _ => {}
    }
}
