//! The book of maps: calls are entered in their order, and become events at once.

use bytehound_format::region_flags::SHARED;
use bytehound_format::v2::batch::Node;
use bytehound_format::{Event, RegionSource, RegionTargetedSource, Timestamp};

use super::apportion::{Residency, Usage, proportion};
use super::listing::Listing;
use super::names::Names;
use super::regions::{Kind, MapId, Moment, Origin, Region, Regions};
use super::steps::{Phase, Step, pages};
use crate::calls::{Call, JEMALLOC, Request, What};
use crate::clock::Tick;
use crate::sys::Result;

/// Takes events of the capture.
pub(crate) trait Sink {
    /// The time of a tick.
    fn time(&self, tick: Tick) -> Timestamp;

    /// Takes an event of the moment `tick`, after the stacks that it refers to.
    fn event(&mut self, tick: Tick, event: &Event<'_>) -> Result<()>;
}

/// What is mapped, as far as calls told and looks found.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) regions: Regions,
    pub(super) names: Names,
    maps: u64,
    /// Regions on their way to another place: the call, and the region as if the place began at 0.
    moving: Vec<(u64, Region)>,
    /// Kept for its memory.
    sources: Vec<RegionTargetedSource>,
}

impl Book {
    pub(super) fn new() -> Self {
        Self {
            regions: Regions::default(),
            names: Names::default(),
            maps: 0,
            moving: Vec::with_capacity(64),
            sources: Vec::with_capacity(16),
        }
    }

    pub(super) fn next_map(&mut self) -> MapId {
        self.maps += 1;
        MapId(self.maps)
    }

    /// Enters one step of a call. The list says whose code called.
    pub(super) fn enter<S: Sink>(&mut self, step: &Step, listing: &Listing, sink: &mut S) -> Result<()> {
        let call = &step.call;
        match (step.phase, call.what) {
            (Phase::Leaves, What::Map { address, request, .. }) => {
                self.clear(address, address + pages(&request), Some(call), step.tick, sink)
            }
            (Phase::Arrives, What::Map { address, request, caller }) => {
                self.map(call, address, &request, name_by_caller(caller, listing), sink)
            }
            (Phase::Leaves, What::Unmap { address, len, resident }) => {
                self.take_last_usage(address, address + page_up(len), resident, step.tick, sink)?;
                self.clear(address, address + page_up(len), Some(call), step.tick, sink)
            }
            (Phase::Leaves, What::OwnUnmap { address, len }) => {
                self.clear(address, address + page_up(len), Some(call), step.tick, sink)
            }
            (Phase::Leaves, What::Remap { .. }) => self.leave(step, sink),
            (Phase::Arrives, What::Remap { .. }) => self.arrive(step, sink),
            (Phase::Arrives, What::OwnMap { address, len }) => {
                self.map_own(call, address, address + page_up(len), sink)
            }
            (_, What::Mallopt { parameter: param, value, result }) => {
                let timestamp = sink.time(step.tick);
                let (backtrace, thread) = (u64::from(call.stack.0), call.thread);
                sink.event(step.tick, &Event::Mallopt { timestamp, backtrace, thread, param, value, result })
            }
            (Phase::Arrives, What::Unmap { .. } | What::OwnUnmap { .. })
            | (Phase::Leaves, What::OwnMap { .. }) => Ok(()),
        }
    }

