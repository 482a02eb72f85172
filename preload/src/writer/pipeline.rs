//! The way from the rings into the file.

use bytehound_format::Timestamp;
use bytehound_format::v2::batch::{Node, State};
use bytehound_format::v2::{BlockKind, Caller, ClockPair, Complete, End};
use bytehound_rings::{Commit, Round, Sink};
use bytehound_settings::{Format, Settings};

use super::culling::Culling;
use super::direct::Direct;
use super::events::Events;
use super::lanes::Lanes;
use super::modules::Modules;
use super::stream::Stream;
use crate::clock::{self, Conversion, Pair, Tick};
use crate::lifecycle::{self, Start};
use crate::maps::Watch;
use crate::sys::{Errno, Result};
use crate::unwind::{self, Checks};

pub(super) struct Pipeline {
    way: Way,
    maps: Watch,
    /// Everything before it was taken out of the rings.
    complete: Tick,
    /// The last moment that was read from both clocks.
    now: Pair,
}

enum Way {
    /// As they are: version 2.
    Direct(Direct),
    /// In one order: 0.11, and culling.
    Ordered(Lanes),
}

impl Pipeline {
    pub(super) fn new(start: &Start, mut stream: Stream) -> Self {
        let modules = Modules::new(start.settings.write_binaries_to_output, start.process);
        let conversion = Conversion::measured(start.moment);
        let culling = culling(&start.settings);
        let way = match (start.settings.format, &culling) {
            (Format::V2, None) => {
                stream.mark(start.moment.tick);
                Way::Direct(Direct::new(stream, conversion, modules))
            }
            _ => Way::Ordered(Lanes::new(Events::new(stream, conversion, modules, culling))),
        };
        let maps = Watch::new(start.settings.gathers_maps());
        Self { way, maps, complete: Tick(0), now: Pair::now() }
    }

    /// Takes the moment at which a round begins.
    pub(super) fn advance(&mut self, now: Pair) {
        self.now = now;
        match &mut self.way {
            Way::Direct(direct) => direct.advance(now),
            Way::Ordered(lanes) => {
                lanes.events.advance(now);
            }
        }
    }

    /// Writes the memory map; gives its text.
    pub(super) fn write_map(&mut self, now: Pair) -> Result<Vec<u8>> {
        self.advance(now);
        match &mut self.way {
            Way::Direct(direct) => direct.write_map(),
            Way::Ordered(lanes) => lanes.events.write_map(now),
        }
    }

    /// Writes the files of the map.
    pub(super) fn write_binaries(&mut self, map: &[u8], now: Pair) -> Result<()> {
        match &mut self.way {
            Way::Direct(direct) => direct.write_binaries(map),
            Way::Ordered(lanes) => lanes.events.write_binaries(map, now),
        }
    }

    /// Tells what was mapped before everything was complete.
    pub(super) fn look_at_maps(&mut self, last: bool) -> Result<()> {
        match &mut self.way {
            Way::Direct(direct) => self.maps.round(self.complete, last, direct),
            Way::Ordered(lanes) => self.maps.round(self.complete, last, &mut lanes.events),
        }
    }

    /// Says whether somebody waits for all there is at the end of the next round.
    pub(super) fn set_awaited(&mut self, is_awaited: bool) {
        if let Way::Ordered(lanes) = &mut self.way {
            lanes.set_awaited(is_awaited);
        }
    }

    /// Writes the names of generated code and of threads that are new.
    fn write_names(&mut self, last: bool) -> Result<()> {
        match &mut self.way {
            Way::Direct(direct) => direct.write_names(last),
            Way::Ordered(lanes) => lanes.events.write_names(last),
        }
    }

    /// Writes what is collected to the file.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.stream().flush()
    }

    fn stream(&mut self) -> &mut Stream {
        match &mut self.way {
            Way::Direct(direct) => &mut direct.stream,
            Way::Ordered(lanes) => &mut lanes.events.stream,
        }
    }

    /// Whether another process could go on with the file.
    pub(super) fn can_be_handed_over(&self) -> bool {
        matches!(self.way, Way::Direct(_))
    }

    /// Writes the end.
    pub(super) fn end(&mut self, lost: u64) -> Result<()> {
        self.flush()?;
        let end = End { tick: self.now.tick.0, cause: lifecycle::end_cause(), dropped: lost };
        self.stream().block(BlockKind::End, [&end.to_bytes(), &[], &[]])
    }

    /// Says what is complete.
    fn mark(&mut self, round: &Round) -> Result<()> {
        self.flush()?;
        let pair = ClockPair { tick: self.now.tick.0, nanoseconds: self.now.nanoseconds };
        let complete = Complete { before: round.before.0, pair, dropped: round.lost };
        self.stream().block(BlockKind::Complete, [&complete.to_bytes(), &[], &[]])?;
        // What is told from here on, happens after all that was told before.
        match &mut self.way {
            Way::Direct(direct) => direct.stream.mark(round.before),
            // What is in one order stays in it.
            Way::Ordered(lanes) => lanes.events.stream.advance(round.before),
        }
        Ok(())
    }

    /// What the file holds, if another process could go on with it.
    pub(super) fn written(&self) -> Commit {
        match &self.way {
            Way::Direct(direct) => direct.written(),
            Way::Ordered(_) => Commit::default(),
        }
    }
}

impl Sink for Pipeline {
    type Error = Errno;

    fn stacks(&mut self, first: Node, nodes: &mut dyn Iterator<Item = (Caller, u64)>) -> Result<()> {
        match &mut self.way {
            Way::Direct(direct) => direct.stacks(first, nodes),
            Way::Ordered(lanes) => lanes.stacks(first, nodes),
        }
    }

    fn batch(&mut self, ring: u32, state: &State, bytes: [&[u8]; 2]) -> Result<()> {
        match &mut self.way {
            Way::Direct(direct) => direct.batch(ring, state, bytes),
            Way::Ordered(lanes) => lanes.batch(ring, state, bytes),
        }
    }

    fn complete(&mut self, round: &Round) -> Result<()> {
        self.complete = round.before;
        let is_last = round.before == Tick(u64::MAX);
        self.look_at_maps(is_last)?;
        if is_last && let Some(Checks { checked, mismatched }) = unwind::checks() {
            let found = format!("checked={checked} mismatched={mismatched}\n");
            let timestamp = Timestamp(clock::nanoseconds() / 1000);
            self.stream().file(timestamp, "bytehound/checked-backtraces", found.as_bytes())?;
        }
        self.write_names(is_last)?;
        match &mut self.way {
            Way::Direct(direct) => direct.complete(round),
            Way::Ordered(lanes) => lanes.complete(round),
        }?;
        self.mark(round)
    }
}

/// The stage that leaves out what lives only shortly, if it is asked for.
fn culling(settings: &Settings) -> Option<Box<Culling>> {
    settings.cull_temporary_allocations.then(|| {
        Box::new(Culling::new(
            settings.temporary_allocation_lifetime_threshold,
            settings.temporary_allocation_pending_threshold,
            clock::nanoseconds() / 1000,
        ))
    })
}