    fn map<S: Sink>(
        &mut self,
        call: &Call,
        address: u64,
        request: &Request,
        name: &str,
        sink: &mut S,
    ) -> Result<()> {
        let end = address + pages(request);
        // What is still there was unmapped by someone who does not call through us.
        self.clear(address, end, None, call.after, sink)?;
        let map = self.next_map();
        self.tell_call(call, map, address, request, sink)?;
        let has_file = request.flags & libc::MAP_ANONYMOUS as u32 == 0;
        let shared =
            if request.flags & libc::MAP_TYPE as u32 == libc::MAP_PRIVATE as u32 { 0 } else { SHARED };
        let access = request.protection & (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as u32;
        let name = self.names.intern(if has_file { b"" } else { name.as_bytes() });
        let offset = if has_file { request.offset } else { 0 };
        let kind = Kind { flags: access | shared, name, offset, inode: 0, major: 0, minor: 0 };
        let origin = if has_file { Origin::File } else { Origin::Memory };
        let (since, usage) = (Moment::new(call.after, sink), Usage::default());
        self.add(Region { start: address, end, map, kind, origin, told: false, since, usage }, sink)
    }

    /// Notes memory of this library that was never mapped for itself.
    pub(super) fn own<S: Sink>(&mut self, (start, end): (u64, u64), tick: Tick, sink: &S) {
        let name = self.names.intern(b"[anon:bytehound]");
        let kind = Kind { flags: 0, name, offset: 0, inode: 0, major: 0, minor: 0 };
        let (since, usage) = (Moment::new(tick, sink), Usage::default());
        let map = self.next_map();
        self.regions.insert(Region { start, end, map, kind, origin: Origin::Own, told: false, since, usage });
    }

    fn map_own<S: Sink>(&mut self, call: &Call, start: u64, end: u64, sink: &mut S) -> Result<()> {
        self.clear(start, end, None, call.after, sink)?;
        self.own((start, end), call.after, sink);
        Ok(())
    }

    /// Tells what was in memory of the regions that are about to go as a whole. It was there a moment before.
    fn take_last_usage<S: Sink>(
        &mut self,
        start: u64,
        end: u64,
        resident: u64,
        tick: Tick,
        sink: &mut S,
    ) -> Result<()> {
        let now = Moment::new(tick, sink);
        let before = Moment { time: Timestamp(now.time.0.saturating_sub(1)), ..now };
        for at in self.regions.overlapping(start, end) {
            let Some(region) = self.regions.get_mut(at) else { break };
            let is_whole = start <= region.start && region.end <= end;
            // Of files the kernel says what anybody has in memory.
            if resident == 0 || !is_whole || !region.told || region.kind.inode != 0 {
                continue;
            }
            let resident = proportion(region.len(), resident / 1024, end - start);
            let found = Residency { resident, anonymous: resident, swapped: region.usage.swap };
            let usage = region.usage.share(found);
            if usage != region.usage {
                region.usage = usage;
                tell_usage(region, before, sink)?;
            }
        }
        Ok(())
    }

    /// Regions begin to move, or their place becomes smaller.
    fn leave<S: Sink>(&mut self, step: &Step, sink: &mut S) -> Result<()> {
        let (call, tick) = (&step.call, step.tick);
        let What::Remap { old, old_len, new, new_len, flags, .. } = call.what else { return Ok(()) };
        let (old_len, new_len) = (page_up(old_len), page_up(new_len));
        if old == new {
            return self.clear(old + new_len.min(old_len), old + old_len, Some(call), tick, sink);
        }
        if flags & libc::MREMAP_FIXED as u32 != 0 {
            self.clear(new, new + new_len, Some(call), tick, sink)?;
        }
        // A length of 0 asks for the same pages at a second place.
        let len = if old_len == 0 { new_len } else { old_len };
        for region in self.regions.overlapping(old, old + len) {
            let Some(region) = self.regions.as_slice().get(region) else { break };
            let part = region.part(old, old + len);
            let part = Region { start: part.start - old, end: part.end - old, ..part };
            self.moving.push((step.number, part));
        }
        let stays = old_len == 0 || flags & libc::MREMAP_DONTUNMAP as u32 != 0;
        if stays { Ok(()) } else { self.clear(old, old + len, Some(call), tick, sink) }
    }

    /// Regions come to their new place, or their place becomes larger.
    fn arrive<S: Sink>(&mut self, step: &Step, sink: &mut S) -> Result<()> {
        let (call, since) = (&step.call, Moment::new(step.tick, sink));
        let What::Remap { old, old_len, new, new_len, .. } = call.what else { return Ok(()) };
        let (old_len, new_len) = (page_up(old_len), page_up(new_len));
        if old == new {
            return self.grow(call, old + old_len, old + new_len, sink);
        }
        self.clear(new, new + new_len, None, step.tick, sink)?;
        while let Some(at) = self.moving.iter().position(|(number, _)| *number == step.number) {
            let (_, moved) = self.moving.swap_remove(at);
            // The last one grows, if any does.
            let last = old_len != 0 && moved.end >= old_len;
            let end = if last { new_len } else { moved.end.min(new_len) };
            if moved.start < end {
                let (start, end) = (new + moved.start, new + end);
                self.add(Region { start, end, told: false, since, ..moved }, sink)?;
            }
        }
        Ok(())
    }

    /// The region before `from` grows up to `to`.
    fn grow<S: Sink>(&mut self, call: &Call, from: u64, to: u64, sink: &mut S) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        self.clear(from, to, None, call.after, sink)?;
        let at = self.regions.overlapping(from - 1, from).start;
        let Some(&region) = self.regions.as_slice().get(at).filter(|region| region.end == from) else {
            return Ok(());
        };
        self.regions.remove(at);
        self.tell_gone(&region, region.start, region.end, Some(call), call.after, sink)?;
        let since = Moment::new(call.after, sink);
        self.add(Region { end: to, told: false, since, ..region }, sink)
    }

    /// Takes a range out of all regions, because `call` did or because it was found gone.
    fn clear<S: Sink>(
        &mut self,
        start: u64,
        end: u64,
        call: Option<&Call>,
        tick: Tick,
        sink: &mut S,
    ) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        loop {
            let at = self.regions.overlapping(start, end);
            if at.is_empty() {
                return Ok(());
            }
            let region = self.regions.remove(at.start);
            self.tell_gone(&region, start, end, call, tick, sink)?;
            for (start, end) in [(region.start, start), (end, region.end)] {
                if start < end {
                    let rest = region.part(start, end);
                    let since = Moment::new(tick, sink);
                    self.add(Region { told: false, since, ..rest }, sink)?;
                }
            }
        }
    }

    /// Adds a region. What it shows may have to be found out before it is told.
    fn add<S: Sink>(&mut self, mut region: Region, sink: &mut S) -> Result<()> {
        let is_known = match region.origin {
            Origin::Memory | Origin::Found => true,
            Origin::File => region.kind.inode != 0,
            Origin::Own => false,
        };
        if is_known {
            self.tell(&region, sink)?;
            region.told = true;
        }
        self.regions.insert(region);
        Ok(())
    }

    fn tell_call<S: Sink>(
        &self,
        call: &Call,
        map: MapId,
        address: u64,
        request: &Request,
        sink: &mut S,
    ) -> Result<()> {
        let Some(source) = source(call, call.after, sink) else { return Ok(()) };
        let event = Event::MemoryMapEx {
            map_id: map.0,
            address,
            requested_address: request.address,
            requested_length: request.len,
            mmap_protection: request.protection,
            mmap_flags: request.flags,
            file_descriptor: request.descriptor,
            offset: request.offset,
            source,
        };
        sink.event(call.after, &event)
    }

    /// Tells that a region is there, and what of it is in memory.
    pub(super) fn tell<S: Sink>(&self, region: &Region, sink: &mut S) -> Result<()> {
        let Kind { flags, name, offset, inode, major, minor } = region.kind;
        let event = Event::AddRegion {
            timestamp: region.since.time,
            map_id: region.map.0,
            address: region.start,
            length: region.len(),
            file_offset: offset,
            inode,
            major,
            minor,
            flags,
            name: self.names.get(name).into(),
        };
        sink.event(region.since.tick, &event)?;
        if region.usage == Usage::default() { Ok(()) } else { tell_usage(region, region.since, sink) }
    }

    /// Tells that a region is gone, and that `call` took `start..end` of it. One of this library that was never told
    /// is not worth a word.
    pub(super) fn tell_gone<S: Sink>(
        &mut self,
        region: &Region,
        start: u64,
        end: u64,
        call: Option<&Call>,
        tick: Tick,
        sink: &mut S,
    ) -> Result<()> {
        if !region.told {
            if region.origin == Origin::Own {
                return Ok(());
            }
            self.tell(region, sink)?;
        }
        let mut sources = core::mem::take(&mut self.sources);
        sources.clear();
        let (address, end) = (start.max(region.start), end.min(region.end));
        let source = call.and_then(|call| source(call, tick, sink));
        sources.extend(source.map(|source| RegionTargetedSource { address, length: end - address, source }));
        let event = Event::RemoveRegion {
            timestamp: sink.time(tick),
            map_id: region.map.0,
            address: region.start,
            length: region.len(),
            sources,
        };
        let result = sink.event(tick, &event);
        if let Event::RemoveRegion { sources, .. } = event {
            self.sources = sources;
        }
        result
    }
}

/// Tells what of a region is in memory.
pub(super) fn tell_usage<S: Sink>(region: &Region, now: Moment, sink: &mut S) -> Result<()> {
    let usage = region.usage;
    sink.event(
        now.tick,
        &Event::UpdateRegionUsage {
            timestamp: now.time,
            map_id: region.map.0,
            address: region.start,
            length: region.len(),
            anonymous: usage.anonymous,
            shared_clean: usage.shared_clean,
            shared_dirty: usage.shared_dirty,
            private_clean: usage.private_clean,
            private_dirty: usage.private_dirty,
            swap: usage.swap,
        },
    )
}

/// Who called; none if no stack was taken.
fn source<S: Sink>(call: &Call, tick: Tick, sink: &S) -> Option<RegionSource> {
    let is_known = call.stack != Node::NONE;
    is_known.then(|| RegionSource {
        timestamp: sink.time(tick),
        backtrace: call.stack.0.into(),
        thread: call.thread,
    })
}

/// What memory is called that code at this address has mapped.
fn name_by_caller(caller: u64, listing: &Listing) -> &'static str {
    let path = listing.at(caller).map_or(&b""[..], |listed| listing.name(listed));
    let file = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if caller == JEMALLOC || file.starts_with(b"libjemalloc") {
        "[anon:jemalloc]"
    } else if file.starts_with(b"libc.so") || file.starts_with(b"libc-") {
        "[anon:glibc]"
    } else {
        "[anon:mmap]"
    }
}

fn page_up(len: u64) -> u64 {
    len.saturating_add(4095) & !4095
}
